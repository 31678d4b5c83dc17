"""Levenberg's and Marquardt's method for |y - A phi(y) - b|^2 / 2, whose minima are fixed points and slow points.

Normal equations in float32, residuals in float64. A descent that has come near a fixed point is left to Newton's method.
"""

import math

import numpy as np

from rnn_atlas.kernels.compiled import compiled, uncounted
from rnn_atlas.kernels.fixed_point import evaluate, place_jacobian
from rnn_atlas.kernels.lu import eliminate_symmetric, substitute
from rnn_atlas.kernels.singles import SINGLES, everywhere, load, minus_product, spread, store

PATIENCE = 12
"""Steps within which a descent has to gain a tenth."""


@uncounted
def _gram(B, N, C):
    """C = B^T B on and above the blocks of the diagonal: the first N columns of N rows."""
    width = B.shape[1]
    for k in range(0, N, 4):
        for j in range(k // SINGLES * SINGLES, N, SINGLES):
            zero = everywhere(np.float32(0.0))
            a, b, c, d = zero, zero, zero, zero
            for i in range(N):
                row = i * width
                x = load(B, row + j)
                a = minus_product(spread(B, row + k), x, a)
                b = minus_product(spread(B, row + k + 1), x, b)
                c = minus_product(spread(B, row + k + 2), x, c)
                d = minus_product(spread(B, row + k + 3), x, d)
            minus = everywhere(np.float32(-1.0))
            store(C, k * width + j, a * minus)
            store(C, (k + 1) * width + j, b * minus)
            store(C, (k + 2) * width + j, c * minus)
            store(C, (k + 3) * width + j, d * minus)


@uncounted
def _energy(residual):
    q = 0.0
    for i in range(residual.size):
        q += residual[i] * residual[i]
    return 0.5 * q


@uncounted
def _gradient(room, N, gradient):
    """J^T residual, J as it stands in room.B. Returns its length."""
    for j in range(N):
        gradient[j] = 0.0
    for i in range(N):
        r = room.residual[i]
        for j in range(N):
            gradient[j] += room.B[i, j] * r
    square = 0.0
    for j in range(N):
        square += gradient[j] * gradient[j]
    return math.sqrt(square)


@uncounted
def _damped_step(room, C, gradient, N, damping, G):
    """room.X[0] = -(C + damping)^-1 gradient."""
    width = C.shape[1]
    for i in range(N):
        for j in range(i // SINGLES * SINGLES, width, SINGLES):
            store(G, i * width + j, load(C, i * width + j))
        G[i, i] += np.float32(damping)
        G[i, N], G[i, N + 1] = np.float32(-gradient[i]), np.float32(0.0)
    eliminate_symmetric(G, N)
    substitute(G, N, room.X)


@compiled
def descend(terms, room, y, still, near, flat, most):
    """From y, in place, until the residual is below `near` everywhere, a step gains too little, or `most` factorizations.

    `flat` > 0: stop where |gradient| <= flat |residual|, else where PATIENCE steps gain less than a tenth. Returns
    (largest residual, |gradient| / |residual|, factorizations).
    """
    N, width = y.size, room.B.shape[1]
    height = (N + 3) // 4 * 4
    C, G = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    gradient, trial = np.zeros(N), y.copy()
    size = evaluate(terms, room, y, 0.0, still)
    energy, used, damping, growth = _energy(room.residual), 0, -1.0, 2.0
    marked, since, slope, moved = energy, 0, np.inf, True
    while used < most and size > near and size < np.inf:
        if moved:
            place_jacobian(terms, room)
            _gram(room.B, N, C)
            slope = _gradient(room, N, gradient) / math.sqrt(2.0 * energy)
            if slope <= flat:
                break
            if damping < 0.0:
                damping = 0.1 * _trace(C, N) / N
        _damped_step(room, C, gradient, N, damping, G)
        used += 1
        gain = 0.0
        for i in range(N):
            trial[i] = y[i] + room.X[0, i]
            gain += 0.5 * room.X[0, i] * (damping * room.X[0, i] - gradient[i])
        new_size = evaluate(terms, room, trial, 0.0, still)
        new = _energy(room.residual)
        moved = new < energy and gain > 0.0
        if moved:
            y[:] = trial
            share = (energy - new) / gain
            damping *= max(1.0 / 3.0, 1.0 - (2.0 * share - 1.0) ** 3)
            energy, size, growth = new, new_size, 2.0
        else:
            damping *= growth
            growth *= 2.0
        since += 1
        if energy < 0.9 * marked:
            marked, since = energy, 0
        if (flat == 0.0 and since >= PATIENCE) or growth > 1e6:
            break
    return size, slope, used


@uncounted
def _trace(C, N):
    total = 0.0
    for i in range(N):
        total += C[i, i]
    return total
