"""Curves of fixed points under a random force: y - A phi(y) - b + t v = 0, followed by pseudo-arclength.

One factorization a step: the bordered system at the predicted point gives the correction to it and the next tangent.
"""

import math
from typing import NamedTuple

import numpy as np

from rnn_atlas.kernels.compiled import compiled, uncounted
from rnn_atlas.kernels.fixed_point import evaluate, place_jacobian
from rnn_atlas.kernels.lu import factor, solve_again, substitute

BUDGET, FAR, STUCK, FULL = 0, 1, 2, 3
"""Why a curve ended: factorizations spent, gone to large |t|, no step accepted any more, no room for more crossings."""


class Pace(NamedTuple):
    """How steps along a curve are chosen: lengths per neuron, corrections and turns relative to a step."""

    first: float = 0.05
    shortest: float = 1e-6
    longest: float = 1.0
    worst: float = 1.0
    floor: float = 0.02
    close: float = 0.001
    most: int = 4
    rate: float = 0.5
    aim: float = 0.2
    turn: float = 0.5
    growth: float = 2.0


@uncounted
def _solve_bordered(terms, room, z, tangent, v):
    """X[0] = the correction of z = (y, t) across the tangent, X[1] = the next tangent, not yet of length 1."""
    N = terms.A.shape[0]
    evaluate(terms, room, z, z[N], v)
    place_jacobian(terms, room)
    B = room.B
    for i in range(N):
        B[i, N], B[i, N + 1], B[i, N + 2] = np.float32(v[i]), np.float32(-room.residual[i]), np.float32(0.0)
    for i in range(B.shape[1]):
        B[N, i] = np.float32(tangent[i]) if i <= N else np.float32(0.0)
    B[N, N + 2] = np.float32(1.0)
    factor(B, N + 1, room.swaps)
    substitute(B, N + 1, room.X)


@uncounted
def _length(values, count):
    square = 0.0
    for i in range(count):
        square += float(values[i]) * float(values[i])
    return math.sqrt(square)


@uncounted
def _cubic(a, da, b, db, s):
    """Hermite's cubic with values a, b and slopes da, db (times the interval) at 0 and 1."""
    r = 1.0 - s
    return r * r * (a * (1.0 + 2.0 * s) + da * s) + s * s * (b * (3.0 - 2.0 * s) - db * r)


PIECES = 8
"""Of a step, in which a change of sign of t is looked for."""


@uncounted
def _crossings(old, tangent, new, next_tangent, step, N, out, count):
    """Appends the places where the cubic through two points of a curve crosses t = 0. Returns how many there are now."""
    a, da, b, db = old[N], step * tangent[N], new[N], step * next_tangent[N]
    before = a if a != 0.0 else da
    for piece in range(1, PIECES + 1):
        s = piece / PIECES
        now = _cubic(a, da, b, db, s)
        if before * now < 0.0 and count < out.shape[0]:
            low, high = s - 1.0 / PIECES, s
            for _ in range(30):
                middle = 0.5 * (low + high)
                if _cubic(a, da, b, db, middle) * now > 0.0:
                    high = middle
                else:
                    low = middle
            for i in range(N):
                out[count, i] = _cubic(old[i], step * tangent[i], new[i], step * next_tangent[i], high)
            count += 1
        before = now if now != 0.0 else before
    return count


@uncounted
def _correct(terms, room, z, tangent, next_tangent, v, step, pace):
    """Corrects z with one factorization. Returns the first rate of contraction, or -1 if the step is to be shorter."""
    n = z.size
    N, unit = n - 1, math.sqrt(n)
    _solve_bordered(terms, room, z, tangent, v)
    last, length = _length(room.X[0], n), _length(room.X[1], n)
    turn = 0.0
    for i in range(n):
        next_tangent[i] = room.X[1, i] / length
        turn += next_tangent[i] * tangent[i]
    if not (last <= pace.worst * max(step, pace.floor * unit) and turn >= pace.turn):
        return -1.0
    first_rate = 0.0
    for again in range(pace.most):
        for i in range(n):
            z[i] += room.X[0, i]
        if last <= pace.close * unit:
            return first_rate
        evaluate(terms, room, z, z[N], v)
        for i in range(N):
            room.r[i] = np.float32(-room.residual[i])
        room.r[N] = np.float32(0.0)
        solve_again(room.B, n, room.swaps, room.r, room.X)
        now = _length(room.X[0], n)
        rate = now / last
        if not rate <= pace.rate:
            return -1.0
        if again == 0:
            first_rate = rate
        last = now
    return -1.0 if last > pace.close * unit else first_rate


@compiled
def track(terms, room, pace, v, z, tangent, far, budget, out):
    """Follows the curve from z = (y, t) (N + 1,) along the tangent, both in place.

    far (N,): sizes of y beyond which no other solution can be; budget: factorizations. out (most, N): where the curve
    crosses t = 0, roughly. Returns (crossings, factorizations, why it ended).
    """
    N = z.size - 1
    old, next_tangent = z.copy(), tangent.copy()
    unit = math.sqrt(N)
    step, count = pace.first * unit, 0
    for used in range(1, budget + 1):
        for i in range(N + 1):
            z[i] = old[i] + step * tangent[i]
        rate = _correct(terms, room, z, tangent, next_tangent, v, step, pace)
        if rate < 0.0:
            step *= 0.5
            if step < pace.shortest * unit:
                z[:] = old
                return count, used, STUCK
            continue
        count = _crossings(old, tangent, z, next_tangent, step, N, out, count)
        if count == out.shape[0]:
            return count, used, FULL
        old[:] = z
        tangent[:] = next_tangent
        if _is_far(z, tangent, v, far):
            return count, used, FAR
        step = min(step * min(pace.growth, max(0.5, math.sqrt(pace.aim / max(rate, 1e-9)))), _longest(z, pace, unit))
    return count, budget, BUDGET


@uncounted
def _longest(z, pace, unit):
    """Far out, where curves are straight, steps grow with the distance."""
    return pace.longest * max(unit, abs(z[z.size - 1]))


@uncounted
def _is_far(z, tangent, v, far):
    N = z.size - 1
    if z[N] * tangent[N] <= 0.0:
        return False
    inside = 0
    for i in range(N):
        inside += abs(z[N] * v[i]) < far[i]
    return inside == 0
