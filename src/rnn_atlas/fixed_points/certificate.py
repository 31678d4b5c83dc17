"""Certificates: a proof, point by point, that a fixed point is there, alone, and of which index (Newton-Kantorovich).

Let G(y) = y - A phi(y) - b, yb a point of the catalogue, M a numerical inverse of DG(yb), |.| the largest row sum or entry.
The map T(y) = y - M G(y) has |T(yb) - yb| <= Y, |DT(yb)| = |1 - M DG(yb)| <= Z1, and since phi' changes by at most K r within
r, |DT(y) - DT(yb)| <= Z2 r with Z2 = K | |M| |A| |, K = max |phi''|. So |T(y) - yb| <= Y + Z1 r + Z2 r^2 / 2 on the ball of
radius r. Where that is at most r, and Z1 + Z2 r < 1, T contracts the ball into itself, and M is regular since Z1 < 1:
exactly one fixed point lies within r. The smallest such r is `radius`, the supremum (1 - Z1) / Z2 is `isolation`.

On the ball |1 - M DG| < 1, so M DG has a positive determinant, and that of DG has the sign of M's throughout.
The sign is the index of the fixed point in Brouwer's sense.

Rounding: every sum of n products errs by at most gamma_n = n u / (1 - n u) times the sum of sizes, in any order. phi and phi'
err by a few u of themselves (`kernels/transfer.py`); SLACK u bounds both and the rounding of the bounds themselves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnn_atlas.contracts import Floats
from rnn_atlas.fixed_points.equation import Equation, phi_and_slope
from rnn_atlas.kernels.transfer import ERF, LINEAR, LOGISTIC, TANH, THRESHOLD_LINEAR

CURVATURE = {
    TANH: 4.0 / (3.0 * np.sqrt(3.0)),  # at tanh^2 = 1/3
    LOGISTIC: 1.0 / (6.0 * np.sqrt(3.0)),  # a quarter of tanh's slope at half its argument
    ERF: np.sqrt(np.pi / 2.0) * np.exp(-0.5),  # at x^2 = 2 / pi
    LINEAR: 0.0,
    THRESHOLD_LINEAR: 0.0,  # where no coordinate changes its sign
}
"""The largest |phi''|."""
UNIT = 2.0**-53
SLACK = 8.0


@dataclass(frozen=True)
class Certificates:
    """Of points (n, N): `radius` (n,) within which there is exactly one fixed point, NaN if not proven; `isolation`, up to
    which there is no other; `sign` of det DG there, 0 if not proven; `reason` in words where not proven.
    """

    radius: Floats
    isolation: Floats
    sign: NDArray[np.int64]
    reason: list[str]

    @property
    def certified(self) -> NDArray[np.bool_]:
        """(n,)."""
        return np.asarray(self.sign != 0)


def certify(equation: Equation, points: Floats) -> Certificates:
    """The certificates of points (n, N)."""
    rows = [_certify(equation, y) for y in points]
    return Certificates(
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows], np.int64),
        [row[3] for row in rows],
    )


def _gamma(n: int) -> float:
    return n * UNIT / (1.0 - n * UNIT)


def _certify(equation: Equation, y: Floats) -> tuple[float, float, int, str]:
    """Radius, isolation, sign, reason."""
    A, N, none = np.abs(equation.A), equation.N, (np.nan, np.nan, 0)
    f, slope = phi_and_slope(y, equation.code)
    DG = np.eye(N) - equation.A * slope
    try:
        M = np.linalg.inv(DG)
    except np.linalg.LinAlgError:
        return *none, "the Jacobian is singular"
    size = np.abs(M)
    defect = np.eye(N) - M @ DG
    rounding = _gamma(N + 2) * (size @ np.sum(np.abs(DG), axis=1) + 1.0) + SLACK * UNIT * (size @ (A @ slope + 1.0))
    Z1 = float(np.max(np.sum(np.abs(defect), axis=1) + rounding)) * (1.0 + _gamma(N + 2))
    if not Z1 < 1.0:
        return *none, f"the Jacobian is too near to singular: |1 - M DG| is {Z1:.1e}, not below 1"
    G = np.abs(y - equation.A @ f - equation.b)
    G = G + (_gamma(N + 2) + SLACK * UNIT) * (np.abs(y) + A @ np.abs(f) + np.abs(equation.b))
    Y = float(np.max(size @ G)) * (1.0 + _gamma(N + 2))
    Z2 = CURVATURE[equation.code] * float(np.max(size @ np.sum(A, axis=1))) * (1.0 + _gamma(2 * N + 2))
    room = (1.0 - Z1) ** 2 - 2.0 * Y * Z2
    if not room > 0.0:
        return *none, f"no fixed point is proven: the Newton step is {Y:.1e}, at most {(1 - Z1) ** 2 / (2 * Z2):.1e} would do"
    radius = 2.0 * Y / (1.0 - Z1 + np.sqrt(room)) * (1.0 + SLACK * UNIT)
    isolation = (1.0 - Z1) / Z2 if Z2 > 0.0 else np.inf
    sign, logarithm = np.linalg.slogdet(DG)
    return radius, isolation, int(sign), ""


def overlaps(points: Floats, radius: Floats) -> list[tuple[int, int]]:
    """Pairs of points whose balls overlap: that they are different is not proven."""
    line, widest = points[:, 0], float(np.nanmax(radius, initial=0.0))
    order, pairs = np.argsort(line, kind="stable"), []
    for lag in range(1, len(points)):
        a, b = order[:-lag], order[lag:]
        near = line[b] - line[a] <= 2.0 * widest
        if not np.any(near):
            break
        a, b = a[near], b[near]
        apart = np.max(np.abs(points[a] - points[b]), axis=1)
        hit = apart <= radius[a] + radius[b]
        pairs += [(int(min(i, j)), int(max(i, j))) for i, j in zip(a[hit], b[hit], strict=True)]
    return sorted(pairs)
