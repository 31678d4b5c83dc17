"""Networks: spectrum, norm and empirical moments of each quenched coupling matrix. Depends on no dynamics parameter."""

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rnn_atlas.contracts import Context, Cost, Floats, Network, NetworkIdentity, Section, Tile, TileResult, Upstream, Variable
from rnn_atlas.identity import stream
from rnn_atlas.status import Status

ALL_EIGENVALUES_UP_TO = 2000
LEADING = 32


class Networks:
    """One tile is one network."""

    name: ClassVar[str] = "networks"
    needs_dynamics: ClassVar[bool] = False
    upstream: ClassVar[str | None] = None
    code: ClassVar[tuple[str, ...]] = ("networks", "identity.py", "network.py", "stages/networks.py")

    class Options(Section):
        """Options of the networks stage."""

        eigenvalues: Literal["auto", "none"] = Field(
            "auto", description="auto: all up to N = 2000, the 32 leading ones above; none: neither spectrum nor 2-norm."
        )
        store_matrix: bool = Field(False, description="Store J itself. It is rebuilt from its identity otherwise.")

    @staticmethod
    def variables(context: Context) -> tuple[Variable, ...]:
        """Scalars over the networks, and the spectrum per N."""
        moments = (
            Variable("coupling_mean", "N times the empirical mean of J_ij at unit gain", "1", _MOMENTS),
            Variable("coupling_variance", "N times the empirical variance of J_ij at unit gain", "1", _MOMENTS),
            Variable("coupling_kurtosis", "excess kurtosis of J_ij at unit gain", "1", _MOMENTS),
        )
        spectrum = (
            Variable("spectral_radius", "largest modulus of an eigenvalue of J at unit gain", "1", _SPECTRUM),
            Variable("coupling_norm", "2-norm of J at unit gain", "1", _SPECTRUM),
            Variable(
                "eigenvalue", "eigenvalues of J at unit gain, largest modulus first", "1", _SPECTRUM,
                dims=("eigenvalue_index",), dtype="c16", per_network=True,
            ),
        )  # fmt: skip
        matrix = Variable(
            "coupling", "J at unit gain, [postsynaptic, presynaptic]", "1", "the ensemble's definition",
            dims=("neuron", "neuron_presynaptic"), per_network=True,
        )  # fmt: skip
        with_spectrum = context.options.eigenvalues == "auto"
        return moments + (spectrum if with_spectrum else ()) + ((matrix,) if context.options.store_matrix else ())

    @staticmethod
    def cost(tile: Tile, context: Context) -> Cost:
        """About 25 N^3 flops for all eigenvalues and singular values, 1500 matrix-vector products for the leading ones."""
        N = tile.network.N
        nonzeros = context.ensemble.nonzeros(tile.network, context.ensemble_options)
        wanted = context.options.eigenvalues == "auto"
        full = N <= ALL_EIGENVALUES_UP_TO
        flops = (25.0 * N**3 if full else 3000.0 * nonzeros) if nonzeros and wanted else 0.0
        stored = 16.0 * (N if full else LEADING) * wanted + (8.0 * N**2 if context.options.store_matrix else 0.0)
        work = 0.0 if nonzeros == 0 else 5 * 8.0 * N**2 if full else 3 * 8.0 * nonzeros + 8.0 * N * 4 * LEADING
        return Cost(flops=flops, work=work + 1e6, stored=stored + 500)

    @staticmethod
    def width(network: NetworkIdentity, context: Context) -> int:
        """One network, one tile."""
        return 1

    @staticmethod
    def compute(tile: Tile, context: Context, upstream: Upstream | None) -> TileResult:
        """Moments and spectrum of this tile's network."""
        network = context.ensemble.build(tile.network, context.ensemble_options, context.seed)
        values: dict[str, NDArray[Any]] = dict(_moments(network))
        if context.options.eigenvalues == "auto":
            start = stream(context.seed, "arnoldi", tile.network).standard_normal(network.N)
            eigenvalue, norm = spectrum(network, start)
            values["eigenvalue"] = eigenvalue[None]
            values["spectral_radius"] = np.abs(eigenvalue[:1])
            values["coupling_norm"] = np.array([norm])
        if context.options.store_matrix:
            values["coupling"] = network.dense()[None]
        return TileResult(np.array([Status.OK], np.int8), values)


_MOMENTS = "definition, over all stored entries"
_SPECTRUM = "Girko 1985; Sompolinsky, Crisanti & Sommers 1988 (circular law)"


def _moments(network: Network) -> dict[str, Floats]:
    """N mean, N variance, excess kurtosis. J is not formed where it is sparse or, exactly from its factors, of low rank."""
    N = network.N
    if network.sparse is not None and network.left.shape[1] == 0:
        powers = [float(np.sum(network.sparse.weights**p) / N**2) for p in (1, 2, 3, 4)]
    elif not network.has_random:
        powers = [_low_rank_moment(network, p) for p in (1, 2, 3, 4)]
    else:
        J = network.dense()
        powers = [float(np.mean(J**p)) for p in (1, 2, 3, 4)]
    m1, m2, m3, m4 = powers
    variance = m2 - m1**2
    fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
    kurtosis = fourth / variance**2 - 3.0 if variance > 0 else np.nan
    return {
        "coupling_mean": np.array([N * m1]),
        "coupling_variance": np.array([N * variance]),
        "coupling_kurtosis": np.array([kurtosis]),
    }


def _low_rank_moment(network: Network, power: int) -> float:
    """Mean over (i, j) of (sum_k left_ik right_kj)^power, as a sum over products of factor moments."""
    rank = network.left.shape[1]
    if rank == 0:
        return 0.0
    left, right = np.ones((network.N, 1)), np.ones((1, network.N))
    for _ in range(power):
        left = (left[:, :, None] * network.left[:, None, :]).reshape(network.N, -1)
        right = (right[:, None, :] * network.right[None, :, :]).reshape(-1, network.N)
    return float(np.sum(left.mean(axis=0) * right.mean(axis=1)))


def spectrum(network: Network, start: Floats) -> tuple[NDArray[np.complex128], float]:
    """Eigenvalues of J at unit gain, largest modulus first, and its 2-norm.

    All N of them up to N = 2000, the leading 32 by Arnoldi above (`start` (N,) makes it repeatable), and for a pure
    low-rank network those of the overlap matrix N^T M / N, which are all that are not 0.
    """
    if not network.has_random:
        return _low_rank_spectrum(network)
    if network.N <= ALL_EIGENVALUES_UP_TO:
        J = network.dense()
        eigenvalue, norm = np.linalg.eigvals(J), float(np.linalg.norm(J, 2))
    else:
        from scipy.sparse.linalg import eigs, svds

        J = as_operator(network)
        eigenvalue = eigs(J, k=LEADING, v0=start, ncv=4 * LEADING, maxiter=10_000, tol=1e-8, return_eigenvectors=False)
        norm = float(svds(J, k=1, v0=start, tol=1e-6, return_singular_vectors=False)[0])
    return _ordered(eigenvalue), norm


def as_operator(network: Network) -> Any:
    """J as scipy's iterative methods take it: (N, N) dense, or a sparse matrix."""
    if network.sparse is None or network.left.shape[1]:
        return network.dense()
    from scipy.sparse import csr_array

    return csr_array((network.sparse.weights, network.sparse.inputs, network.sparse.starts), shape=(network.N, network.N))


def _low_rank_spectrum(network: Network) -> tuple[NDArray[np.complex128], float]:
    rank = network.left.shape[1]
    if rank == 0:
        return np.zeros(1, complex), 0.0
    eigenvalue = np.linalg.eigvals(network.right @ network.left)
    triangles = [np.linalg.qr(factor)[1] for factor in (network.left, network.right.T)]
    return _ordered(eigenvalue), float(np.linalg.norm(triangles[0] @ triangles[1].T, 2))


def _ordered(eigenvalue: NDArray[Any]) -> NDArray[np.complex128]:
    """Largest modulus first; a conjugate pair with the positive imaginary part first."""
    eigenvalue = np.asarray(eigenvalue, complex)
    order = np.lexsort((-eigenvalue.imag, -eigenvalue.real, -np.round(np.abs(eigenvalue), 12)))
    return np.asarray(eigenvalue[order])
