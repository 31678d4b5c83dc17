"""Tangent vectors carried along with their states, re-orthonormalized by modified Gram-Schmidt (Benettin et al. 1980)."""

import math

import numpy as np

from rnn_atlas.kernels.compiled import compiled
from rnn_atlas.kernels.product import LANES
from rnn_atlas.kernels.step import complete, prepare


@compiled
def orthonormalize(A, stretch):
    """Gram-Schmidt of the columns of A (N, k) in place; stretch[j] += log R_jj.

    Right-looking and row by row, so that the inner loop runs over columns and no sum is reordered. A column that is
    exactly zero stays zero and its exponent is -inf.
    """
    N, k = A.shape
    overlap = np.empty(k)
    for j in range(k):
        norm = 0.0
        for i in range(N):
            norm += A[i, j] * A[i, j]
        norm = math.sqrt(norm)
        stretch[j] += math.log(norm)
        scale = 1.0 / norm if norm > 0.0 else 0.0
        for i in range(N):
            A[i, j] *= scale
        overlap[j + 1 :] = 0.0
        for i in range(N):
            q = A[i, j]
            for m in range(j + 1, k):
                overlap[m] += q * A[i, m]
        for i in range(N):
            q = A[i, j]
            for m in range(j + 1, k):
                A[i, m] -= q * overlap[m]


@compiled
def _orthonormalize_point(Z, first_block, point, k, N, A, stretch):
    for j in range(k):
        column = first_block * LANES + point * k + j
        for i in range(N):
            A[i, j] = Z[column // LANES, i, column % LANES]
    orthonormalize(A, stretch)
    for j in range(k):
        column = first_block * LANES + point * k + j
        for i in range(N):
            Z[column // LANES, i, column % LANES] = A[i, j]


@compiled
def evolve(method, code, couplings, columns, N, k, Z, work, interval, stretch, first_step, n_steps):
    """n_steps steps of states and k tangents per point; stretch[p, j] += the logarithms gathered on the way.

    interval (points,) steps between two orthonormalizations of each point, which depends on that point's data only.
    Every frame is orthonormal again at the end.
    """
    A = np.empty((N, k))
    since = np.zeros(interval.size, np.int64)
    for t in range(n_steps):
        prepare(code, couplings, columns, Z, work)
        complete(method, code, couplings, columns, first_step + t, Z, work)
        for p in range(interval.size):
            since[p] += 1
            if since[p] >= interval[p] or t == n_steps - 1:
                _orthonormalize_point(Z, columns.drive.shape[0], p, k, N, A, stretch[p])
                since[p] = 0
