"""Transfer functions f and their slopes over blocks of columns, written so that LLVM turns them into vector code.

Both f and f' are accurate relative to their own size, also deep in saturation where 1 - f^2 would cancel: a full
Lyapunov spectrum at large gain sums logarithms of slopes as small as 1e-100.
"""

import math

import numpy as np

from rnn_atlas.kernels.compiled import compiled

TANH, ERF, LOGISTIC, LINEAR = 0, 1, 2, 3
CODES = {"tanh": TANH, "erf": ERF, "logistic": LOGISTIC, "linear": LINEAR}

_LOG2E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # Cody-Waite split, high part 33 bits
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to the nearest integer, kept in the low bits
_FLAT = 350.0  # beyond this e^{-2|x|} leaves the normal numbers and f is saturated to the last bit


@compiled
def _exp_pair(y):
    """e^y - 1 and e^y for -700 <= y <= 0, each to a few units in the last place. NaN in, NaN out."""
    shifted = y * _LOG2E + _ROUND
    k = shifted - _ROUND
    r = (y - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = r + r * r * p
    exponent = np.float64(shifted).view(np.int64) + 1023
    scale = np.int64(exponent << 52).view(np.float64)
    return scale * p + (scale - 1.0), scale * p + scale


@compiled
def _tanh(x):
    a = abs(x)
    a = _FLAT if a > _FLAT else a
    fall, e = _exp_pair(-2.0 * a)
    f = -fall / (2.0 + fall)
    return math.copysign(f, x), 4.0 * e / ((1.0 + e) * (1.0 + e))


@compiled
def _logistic(x):
    a = abs(x)
    a = 2.0 * _FLAT if a > 2.0 * _FLAT else a
    _, e = _exp_pair(-a)
    top = 1.0 if x >= 0.0 else e
    return top / (1.0 + e), e / ((1.0 + e) * (1.0 + e))


@compiled
def _erf(x):
    return math.erf(0.5 * math.sqrt(math.pi) * x), math.exp(-0.25 * math.pi * x * x)


@compiled
def emit(code, gain, X, F):
    """F = f(gain X), element by element. gain, X, F (blocks, neurons, LANES)."""
    # NOTE: flat loops: inside a loop over eight lanes LLVM unrolls first and then finds nothing left to vectorize.
    x, g, f = X.reshape(X.size), gain.reshape(X.size), F.reshape(X.size)
    for i in range(x.size):
        f[i] = g[i] * x[i]
    if code == TANH:
        for i in range(f.size):
            f[i] = _tanh(f[i])[0]
    elif code == LOGISTIC:
        for i in range(f.size):
            f[i] = _logistic(f[i])[0]
    elif code == ERF:
        for i in range(f.size):
            f[i] = _erf(f[i])[0]


@compiled
def emit_with_slope(code, gain, X, F, S):
    """F = f(gain X) and S = d/dX f(gain X) = gain f'(gain X). Shapes as in `emit`."""
    x, g, f, s = X.reshape(X.size), gain.reshape(X.size), F.reshape(X.size), S.reshape(X.size)
    for i in range(x.size):
        f[i] = g[i] * x[i]
    if code == TANH:
        for i in range(f.size):
            f[i], s[i] = _tanh(f[i])
    elif code == LOGISTIC:
        for i in range(f.size):
            f[i], s[i] = _logistic(f[i])
    elif code == ERF:
        for i in range(f.size):
            f[i], s[i] = _erf(f[i])
    else:
        for i in range(f.size):
            s[i] = 1.0
    for i in range(x.size):
        s[i] *= g[i]
