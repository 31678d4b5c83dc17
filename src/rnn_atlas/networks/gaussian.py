"""Independent Gaussian couplings of one population (Amari 1972; Sompolinsky, Crisanti & Sommers 1988)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from rnn_atlas.contracts import Network, NetworkIdentity, Number, Parameter, Section
from rnn_atlas.networks.draw import gaussian_matrix

N = Parameter("N", 100, "number of neurons", "neurons", low=1, high=200_000, is_integer=True)
J_MEAN = Parameter("J_mean", 0.0, "mean coupling: E J_ij = J_mean / N")
J_STD = Parameter("J_std", 1.0, "spread of the couplings: Var J_ij = J_std^2 / N", low=0.0)


class Gaussian:
    """E J_ij = J_mean / N, Var J_ij = J_std^2 / N."""

    name: ClassVar[str] = "gaussian"
    parameters: ClassVar[tuple[Parameter, ...]] = (N, J_MEAN, J_STD)

    class Options(Section):
        """Options of the `gaussian` ensemble."""

        autapses: bool = Field(True, description="Keep the diagonal of J (self-couplings); false removes it.")

    @staticmethod
    def complaint(options: Options, axes: Mapping[str, Sequence[Number]]) -> str | None:
        """Every value of its parameters is a network."""
        return None

    @staticmethod
    def build(identity: NetworkIdentity, options: Options, seed: int) -> Network:
        """J from its identity; a network without any coupling strength has no random part."""
        empty = np.zeros((identity.N, 0))
        if identity["J_std"] == 0 and identity["J_mean"] == 0:
            return Network(identity.N, None, empty, empty.T.copy())
        J = gaussian_matrix(identity, seed, autapses=options.autapses)
        return Network(identity.N, J, empty, empty.T.copy())
