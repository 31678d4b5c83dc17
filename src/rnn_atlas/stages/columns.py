"""From a tile to what the kernels advance: couplings packed, parameters spread over columns, initial states drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn_atlas.contracts import Context, Floats, Network, NetworkIdentity, Tile
from rnn_atlas.identity import stream, stream_key
from rnn_atlas.kernels.product import LANES, ROWS, pack, padded
from rnn_atlas.kernels.sparse import NO_ROWS, Rows
from rnn_atlas.kernels.step import RK4, Columns, Couplings, Work, to_blocks, workspace
from rnn_atlas.kernels.transfer import CODES

NEVER_RECORDED = 1e12
"""A state beyond this has left every regime of interest: the point is DIVERGED."""


@dataclass(frozen=True)
class Problem:
    """A tile made ready: states Z[:state blocks], k tangents per point behind them, and all the kernels ask for."""

    N: int
    count: int
    method: int
    code: int
    couplings: Couplings
    columns: Columns
    drive: Floats
    Z: Floats
    work: Work

    @property
    def state_blocks(self) -> int:
        """Number of column blocks that hold states."""
        return int(self.columns.drive.shape[0])


def couplings_of(network: Network) -> Couplings:
    """The network in the kernels' form."""
    empty = np.zeros((0, network.N, ROWS))
    panels = empty if network.random is None else pack(network.random)
    sparse = network.sparse
    rows = NO_ROWS if sparse is None else Rows(sparse.starts, sparse.inputs, sparse.weights)
    return Couplings(panels, rows, np.ascontiguousarray(network.left.T), np.ascontiguousarray(network.right))


def initial_state(tile: Tile, context: Context) -> Floats:
    """x(0) ~ N(0, 1), (N, B): one draw per number `initial`, the same for all other dynamics parameters."""
    draws: dict[int, Floats] = {}
    for number in {int(n) for n in tile.column("initial")}:
        draws[number] = stream(context.seed, "initial state", tile.network, number).standard_normal(tile.network.N)
    return np.stack([draws[int(n)] for n in tile.column("initial")], axis=1)


def tangent_frame(network: NetworkIdentity, context: Context, count: int, k: int) -> Floats:
    """Random tangent vectors (N, count * k): the same k for every point."""
    frame = stream(context.seed, "tangent frame", network).standard_normal((k, network.N)).T
    return np.tile(frame, (1, count))


def quenched_drive(tile: Tile, context: Context) -> Floats:
    """Offset + spread z_i, (N, B), with z the quenched pattern of the network."""
    coefficients = context.model.coefficients(tile, context.model_options)
    z = stream(context.seed, "quenched input", tile.network).standard_normal(tile.network.N)
    return np.asarray(coefficients.offset + coefficients.spread * z[:, None])


def prepare_problem(network: Network, tile: Tile, context: Context, states: Floats, tangents: Floats | None) -> Problem:
    """Everything the kernels need to advance states (N, B), and tangents (N, B k) if there are any."""
    N, count = states.shape
    height = padded(N, ROWS)
    coefficients = context.model.coefficients(tile, context.model_options)
    method = context.model.method(context.model_options)
    k = 0 if tangents is None else tangents.shape[1] // count
    owner = np.repeat(np.arange(count), k)

    def over_states(values: Floats) -> Floats:
        return to_blocks(np.broadcast_to(values, (height, count)), height)

    def over_all(values: Floats) -> Floats:
        return _stack(over_states(values), to_blocks(np.broadcast_to(values[owner], (height, owner.size)), height))

    Z = to_blocks(states, height)
    if tangents is not None:
        Z = _stack(Z, to_blocks(tangents, height))
    drive = quenched_drive(tile, context)
    none = np.zeros((0, height, LANES))
    has_gain = bool(np.any(coefficients.gain_out != 1.0)) and network.has_random
    columns = Columns(
        gain_in=over_states(coefficients.gain_in),
        gain_out=over_all(coefficients.gain_out) if has_gain else none,
        leak=none if method == RK4 else over_all(coefficients.leak),
        weight=none if method == RK4 else over_all(coefficients.weight),
        drive=to_blocks(drive, height),
        noise=over_states(coefficients.noise) if np.any(coefficients.noise > 0) else none,
        owner=owner,
        key=stream_key(context.seed, "noise", tile.network),
        dt=context.model.step_length(context.model_options),
    )
    code = CODES[context.model_options.transfer]
    work = workspace(Z, columns.drive.shape[0], method)
    return Problem(N, count, method, code, couplings_of(network), columns, drive, Z, work)


def _stack(first: Floats, second: Floats) -> Floats:
    return np.concatenate([first, second]) if second.shape[0] else first


def diverged(states: Floats) -> NDArray[np.bool_]:
    """(B,) whether a column of states (N, B) left the finite numbers or all bounds."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~np.all(np.abs(states) < NEVER_RECORDED, axis=0))


def masked(values: NDArray[Any], bad: NDArray[np.bool_]) -> NDArray[Any]:
    """Values (B, ...) with NaN (0 for integers) in the rows of failed points."""
    values = np.array(values)
    values[bad] = 0 if values.dtype.kind in "iu" else np.nan
    return values
