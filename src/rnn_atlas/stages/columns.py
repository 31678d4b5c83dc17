"""From a tile to what the kernels advance: couplings packed, parameters spread over columns, initial states drawn."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn_atlas.contracts import Coefficients, Context, Floats, Network, NetworkIdentity, Tile
from rnn_atlas.identity import stream, stream_key
from rnn_atlas.kernels.lanes import LANES
from rnn_atlas.kernels.product import ROWS, pack, padded
from rnn_atlas.kernels.sparse import NO_ROWS, Rows
from rnn_atlas.kernels.step import (
    Columns,
    Couplings,
    Work,
    from_blocks,
    joined,
    lanes,
    pack_structure,
    rk4_scheme,
    to_blocks,
    workspace,
)
from rnn_atlas.kernels.tangent import owners, place_tangents, tangent_blocks, tangents_of
from rnn_atlas.kernels.transfer import CODES

NEVER_RECORDED = 1e12
"""A state beyond this has left every regime of interest: the point is DIVERGED."""


@dataclass(frozen=True)
class Problem:
    """A tile made ready: states Z[:state blocks], k tangents per point behind them, and all the kernels ask for.

    What its points are run with stands here twice: `coefficients` and `drive` (N, B) per point, `columns` per column.
    """

    N: int
    count: int
    method: int
    code: int
    couplings: Couplings
    columns: Columns
    coefficients: Coefficients
    drive: Floats
    Z: Floats
    work: Work

    @property
    def state_blocks(self) -> int:
        """Number of column blocks that hold states."""
        return int(self.columns.drive.shape[0])


def couplings_of(network: Network) -> Couplings:
    """The network in the kernels' form."""
    panels = np.zeros((0, 0, 0, ROWS)) if network.random is None else pack(network.random)
    sparse = network.sparse
    rows = NO_ROWS if sparse is None else Rows(sparse.starts, sparse.inputs, sparse.weights)
    return Couplings(network.N, panels, rows, *pack_structure(network.left, network.right))


def initial_state(tile: Tile, context: Context) -> Floats:
    """x(0) ~ N(0, 1), (N, B): one draw per number `initial`, the same for all other dynamics parameters."""
    draws: dict[int, Floats] = {}
    for number in {int(n) for n in tile.column("initial")}:
        draws[number] = stream(context.seed, "initial state", tile.network, number).standard_normal(tile.network.N)
    return np.stack([draws[int(n)] for n in tile.column("initial")], axis=1)


def tangent_frame(network: NetworkIdentity, context: Context, count: int, k: int) -> Floats:
    """Random tangent vectors (points, N, k): the same frame for every point."""
    frame = stream(context.seed, "tangent frame", network).standard_normal((k, network.N)).T
    return np.broadcast_to(frame, (count, *frame.shape))


def quenched_drive(tile: Tile, context: Context) -> Floats:
    """Offset + spread z_i, (N, B), with z the quenched pattern of the network."""
    coefficients = context.model.coefficients(tile, context.model_options)
    z = stream(context.seed, "quenched input", tile.network).standard_normal(tile.network.N)
    return np.asarray(coefficients.offset + coefficients.spread * z[:, None])


def prepare_problem(network: Network, tile: Tile, context: Context, states: Floats, tangents: Floats | None) -> Problem:
    """Everything the kernels need to advance states (N, B), and tangents (B, N, k) if there are any."""
    model, options = context.model, context.model_options
    c, drive = model.coefficients(tile, options), quenched_drive(tile, context)
    scheme, key = rk4_scheme(model.step_length(options)), stream_key(context.seed, "noise", tile.network)
    columns = _columns(c, drive, scheme, key, 0 if tangents is None else tangents.shape[2])
    method, code = model.method(options), CODES[options.transfer]
    return _assembled(method, code, couplings_of(network), columns, c, drive, states, tangents)


def remaining(problem: Problem, stay: NDArray[np.int64], k: int) -> Problem:
    """The problem of these points alone, with the first k or none of their tangents, as they stand: side by side anew.

    Nothing of what stays depends on its place, so its numbers go on as they would have beside the others.
    """
    p = problem
    c = Coefficients(*(getattr(p.coefficients, field.name)[stay] for field in fields(Coefficients)))
    drive = np.ascontiguousarray(p.drive[:, stay])
    states = from_blocks(p.Z[: p.state_blocks], p.N, p.count)[:, stay]
    tangents = tangents_of(p.Z[p.state_blocks :], p.N, p.count, k)[stay] if k else None
    columns = _columns(c, drive, p.columns.scheme, p.columns.key, k)
    return _assembled(p.method, p.code, p.couplings, columns, c, drive, states, tangents)


def column_blocks(points: int, k: int) -> int:
    """Column blocks that so many points take with k tangents each."""
    return padded(points, LANES) // LANES + (tangent_blocks(points, k) if k else 0)


def _columns(c: Coefficients, drive: Floats, scheme: Floats, key: NDArray[np.uint64], k: int) -> Columns:
    """What each column is run with: states, and k tangents of each."""
    N, count = drive.shape
    owner_block = owner_lane = np.zeros(0, np.int64)
    if k:
        owner_block, owner_lane = owners(count, k)

    def of_all(values: Floats) -> Floats:
        own = lanes(values)
        below = own[owner_block]
        below[owner_lane >= 0] = own[owner_block, owner_lane][owner_lane >= 0, None]
        return np.concatenate([own, below])

    return Columns(
        gain_in=lanes(c.gain_in),
        gain_out=of_all(c.gain_out),
        leak=of_all(c.leak),
        weight=of_all(c.weight),
        noise=lanes(c.noise) if np.any(c.noise > 0) else np.zeros((0, LANES)),
        drive=to_blocks(drive, padded(N, ROWS)),
        owner_block=owner_block,
        owner_lane=owner_lane,
        scheme=scheme,
        key=key,
    )


def _assembled(
    method: int, code: int, couplings: Couplings, columns: Columns, c: Coefficients, drive: Floats, states: Floats,
    tangents: Floats | None,
) -> Problem:  # fmt: skip
    """States and tangents in their columns, with buffers of their size."""
    N, count = states.shape
    Z = to_blocks(states, padded(N, ROWS))
    n_state_blocks = Z.shape[0]
    if tangents is not None:
        Z = joined(Z, place_tangents(tangents, padded(N, ROWS)))
    work = workspace(Z, couplings, n_state_blocks, method)
    return Problem(N, count, method, code, couplings, columns, c, drive, Z, work)


def diverged(states: Floats) -> NDArray[np.bool_]:
    """(B,) whether a column of states (N, B) left the finite numbers or all bounds."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~np.all(np.abs(states) < NEVER_RECORDED, axis=0))


def masked(values: NDArray[Any], bad: NDArray[np.bool_]) -> NDArray[Any]:
    """Values (B, ...) with NaN (0 for integers) in the rows of failed points."""
    values = np.array(values)
    values[bad] = 0 if values.dtype.kind in "iu" else np.nan
    return values
