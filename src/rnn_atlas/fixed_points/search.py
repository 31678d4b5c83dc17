"""Searches: random-forcing homotopies and descents from several pools of starts, until a budget of factorizations is spent."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rnn_atlas.contracts import Floats
from rnn_atlas.fixed_points.catalogue import POOLS, Catalogue, Register
from rnn_atlas.fixed_points.equation import Equation, phi_and_slope
from rnn_atlas.kernels.fixed_point import Room, Terms, polish, room_for, terms_of
from rnn_atlas.kernels.homotopy import Pace, track
from rnn_atlas.kernels.least_squares import descend

CURVE = 4000
"""Factorizations of one curve at most."""
BATCH = 50
"""Descents in turn."""
SATURATED = 12.0
"""Beyond |y| = 12 every bounded phi is flat."""
NEAR, DESCENT, POLISH = 1e-3, 200, 15


@dataclass(frozen=True)
class Starts:
    """What descents may start from, beside points found: a `trajectory` (T, N), and the mean-field `variance` (N,) of y
    around `mean`.
    """

    trajectory: Floats | None = None
    mean: Floats | float = 0.0
    variance: Floats | float | None = None


def search(
    equation: Equation, generator: np.random.Generator, budget: int, starts: Starts | None = None, pools: Sequence[str] = POOLS
) -> Catalogue:
    """One stream of a search: what it finds with `budget` factorizations. A pure function of equation, generator and options.

    pools: which of POOLS take part; those without anything to start from do not.
    """
    hunt = _Hunt(equation, generator, starts or Starts(), budget)
    turns = [pool for pool in pools if hunt.can(pool)]
    while hunt.spent < budget and turns:
        for pool in turns:
            if hunt.spent < budget:
                hunt.take(pool)
    return hunt.catalogue()


@dataclass
class _Hunt:
    """A search under way."""

    equation: Equation
    generator: np.random.Generator
    given: Starts
    budget: int
    terms: Terms = field(init=False)
    room: Room = field(init=False)
    register: Register = field(init=False)
    hits: list[tuple[int, int, int]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        N = self.equation.N
        self.terms, self.room = terms_of(self.equation.A, self.equation.b, self.equation.code), room_for(N)
        self.register = Register(N, self.equation.is_odd)
        self.still, self.out = np.zeros(N), np.zeros((CURVE, N))
        self.starts, self.factorizations = np.zeros(len(POOLS), np.int64), np.zeros(len(POOLS), np.int64)
        self._record(0, self._polished(0, np.zeros((1, N))))

    @property
    def spent(self) -> int:
        return int(np.sum(self.factorizations))

    def can(self, pool: str) -> bool:
        needs = {"trajectory": self.given.trajectory, "mean_field": self.given.variance}
        return needs.get(pool, self.given) is not None

    def take(self, pool: str) -> None:
        """One turn of a pool."""
        number = POOLS.index(pool)
        if pool == "homotopy":
            self._curve(number)
            return
        for _ in range(BATCH):
            if self.spent >= self.budget:
                return
            self.starts[number] += 1
            self._record(number, self._descended(number, self._start(pool)))

    def _start(self, pool: str) -> Floats:
        N, random = self.equation.N, self.generator
        if pool == "perturbed":
            known = self.register.points
            origin = known[int(random.integers(len(known)))] if known else np.zeros(N)
            size = max(1.0, float(np.sqrt(np.mean(origin**2))))
            return np.asarray(origin + random.uniform(0.1, 1.0) * size * random.standard_normal(N))
        if pool == "trajectory" and self.given.trajectory is not None:
            return np.array(self.given.trajectory[int(random.integers(len(self.given.trajectory)))])
        scale = np.sqrt(random.uniform(0.3, 1.1) * np.asarray(self.given.variance, float))
        return np.asarray(self.given.mean + scale * random.standard_normal(N))

    def _curve(self, pool: int) -> None:
        """Follows one curve: through 0 if the equation is odd, else from far away."""
        v = self.generator.standard_normal(self.equation.N)
        z, tangent = self._from_zero(v) if self.equation.is_odd else self._from_far(v)
        far = self.equation.box + SATURATED
        most = min(CURVE, self.budget - self.spent)
        count, used, _ = track(self.terms, self.room, Pace(), v, z, tangent, far, most, self.out)
        self.starts[pool] += 1
        self.factorizations[pool] += used
        self._record(pool, self._polished(pool, self.out[:count]))

    def _from_zero(self, v: Floats) -> tuple[Floats, Floats]:
        N = self.equation.N
        return np.zeros(N + 1), self._tangent(np.zeros(N), v, 1.0)

    def _from_far(self, v: Floats) -> tuple[Floats, Floats]:
        """Where |t| is so large that only one solution is left; heading inwards."""
        e = self.equation
        t = float(np.max((e.box + SATURATED) / np.abs(v)))
        y = e.b - t * v
        for _ in range(5):
            y = e.A @ phi_and_slope(y, e.code)[0] + e.b - t * v
        return np.append(y, t), self._tangent(y, v, -1.0)

    def _tangent(self, y: Floats, v: Floats, heading: float) -> Floats:
        """Of the curve at y, of length 1."""
        slope = np.linalg.solve(np.eye(y.size) - self.equation.jacobians(y), -v)
        tangent = np.append(slope, 1.0)
        return np.asarray(heading * tangent / np.linalg.norm(tangent))

    def _descended(self, pool: int, y: Floats) -> Floats:
        size, _, used = descend(self.terms, self.room, y, self.still, NEAR, 0.0, DESCENT)
        self.factorizations[pool] += used
        return self._polished(pool, y[None]) if size <= NEAR else np.zeros((0, y.size))

    def _polished(self, pool: int, rough: Floats) -> Floats:
        """The fixed points (n, N) that Newton's method reaches from these."""
        kept = []
        for y in rough.copy():
            size, used = polish(self.terms, self.room, y, self.still, self.equation.goal, POLISH)
            self.factorizations[pool] += used
            if size <= self.equation.goal:
                kept.append(y)
        return np.array(kept).reshape(-1, self.equation.N)

    def _record(self, pool: int, points: Floats) -> None:
        classes, _ = self.register.add(points)
        self.hits += [(int(k), pool, int(self.starts[pool])) for k in classes]

    def catalogue(self) -> Catalogue:
        hits = np.array(self.hits, np.int64).reshape(-1, 3)
        points = np.array(self.register.points).reshape(-1, self.equation.N)
        return Catalogue(points, hits[:, 0], hits[:, 1], hits[:, 2], self.starts, self.factorizations, self.equation.is_odd)
