"""A quenched network as the stages see it: a random part, and a structure kept in its factors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Network:
    """A network rebuilt from its identity: `random` (N, N) or None, structure M N^T / N as M (N, rank), N^T / N (rank, N)."""

    N: int
    random: NDArray[np.float64] | None
    left: NDArray[np.float64]
    right: NDArray[np.float64]

    def dense(self, gain: float = 1.0) -> NDArray[np.float64]:
        """Gain x random part + structure, (N, N)."""
        structure = self.left @ self.right if self.left.shape[1] else np.zeros((self.N, self.N))
        return structure if self.random is None else gain * self.random + structure
