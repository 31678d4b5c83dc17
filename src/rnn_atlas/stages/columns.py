"""From a tile to what the kernels advance: couplings packed, parameters spread over columns, initial states drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn_atlas.contracts import Context, Floats, Network, NetworkIdentity, Tile
from rnn_atlas.identity import stream, stream_key
from rnn_atlas.kernels.lanes import LANES
from rnn_atlas.kernels.product import ROWS, pack, padded
from rnn_atlas.kernels.sparse import NO_ROWS, Rows
from rnn_atlas.kernels.step import Columns, Couplings, Work, joined, lanes, pack_structure, rk4_scheme, to_blocks, workspace
from rnn_atlas.kernels.tangent import owners, place_tangents
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
    N, count = states.shape
    height = padded(N, ROWS)
    model, options = context.model, context.model_options
    c = model.coefficients(tile, options)
    Z = to_blocks(states, height)
    n_state_blocks = Z.shape[0]
    owner_block = owner_lane = np.zeros(0, np.int64)
    if tangents is not None:
        owner_block, owner_lane = owners(count, tangents.shape[2])
        Z = joined(Z, place_tangents(tangents, height))

    def of_all(values: Floats) -> Floats:
        own = lanes(values)
        below = own[owner_block]
        below[owner_lane >= 0] = own[owner_block, owner_lane][owner_lane >= 0, None]
        return np.concatenate([own, below])

    drive = quenched_drive(tile, context)
    columns = Columns(
        gain_in=lanes(c.gain_in),
        gain_out=of_all(c.gain_out),
        leak=of_all(c.leak),
        weight=of_all(c.weight),
        noise=lanes(c.noise) if np.any(c.noise > 0) else np.zeros((0, LANES)),
        drive=to_blocks(drive, height),
        owner_block=owner_block,
        owner_lane=owner_lane,
        scheme=rk4_scheme(model.step_length(options)),
        key=stream_key(context.seed, "noise", tile.network),
    )
    couplings, method = couplings_of(network), model.method(options)
    work = workspace(Z, couplings, n_state_blocks, method)
    return Problem(N, count, method, CODES[options.transfer], couplings, columns, drive, Z, work)


def diverged(states: Floats) -> NDArray[np.bool_]:
    """(B,) whether a column of states (N, B) left the finite numbers or all bounds."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~np.all(np.abs(states) < NEVER_RECORDED, axis=0))


def masked(values: NDArray[Any], bad: NDArray[np.bool_]) -> NDArray[Any]:
    """Values (B, ...) with NaN (0 for integers) in the rows of failed points."""
    values = np.array(values)
    values[bad] = 0 if values.dtype.kind in "iu" else np.nan
    return values
