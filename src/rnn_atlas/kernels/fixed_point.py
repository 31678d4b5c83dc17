"""The equation of fixed points, y = A phi(y) + b - t v, and Newton's method for it.

Residuals are float64. Newton's steps come from a float32 LU factorization: it decides how fast they converge, not where to.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnn_atlas.kernels.compiled import compiled, uncounted
from rnn_atlas.kernels.lanes import LANES, aligned_zeros
from rnn_atlas.kernels.lanes import everywhere as every_lane
from rnn_atlas.kernels.lanes import load as load_lanes
from rnn_atlas.kernels.lanes import total as total_of_lanes
from rnn_atlas.kernels.lu import factor, substitute
from rnn_atlas.kernels.product import Floats, padded
from rnn_atlas.kernels.singles import SINGLES, load, single_zeros, store
from rnn_atlas.kernels.transfer import transfer_and_slope

Singles = NDArray[np.float32]


class Terms(NamedTuple):
    """The equation: A (N, padded N), the same in float32 with a minus sign (N, padded N + 3), b (N,), code of phi."""

    A: Floats
    minus_A: Singles
    b: Floats
    code: int


class Room(NamedTuple):
    """Buffers: f = phi(y) and its slopes (padded N), residual (N,), slopes in float32 (1, width), B (N + 1, width) and the
    solutions X (2, width) of `lu.py`.
    """

    f: Floats
    slope: Floats
    residual: Floats
    slope32: Singles
    B: Singles
    X: Singles
    swaps: NDArray[np.int64]
    r: Singles


def terms_of(A: Floats, b: Floats, code: int) -> Terms:
    """The equation in the kernels' form."""
    N = A.shape[0]
    wide, single = aligned_zeros(N, padded(N, LANES)), single_zeros(N, padded(N + 3, SINGLES))
    wide[:, :N], single[:, :N] = A, -A
    return Terms(wide, single, np.ascontiguousarray(b, float), code)


def room_for(N: int) -> Room:
    """Buffers for N neurons."""
    width, height = padded(N + 3, SINGLES), padded(N, LANES)
    f, slope = aligned_zeros(height), aligned_zeros(height)
    return Room(
        f,
        slope,
        np.zeros(N),
        single_zeros(1, width),
        single_zeros(N + 1, width),
        single_zeros(2, width),
        np.zeros(N + 1, np.int64),
        np.zeros(N + 1, np.float32),
    )


@uncounted
def evaluate(terms, room, y, t, v):
    """room.residual = y - A phi(y) - b + t v, with phi(y) and its slopes beside it. Returns the largest of their sizes."""
    N, width, worst = terms.A.shape[0], terms.A.shape[1], 0.0
    for i in range(N):
        room.f[i] = y[i]
    transfer_and_slope(terms.code, room.f, room.slope, 0, N)
    for i in range(N):
        even, odd, row = every_lane(0.0), every_lane(0.0), i * width
        for j in range(0, width, 2 * LANES):
            even = load_lanes(terms.A, row + j) * load_lanes(room.f, j) + even
            if j + LANES < width:
                odd = load_lanes(terms.A, row + j + LANES) * load_lanes(room.f, j + LANES) + odd
        room.residual[i] = (y[i] - terms.b[i] + t * v[i]) - total_of_lanes(even + odd)
        worst = max(worst, abs(room.residual[i]))
    return worst if worst < np.inf else np.inf


@uncounted
def place_jacobian(terms, room):
    """The rows I - A diag(slopes) in room.B, zeros behind them."""
    N, width = terms.A.shape[0], room.B.shape[1]
    for i in range(N):
        room.slope32[0, i] = np.float32(room.slope[i])
    for i in range(N):
        for j in range(0, width, SINGLES):
            store(room.B, i * width + j, load(terms.minus_A, i * width + j) * load(room.slope32, j))
        room.B[i, i] += np.float32(1.0)


@uncounted
def newton_step(terms, room):
    """X[0] = minus the inverse Jacobian times the residual, both as `evaluate` left them."""
    N = terms.A.shape[0]
    place_jacobian(terms, room)
    for i in range(N):
        room.B[i, N] = np.float32(-room.residual[i])
    factor(room.B, N, room.swaps)
    substitute(room.B, N, room.X)


@compiled
def polish(terms, room, y, still, goal, most):
    """Newton's method from y, in place, until the residual is lost in rounding. Returns (its largest size, factorizations).

    still (N,): zeros. It ends where the residual is below `goal` and a step no longer halves it, or after `most` steps.
    """
    N = y.size
    least, count = evaluate(terms, room, y, 0.0, still), 0
    best = y.copy()
    while count < most and least > 0.0:
        newton_step(terms, room)
        count += 1
        for i in range(N):
            y[i] += room.X[0, i]
        size = evaluate(terms, room, y, 0.0, still)
        if size > 0.5 * least and least <= goal:
            break
        if size < least:
            least = size
            best[:] = y
    y[:] = best
    return least, count
