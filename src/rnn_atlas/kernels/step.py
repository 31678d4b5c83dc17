"""One time step of many columns: states, and behind them their tangent vectors, through one recurrent product.

Columns stand in blocks `Z[block, neuron, lane]`; the first ones, as many as `columns.drive` has, hold states, the others
tangents. `owner[c]` is the state column that tangent column c belongs to. Two kinds of step:

    AFFINE   x <- leak x + weight (h(x) + drive) + noise xi     the SNT map, and Euler and exponential Euler of the flow
    RK4      x' = -x + h(x) + drive by the classical fourth-order Runge-Kutta method

with h(x) = gain_out chi f(gain_in x) + M (N^T f(gain_in x)) / N. A tangent takes the exact derivative of its state's step.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnn_atlas.kernels.compiled import compiled
from rnn_atlas.kernels.product import LANES, multiply, padded
from rnn_atlas.kernels.random import fill_normals
from rnn_atlas.kernels.sparse import Rows, multiply_rows
from rnn_atlas.kernels.transfer import emit, emit_with_slope

AFFINE, RK4 = 0, 1

Floats = NDArray[np.float64]


class Couplings(NamedTuple):
    """A network as the kernel sees it: structure (rank, N), and a random part in at most one of its two forms.

    `panels` (n, N, ROWS) of a dense one (n = 0: not dense), `rows` of a sparse one (NO_ROWS: not sparse).
    """

    panels: Floats
    rows: Rows
    left: Floats
    right: Floats


class Columns(NamedTuple):
    """What each column is run with, spread out to the shape of Z so that every elementwise loop is flat and vectorizes.

    `gain_in`, `drive`, `noise` (state blocks, padded N, LANES); `gain_out`, `leak`, `weight` of all blocks (size 0 where
    the method does not use them); `owner` (tangent columns,); `key` (2,) of the noise stream, common to all columns.
    """

    gain_in: Floats
    gain_out: Floats
    leak: Floats
    weight: Floats
    drive: Floats
    noise: Floats
    owner: NDArray[np.int64]
    key: NDArray[np.uint64]
    dt: float


class Work(NamedTuple):
    """Buffers of the size of Z (F, H, Y, K), of the state blocks (S), and the noise of one step (xi)."""

    F: Floats
    H: Floats
    Y: Floats
    K: Floats
    S: Floats
    xi: Floats


def workspace(Z: Floats, n_state_blocks: int, method: int) -> Work:
    """Buffers for `step` on columns Z (blocks, padded N, LANES)."""
    full = Z.shape if method == RK4 else (0, 0, LANES)
    slopes = (n_state_blocks if Z.shape[0] > n_state_blocks else 0, *Z.shape[1:])
    return Work(np.zeros_like(Z), np.zeros_like(Z), np.zeros(full), np.zeros(full), np.zeros(slopes), np.zeros(Z.shape[1:]))


def to_blocks(values: Floats, height: int) -> Floats:
    """(N, columns) -> (blocks, height, LANES), filled up with zeros."""
    N, count = values.shape
    flat = np.zeros((height, padded(count, LANES)))
    flat[:N, :count] = values
    return np.ascontiguousarray(flat.reshape(height, -1, LANES).transpose(1, 0, 2))


def from_blocks(blocks: Floats, N: int, count: int) -> Floats:
    """(blocks, height, LANES) -> (N, columns): the inverse of `to_blocks`, always a copy."""
    height = blocks.shape[1]
    return np.array(blocks.transpose(1, 0, 2).reshape(height, -1)[:N, :count], order="C")


@compiled
def _add_structure(left, right, F, H):
    for b in range(F.shape[0]):
        for r in range(left.shape[0]):
            overlap = np.zeros(LANES)
            for j in range(left.shape[1]):
                for lane in range(LANES):
                    overlap[lane] += right[r, j] * F[b, j, lane]
            for i in range(left.shape[1]):
                for lane in range(LANES):
                    H[b, i, lane] += left[r, i] * overlap[lane]


@compiled
def recurrent_input(couplings, gain_out, F, H):
    """H = gain_out chi F + M (N^T F) / N for all columns; the sums run over the neurons in order."""
    if couplings.panels.shape[0] > 0:
        multiply(couplings.panels, F, H)
    elif couplings.rows.starts.size > 0:
        multiply_rows(couplings.rows, F, H)
    else:
        H[:] = 0.0
    if gain_out.size > 0:
        h, gain = H.reshape(H.size), gain_out.reshape(gain_out.size)
        for m in range(h.size):
            h[m] *= gain[m]
    if couplings.left.shape[0] > 0:
        _add_structure(couplings.left, couplings.right, F, H)


@compiled
def _carry_tangents(columns, Z, S, F):
    """F[tangent] = slope of its state x tangent. Lanes behind the last tangent hold zeros and take any owner."""
    first = columns.drive.shape[0]
    block, place = np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    for b in range(first, Z.shape[0]):
        for lane in range(LANES):
            column = min((b - first) * LANES + lane, columns.owner.size - 1)
            block[lane], place[lane] = columns.owner[column] // LANES, columns.owner[column] % LANES
        for i in range(Z.shape[1]):
            for lane in range(LANES):
                F[b, i, lane] = S[block[lane], i, place[lane]] * Z[b, i, lane]


@compiled
def _currents(code, couplings, columns, Z, work):
    """work.F = emitted activity, work.H = recurrent input plus drive, of the states; their derivatives, of the tangents."""
    n = columns.drive.shape[0]
    if Z.shape[0] > n:
        emit_with_slope(code, columns.gain_in, Z[:n], work.F[:n], work.S)
        _carry_tangents(columns, Z, work.S, work.F)
    else:
        emit(code, columns.gain_in, Z, work.F)
    recurrent_input(couplings, columns.gain_out, work.F, work.H)
    h, drive = work.H.reshape(work.H.size), columns.drive.reshape(columns.drive.size)
    for m in range(drive.size):
        h[m] += drive[m]


@compiled
def _affine(columns, step, Z, work):
    z, h = Z.reshape(Z.size), work.H.reshape(Z.size)
    leak, weight = columns.leak.reshape(Z.size), columns.weight.reshape(Z.size)
    for m in range(z.size):
        z[m] = leak[m] * z[m] + weight[m] * h[m]
    if columns.noise.size > 0:
        fill_normals(columns.key, step, work.xi)
        noise = columns.noise.reshape(columns.noise.size)
        xi = work.xi.reshape(work.xi.size)
        for b in range(columns.noise.shape[0]):
            start = b * xi.size
            for m in range(xi.size):
                z[start + m] += noise[start + m] * xi[m]


@compiled
def _rk4(code, couplings, columns, Z, work):
    """The rest of an RK4 step whose first stage's input already stands in work.H; work.K collects the stages."""
    dt = columns.dt
    z, h = Z.reshape(Z.size), work.H.reshape(Z.size)
    y, k = work.Y.reshape(Z.size), work.K.reshape(Z.size)
    k[:] = 0.0
    y[:] = z
    for stage in range(4):
        if stage > 0:
            _currents(code, couplings, columns, work.Y, work)
        share = 1.0 if stage in (0, 3) else 2.0
        ahead = 0.5 * dt if stage < 2 else dt
        for m in range(z.size):
            slope = h[m] - y[m]
            k[m] += share * slope
            y[m] = z[m] + ahead * slope
    for m in range(z.size):
        z[m] += (dt / 6.0) * k[m]


@compiled
def prepare(code, couplings, columns, Z, work):
    """First half of a step: work.F and work.H at the present state, where a recorder may look at them."""
    _currents(code, couplings, columns, Z, work)


@compiled
def complete(method, code, couplings, columns, step, Z, work):
    """Second half of a step: Z moves on. `step` counts from the start of the noise."""
    if method == RK4:
        _rk4(code, couplings, columns, Z, work)
    else:
        _affine(columns, step, Z, work)
