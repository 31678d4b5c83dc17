"""All fixed points of a network of low rank: x = M kappa + b with kappa = n phi(a x), so r unknowns instead of N.

Cubes that hold no solution are excluded and cubes that hold at most one are solved, all by a bound of phi''; the others are
cut in halves. What comes out is complete and certified, unless a cube stays undecided at the smallest size, as at a
bifurcation.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST_RANK = 4
_HALVINGS = 40
_MOST_CUBES = 1_000_000
_ROOM = 4_000_000
"""Numbers of one block of activities."""
_ROUNDING = 4e-16


@dataclass(frozen=True)
class LowRank:
    """kappa = right phi(gain (left kappa + b)): left (N, r), right (r, N), b (N,), phi and its slope elementwise.

    largest: bound of |phi|, infinite of a linear one; curvature: bound of |phi''|.
    """

    left: Floats
    right: Floats
    b: Floats
    gain: float
    phi: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    largest: float
    curvature: float

    @property
    def rank(self) -> int:
        """Number of unknowns."""
        return int(self.left.shape[1])


@dataclass(frozen=True)
class Enumerated:
    """What was found: kappa (points, r), its certified radii (points,) in the largest norm, the signs of det(1 - n phi' M),
    and the number of cubes that stayed undecided: 0 if the list is complete. cubes: how many were looked at.
    """

    kappa: Floats
    radius: Floats
    index: NDArray[np.int64]
    undecided: int
    cubes: int


def enumerate_low_rank(problem: LowRank) -> Enumerated:
    """All solutions kappa, sorted."""
    bound, tensor = _radius_of_all(problem), _curvatures(problem)
    centres, half = np.zeros((1, problem.rank)), bound
    found: list[Floats] = []
    looked_at = 0
    for _ in range(_HALVINGS):
        looked_at += len(centres)
        roots, open_cubes = _look(problem, tensor, centres, half)
        found += roots
        if not len(open_cubes) or looked_at > _MOST_CUBES:
            break
        half /= 2.0
        corners = half * np.array(list(itertools.product((-1.0, 1.0), repeat=problem.rank)))
        centres = (open_cubes[:, None, :] + corners).reshape(-1, problem.rank)
    kappa = _distinct(np.array(found).reshape(-1, problem.rank))
    radius, index = _certified(problem, tensor, kappa)
    return Enumerated(kappa, radius, index, len(open_cubes), looked_at)


def _radius_of_all(problem: LowRank) -> Floats:
    """(r,) half widths of the box that holds all solutions, a little more than needed so that none lies on a face."""
    if np.isfinite(problem.largest):
        return np.asarray(1.01 * problem.largest * np.abs(problem.right).sum(axis=1) + 1e-9)
    residual, jacobian = _evaluated(problem, np.zeros((1, problem.rank)))
    return np.asarray(2.0 * np.abs(np.linalg.lstsq(jacobian[0], -residual[0])[0]) + 1.0)


def _curvatures(problem: LowRank) -> Floats:
    """(r, r, r): bounds of the second derivatives |d^2 F_k / d kappa_l d kappa_m|."""
    M, n = np.abs(problem.left), np.abs(problem.right)
    return np.asarray(problem.gain**2 * problem.curvature * np.einsum("ki,il,im->klm", n, M, M, optimize=True))


def _evaluated(problem: LowRank, kappa: Floats) -> tuple[Floats, Floats]:
    """F = kappa - n phi, (cubes, r), and its derivative (cubes, r, r)."""
    residual, jacobian = np.empty_like(kappa), np.empty((*kappa.shape, problem.rank))
    step = max(1, _ROOM // problem.left.shape[0])
    for i in range(0, len(kappa), step):
        x = problem.gain * (kappa[i : i + step] @ problem.left.T + problem.b)
        residual[i : i + step] = kappa[i : i + step] - problem.phi(x) @ problem.right.T
        weighted = problem.gain * problem.slope(x)[:, None, :] * problem.right
        jacobian[i : i + step] = np.eye(problem.rank) - weighted @ problem.left
    return residual, jacobian


def _look(problem: LowRank, tensor: Floats, centres: Floats, half: Floats) -> tuple[list[Floats], Floats]:
    """Solutions in these cubes of half widths `half` (r,), and the cubes that must be cut."""
    residual, jacobian = _evaluated(problem, centres)
    bend = 0.5 * np.einsum("klm,l,m->k", tensor, half, half)
    reach = np.abs(jacobian) @ half + bend
    kept = np.all(np.abs(residual) <= reach, axis=1)
    roots, undecided = [], []
    for centre, F, DF in zip(centres[kept], residual[kept], jacobian[kept], strict=True):
        verdict = _solve(problem, tensor, centre, half, F, DF)
        if verdict is None:
            undecided.append(centre)
        elif verdict.size:
            roots.append(verdict)
    return roots, np.array(undecided).reshape(-1, problem.rank)


def _solve(problem: LowRank, tensor: Floats, centre: Floats, half: Floats, F: Floats, DF: Floats) -> Floats | None:
    """The only solution of a cube, an empty array if it has none, None if that is not decided.

    Within three half widths A F is one to one if |1 - A DF| < 1 there, with A the inverse of DF at the centre; a solution
    found in that larger cube but outside the cube itself says that the cube has none.
    """
    if np.linalg.cond(DF) > 1e12:
        return None
    A = np.linalg.inv(DF)
    step = A @ F
    bend = 0.5 * np.abs(A) @ np.einsum("klm,l,m->k", tensor, half, half)
    if np.any(np.abs(step) > half + bend):
        return np.zeros(0)
    spread = 3.0 * np.abs(A) @ np.einsum("klm,l->km", tensor, half)
    if np.max((spread @ half) / half) >= 1.0:
        return None
    kappa = _newton(problem, centre - step)
    inside = np.abs(kappa - centre) / half
    if np.all(inside <= 1.0 + 1e-9):
        return kappa
    return np.zeros(0) if np.all(inside <= 3.0) else None


def _newton(problem: LowRank, kappa: Floats) -> Floats:
    """Newton's method from near a solution."""
    for _ in range(50):
        F, DF = _evaluated(problem, kappa[None])
        step = np.linalg.solve(DF[0], F[0])
        kappa = kappa - step
        if np.max(np.abs(step)) <= _ROUNDING * (1.0 + np.max(np.abs(kappa))):
            break
    return kappa


def _distinct(kappa: Floats) -> Floats:
    """Sorted, those on a face that two cubes share once."""
    kappa = kappa[np.lexsort(np.round(kappa, 9).T[::-1])] if len(kappa) else kappa
    kept: list[Floats] = []
    for point in kappa:
        if all(np.max(np.abs(point - other)) > 1e-9 * (1.0 + np.max(np.abs(point))) for other in kept):
            kept.append(point)
    return np.array(kept).reshape(-1, kappa.shape[1])


def _certified(problem: LowRank, tensor: Floats, kappa: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Radii within which a single solution is, by the theorem of Newton and Kantorovich; NaN where it does not say so."""
    residual, jacobian = _evaluated(problem, kappa)
    noise = (problem.left.shape[0] + 10) * _ROUNDING * np.abs(problem.right).sum(axis=1) * min(problem.largest, 1e6)
    radius, index = np.full(len(kappa), np.nan), np.zeros(len(kappa), np.int64)
    for i, (F, DF) in enumerate(zip(residual, jacobian, strict=True)):
        index[i] = int(np.sign(np.linalg.det(DF)))
        if np.linalg.cond(DF) > 1e12:
            continue
        A = np.abs(np.linalg.inv(DF))
        Y, Z = np.max(A @ (np.abs(F) + noise)), np.max(A @ tensor.sum(axis=(1, 2)))
        if 2.0 * Y * Z < 1.0:
            radius[i] = 2.0 * Y / (1.0 + np.sqrt(1.0 - 2.0 * Y * Z))
    return radius, index
