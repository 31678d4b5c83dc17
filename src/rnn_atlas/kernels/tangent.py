"""Tangent vectors carried along with their states, re-orthonormalized by Gram-Schmidt (Benettin et al. 1980)."""

import math

import numpy as np

from rnn_atlas.kernels.compiled import compiled
from rnn_atlas.kernels.product import LANES, inner_products
from rnn_atlas.kernels.step import complete, prepare


@compiled
def _orthonormalize_block(A, count, stretch):
    """Gram-Schmidt of the first `count` of eight columns A (N, LANES) in place; stretch[j] += log R_jj."""
    N = A.shape[0]
    overlap = np.empty(LANES)
    for j in range(count):
        norm = 0.0
        for i in range(N):
            norm += A[i, j] * A[i, j]
        norm = math.sqrt(norm)
        stretch[j] += math.log(norm)
        scale = 1.0 / norm if norm > 0.0 else 0.0
        overlap[:] = 0.0
        for i in range(N):
            A[i, j] *= scale
            for lane in range(LANES):
                overlap[lane] += A[i, j] * A[i, lane]
        overlap[: j + 1] = 0.0
        for i in range(N):
            q = A[i, j]
            for lane in range(LANES):
                A[i, lane] -= q * overlap[lane]


@compiled
def _row_panels(Q, panels):
    """Q (N, LANES) as panels (N / 8, LANES, 8) of eight rows each, for the product with Q from the left."""
    for p in range(panels.shape[0]):
        for r in range(LANES):
            for i in range(LANES):
                panels[p, r, i] = Q[p * LANES + i, r]


@compiled
def _project_out(Q, panels, A, overlap, span):
    """A -= Q (Q^T A) for eight columns each; Q (N, LANES), A and its room `span` (1, N, LANES), overlap (1, LANES, LANES)."""
    inner_products(Q, A, overlap, 0, 0, Q.shape[0])
    for p in range(panels.shape[0]):
        inner_products(panels[p], overlap, span, 0, p * LANES, LANES)
    a, s = A.reshape(A.size), span.reshape(A.size)
    for m in range(a.size):
        a[m] -= s[m]


@compiled
def orthonormalize(A, k, stretch):
    """Gram-Schmidt of the k columns of A (blocks, N, LANES) in place, N a multiple of 8; stretch[j] += log R_jj.

    Block by block: eight columns among themselves, then out of all that follow (block modified Gram-Schmidt). All sums run
    over the neurons in order. A column that is exactly zero stays zero and its exponent is -inf.
    """
    height = A.shape[1]
    overlap, span = np.empty((1, LANES, LANES)), np.empty((1, height, LANES))
    panels = np.empty((height // LANES, LANES, LANES))
    for block in range(A.shape[0]):
        first = block * LANES
        _orthonormalize_block(A[block], min(LANES, k - first), stretch[first:])
        if block + 1 < A.shape[0]:
            _row_panels(A[block], panels)
        for later in range(block + 1, A.shape[0]):
            _project_out(A[block], panels, A[later : later + 1], overlap, span)


@compiled
def _orthonormalize_point(Z, first_block, point, k, N, A, stretch):
    for j in range(k):
        column = first_block * LANES + point * k + j
        for i in range(N):
            A[j // LANES, i, j % LANES] = Z[column // LANES, i, column % LANES]
    orthonormalize(A, k, stretch)
    for j in range(k):
        column = first_block * LANES + point * k + j
        for i in range(N):
            Z[column // LANES, i, column % LANES] = A[j // LANES, i, j % LANES]


@compiled
def evolve(method, code, couplings, columns, N, k, Z, work, interval, stretch, first_step, n_steps):
    """n_steps steps of states and k tangents per point; stretch[p, j] += the logarithms gathered on the way.

    interval (points,) steps between two orthonormalizations of each point, which depends on that point's data only.
    Every frame is orthonormal again at the end.
    """
    A = np.zeros(((k + LANES - 1) // LANES, (N + LANES - 1) // LANES * LANES, LANES))
    since = np.zeros(interval.size, np.int64)
    for t in range(n_steps):
        prepare(code, couplings, columns, Z, work)
        complete(method, code, couplings, columns, first_step + t, Z, work)
        for p in range(interval.size):
            since[p] += 1
            if since[p] >= interval[p] or t == n_steps - 1:
                _orthonormalize_point(Z, columns.drive.shape[0], p, k, N, A, stretch[p])
                since[p] = 0
