"""Catalogues: distinct fixed points, and the record of which start of which pool found which of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnn_atlas.contracts import Floats
from rnn_atlas.fixed_points.equation import Equation

Integers = NDArray[np.int64]
POOLS = ("homotopy", "perturbed", "mean_field", "trajectory")
TOLERANCE = 1e-7
"""Points closer than this are one, far above the error of a polished point; `separation` tells how far below the others."""


@dataclass(frozen=True)
class Catalogue:
    """Classes of fixed points of one network: points (n, N), of each pair y, -y one, if the equation is odd.

    Every success of a search is a row of three: `hit_class` (m,) whom it found, `hit_pool` by which of POOLS, `hit_start` in
    which start; a curve of the homotopy is one start with many successes. Per pool: `starts`, `factorizations`.
    """

    points: Floats
    hit_class: Integers
    hit_pool: Integers
    hit_start: Integers
    starts: Integers
    factorizations: Integers
    is_odd: bool

    @property
    def count(self) -> int:
        """Fixed points, both of a pair counted."""
        return int(np.sum(self.multiplicity))

    @property
    def multiplicity(self) -> Integers:
        """(n,) how many fixed points a class holds: 2 of a pair, else 1."""
        own = np.zeros(len(self.points), bool) if not self.is_odd else np.any(np.abs(self.points) > TOLERANCE, axis=1)
        return np.asarray(1 + own, dtype=np.int64)

    @property
    def all_points(self) -> Floats:
        """(count, N) the points of all classes, and behind them the other halves of the pairs."""
        return np.concatenate([self.points, -self.points[self.multiplicity == 2]])

    def hits(self) -> Integers:
        """(n, pools) how often each pool found each class."""
        table = np.zeros((len(self.points), len(POOLS)), np.int64)
        np.add.at(table, (self.hit_class, self.hit_pool), 1)
        return table


class Register:
    """Points as they come in, each class once, told apart by two random projections in sorted order."""

    def __init__(self, N: int, is_odd: bool) -> None:
        directions = np.random.Generator(np.random.Philox(key=0)).standard_normal((N, 2))
        self._directions = directions / np.linalg.norm(directions, axis=0)
        self.is_odd = is_odd
        self.points: list[Floats] = []
        self._sorted = np.zeros(0)
        self._order = np.zeros(0, np.int64)

    def add(self, points: Floats) -> tuple[Integers, Floats]:
        """The class (m,) of each of these points (m, N), new ones appended; and the points with their canonical sign."""
        points = self.canonical(points)
        found = np.empty(len(points), np.int64)
        for k, (y, p) in enumerate(zip(points, points @ self._directions[:, 0], strict=True)):
            known = self._known(y, p)
            if known < 0:
                known = len(self.points)
                place = int(np.searchsorted(self._sorted, p))
                self._sorted = np.insert(self._sorted, place, p)
                self._order = np.insert(self._order, place, known)
                self.points.append(y)
            found[k] = known
        return found, points

    def canonical(self, points: Floats) -> Floats:
        """Of y and -y the one with the positive projection, if the equation is odd."""
        if not self.is_odd:
            return points
        return np.asarray(np.where((points @ self._directions[:, 1] < 0.0)[:, None], -points, points))

    def _known(self, y: Floats, p: float) -> int:
        first, last = np.searchsorted(self._sorted, [p - TOLERANCE, p + TOLERANCE])
        for candidate in self._order[first:last]:
            other = self.points[candidate]
            if np.max(np.abs(other - y)) <= TOLERANCE or (self.is_odd and np.max(np.abs(other + y)) <= TOLERANCE):
                return int(candidate)
        return -1


def merged(equation: Equation, parts: list[Catalogue]) -> Catalogue:
    """One catalogue of several streams'. The numbers of their starts go on one behind the other; classes are sorted."""
    register, classes, starts = Register(equation.N, equation.is_odd), [], []
    offset = np.zeros(len(POOLS), np.int64)
    for part in parts:
        own, _ = register.add(part.points)
        classes.append(own[part.hit_class])
        starts.append(part.hit_start + offset[part.hit_pool])
        offset = offset + part.starts
    points = np.array(register.points).reshape(-1, equation.N)
    order = np.lexsort((points @ np.ones(equation.N), np.sum(points**2, axis=1)))
    rank = np.argsort(order)
    return Catalogue(
        points[order],
        rank[np.concatenate([*classes, np.zeros(0, np.int64)])],
        np.concatenate([*(part.hit_pool for part in parts), np.zeros(0, np.int64)]),
        np.concatenate([*starts, np.zeros(0, np.int64)]),
        offset,
        np.sum([part.factorizations for part in parts], axis=0, dtype=np.int64) + np.zeros(len(POOLS), np.int64),
        equation.is_odd,
    )


def separation(points: Floats) -> float:
    """The smallest distance, largest coordinate counted, between any two of these points (n, N); infinite for one."""
    line = points @ np.full(points.shape[1], 1.0 / points.shape[1])
    order = np.argsort(line, kind="stable")
    ordered, line, best = points[order], line[order], np.inf
    for lag in range(1, len(points)):
        near = np.flatnonzero(line[lag:] - line[:-lag] < best)
        if near.size == 0:
            break
        best = min(best, float(np.min(np.max(np.abs(ordered[near + lag] - ordered[near]), axis=1))))
    return best
