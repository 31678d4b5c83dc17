"""How fast this machine is: a short run of the kernels themselves, so that `plan` can forecast."""

import time
from dataclasses import dataclass, field

import numpy as np

from rnn_atlas.kernels.lanes import LANES
from rnn_atlas.kernels.product import ROWS, pack, padded
from rnn_atlas.kernels.simulate import advance
from rnn_atlas.kernels.sparse import NO_ROWS
from rnn_atlas.kernels.step import AFFINE, Columns, Couplings, lanes, pack_structure, rk4_scheme, to_blocks, workspace
from rnn_atlas.kernels.tangent import orthonormalize
from rnn_atlas.kernels.transfer import TANH

_SECONDS = 0.08
_LARGEST = 2000
_PER_TILE = 0.03


@dataclass
class Machine:
    """Measured speeds of one core, each measured when first asked for."""

    _column_step: dict[tuple[int, int], float] = field(default_factory=dict)
    _rates: dict[str, float] = field(default_factory=dict)

    def column_step(self, N: int, columns: int) -> float:
        """Seconds of one step of one column of a dense network; above N = 2000 scaled from there."""
        size = min(N, _LARGEST)
        count = min(padded(max(columns, 1), LANES), 128)
        key = (size, count)
        if key not in self._column_step:
            self._column_step[key] = _time_step(size, count)
        return self._column_step[key] * (N / size) ** 2

    def eigen_flops(self) -> float:
        """Flops per second in dense eigenvalues and singular values, counting 25 N^3."""
        if "eigen" not in self._rates:
            J = np.random.Generator(np.random.Philox(0)).standard_normal((300, 300))
            start = time.perf_counter()
            np.linalg.eigvals(J)
            np.linalg.norm(J, 2)
            self._rates["eigen"] = 25.0 * 300**3 / (time.perf_counter() - start)
        return self._rates["eigen"]

    def orthonormalization_flops(self) -> float:
        """Flops per second of Gram-Schmidt."""
        if "gram" not in self._rates:
            A = np.random.Generator(np.random.Philox(0)).standard_normal((13, 200, LANES))
            A = np.ascontiguousarray(A[:, : 200 // ROWS * ROWS])
            room = np.empty((1, A.shape[1] // ROWS, LANES, ROWS)), np.empty((13, LANES, LANES))
            orthonormalize(A.copy(), 0, 104, np.zeros(104), *room)
            start = time.perf_counter()
            orthonormalize(A, 0, 104, np.zeros(104), *room)
            self._rates["gram"] = 2.0 * A.shape[1] * 104**2 / (time.perf_counter() - start)
        return self._rates["gram"]

    def tile_overhead(self) -> float:
        """Seconds per tile beside its kernels: task, draw, file."""
        return _PER_TILE


def _time_step(N: int, columns: int) -> float:
    """Median seconds per column and step of three short runs."""
    random = np.random.Generator(np.random.Philox(N))
    height, one = padded(N, ROWS), np.ones(columns)
    Z = to_blocks(random.standard_normal((N, columns)), height)
    none = np.zeros(0, np.int64)
    setting = Columns(
        lanes(2 * one), lanes(one), lanes(0 * one), lanes(one), np.zeros((0, LANES)), np.zeros_like(Z), none, none,
        rk4_scheme(1.0), np.zeros(2, np.uint64),
    )  # fmt: skip
    structure = pack_structure(np.zeros((N, 0)), np.zeros((0, N)))
    couplings = Couplings(N, pack(random.standard_normal((N, N)) / np.sqrt(N)), NO_ROWS, *structure)
    work = workspace(Z, couplings, Z.shape[0], AFFINE)
    steps = 1
    times: list[float] = []
    advance(AFFINE, TANH, couplings, setting, Z, work, 0, 1)
    while not times or times[-1] < _SECONDS:
        steps = 2 * steps
        start = time.perf_counter()
        advance(AFFINE, TANH, couplings, setting, Z, work, 0, steps)
        times.append(time.perf_counter() - start)
    return times[-1] / (steps * columns)
