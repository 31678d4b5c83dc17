"""Linear equations in float32 by LU factorization with partial pivoting.

The rows of the matrix stand with their right-hand sides behind them, B = [M | r], filled up with zeros to whole vectors.
Elimination treats right-hand sides as columns like any other, so that only the back substitution is left. Every number
takes its updates in the order of the pivots, fused, whatever the width of the machine's vectors: the same bits everywhere.
"""

import numpy as np

from rnn_atlas.kernels.compiled import uncounted
from rnn_atlas.kernels.singles import (
    SINGLES,
    behind,
    beside,
    everywhere,
    larger_of,
    load,
    minus_product,
    no_sizes,
    row_of,
    spread,
    store,
    total,
)


@uncounted
def factor(B, n, swaps):
    """Eliminates the first n columns of the n rows of B in place: L below the diagonal, 1 / pivot on it, behind it a U of
    unit diagonal. swaps (n,): the row that row k was swapped with.

    A row of a singular matrix becomes infinite or NaN, and so does the solution.
    """
    width = B.shape[1]
    sizes = no_sizes()
    for i in range(n):
        sizes = larger_of(sizes, load(B, i * width), i)
    for k in range(n):
        block, own = k // SINGLES * SINGLES, k * width
        swaps[k] = row_of(sizes, k % SINGLES)
        _swap(B, own, swaps[k] * width)
        inverse = everywhere(np.float32(1.0) / B[k, k])
        row_k = load(B, own + block)
        first = behind(row_k * inverse, k - block)
        for j in range(block + SINGLES, width, SINGLES):
            store(B, own + j, load(B, own + j) * inverse)
        sizes, is_last = no_sizes(), k % SINGLES == SINGLES - 1
        for i in range(k + 1, n):
            row = i * width
            a = spread(B, row + k)
            x = minus_product(a, first, load(B, row + block))
            store(B, row + block, x)
            if not is_last:
                sizes = larger_of(sizes, x, i)
            for j in range(block + SINGLES, width, SINGLES):
                x = minus_product(a, load(B, own + j), load(B, row + j))
                store(B, row + j, x)
                if is_last and j == block + SINGLES:
                    sizes = larger_of(sizes, x, i)
        pivot = np.float32(1.0) / B[k, k]
        store(B, own + block, beside(row_k, first, k - block))
        B[k, k] = pivot


@uncounted
def _swap(B, a, b):
    if a != b:
        for j in range(0, B.shape[1], SINGLES):
            x = load(B, a + j)
            store(B, a + j, load(B, b + j))
            store(B, b + j, x)


@uncounted
def substitute(B, n, X):
    """X[0], X[1] (padded) = the solutions for the right-hand sides in columns n and n + 1 of a factored B."""
    width = B.shape[1]
    X[:, :] = np.float32(0.0)
    for i in range(n - 1, -1, -1):
        x, y = everywhere(np.float32(0.0)), everywhere(np.float32(0.0))
        for j in range(i // SINGLES * SINGLES, n, SINGLES):
            row = load(B, i * width + j)
            x = minus_product(row, load(X, j), x)
            y = minus_product(row, load(X, width + j), y)
        X[0, i] = B[i, n] + total(x)
        X[1, i] = B[i, n + 1] + total(y)


@uncounted
def solve_again(B, n, swaps, r, X):
    """X[0] = the solution for another right-hand side r (n,), which is overwritten, of a factored B."""
    width = B.shape[1]
    for j in range(width):
        X[0, j] = np.float32(0.0)
        X[1, j] = np.float32(0.0)
    for k in range(n):
        p = swaps[k]
        h = r[k]
        r[k] = r[p]
        r[p] = h
    for k in range(n):
        x = everywhere(np.float32(0.0))
        for j in range(0, k, SINGLES):
            x = minus_product(load(B, k * width + j), load(X, width + j), x)
        X[1, k] = (r[k] + total(x)) * B[k, k]
    for i in range(n - 1, -1, -1):
        x = everywhere(np.float32(0.0))
        for j in range(i // SINGLES * SINGLES, n, SINGLES):
            x = minus_product(load(B, i * width + j), load(X, j), x)
        X[0, i] = X[1, i] + total(x)


@uncounted
def eliminate_symmetric(B, n):
    """As `factor` without exchanges, of a positive definite matrix of which the part above the diagonal is read alone."""
    width = B.shape[1]
    for k in range(n):
        block, own = k // SINGLES * SINGLES, k * width
        inverse = np.float32(1.0) / B[k, k]
        for i in range(k + 1, n):
            a = everywhere(B[k, i] * inverse)
            for j in range(i // SINGLES * SINGLES, width, SINGLES):
                store(B, i * width + j, minus_product(a, load(B, own + j), load(B, i * width + j)))
        scale = everywhere(inverse)
        for j in range(block, width, SINGLES):
            store(B, own + j, load(B, own + j) * scale)
