"""Audits: what speaks for and against a catalogue being complete, and how many fixed points there may be."""

from dataclasses import dataclass

import numpy as np

from rnn_atlas.contracts import Floats
from rnn_atlas.fixed_points.catalogue import POOLS, Catalogue, Integers
from rnn_atlas.fixed_points.certificate import Certificates, overlaps
from rnn_atlas.fixed_points.equation import Equation

ENOUGH = 0.999
"""Coverage from which on a pool speaks for completeness."""


@dataclass(frozen=True)
class Audit:
    """Of one catalogue, in fixed points where not said to be in classes.

    found, certified: how many. overlapping: pairs of balls that overlap. index_sum: of the certified signs, +1 of a complete
    set (Poincare-Hopf); `is_odd_count`: a complete set without degenerate points is odd in number. Per pool (pools,), NaN of
    a pool without successes: coverage 1 - f1 / n (Good and Turing) and chao1, classes. chao2: classes by the starts of the
    homotopy that hold them. lincoln_petersen: classes, by the classes that two pools share; NaN where there is one.
    recaptured: share of the smaller pool's classes that the larger has too. estimate: the largest of the estimates.
    """

    found: int
    certified: int
    overlapping: int
    index_sum: int
    is_odd_count: bool
    coverage: Floats
    chao1: Floats
    chao2: float
    lincoln_petersen: float
    recaptured: float
    estimate: float
    findings: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Nothing was found that speaks against it."""
        return not self.findings


def audit(equation: Equation, catalogue: Catalogue, certificates: Certificates) -> Audit:
    """The audit of a catalogue and the certificates of its points."""
    hits, many = catalogue.hits(), catalogue.multiplicity
    used = [p for p in range(len(POOLS)) if np.any(hits[:, p])]
    coverage = np.array([good_turing(hits[:, p]) for p in range(len(POOLS))])
    estimates = np.array([chao1(hits[:, p]) for p in range(len(POOLS))])
    by_curves = chao2(catalogue, 0)
    shared, recaptured = recapture(hits, used)
    both = [1, -1] if catalogue.is_odd else [1]
    balls = np.concatenate([sign * catalogue.points[many >= (1 if sign > 0 else 2)] for sign in both])
    radii = np.concatenate([certificates.radius[many >= (1 if sign > 0 else 2)] for sign in both])
    over = len(overlaps(balls, radii))
    index_sum = int(np.sum(many * certificates.sign))
    certified = int(np.sum(many * certificates.certified))
    n, classes = catalogue.count, len(many)
    estimate = max([float(classes), *estimates[used], by_curves, shared], key=lambda value: -1.0 if np.isnan(value) else value)
    findings = _findings(n, certified, over, index_sum, equation.is_bounded, coverage[used], estimate - classes, recaptured)
    return Audit(
        n, certified, over, index_sum, n % 2 == 1, coverage, estimates, by_curves, shared, recaptured,
        n + (estimate - classes) * (2 if catalogue.is_odd else 1), findings,
    )  # fmt: skip


def _findings(
    n: int, certified: int, over: int, index_sum: int, is_bounded: bool, coverage: Floats, unseen: float, recaptured: float
) -> tuple[str, ...]:
    """What speaks against completeness, in words."""
    checks = (
        (certified < n, f"{n - certified} of {n} points are not certified"),
        (over > 0, f"{over} pairs of certified balls overlap"),
        (is_bounded and index_sum != 1, f"the indices sum up to {index_sum}, not to 1"),
        (is_bounded and n % 2 == 0, f"the number of fixed points, {n}, is even"),
        (not np.any(coverage >= ENOUGH), "no pool of starts covers the catalogue"),
        (unseen >= 0.5, f"about {unseen:.0f} classes are unseen"),
        (np.isnan(recaptured), "no second pool of starts was there to compare with"),
        (recaptured < 1.0, f"a second pool found classes of which only {recaptured:.1%} were known"),
    )
    return tuple(text for is_wrong, text in checks if is_wrong)


def good_turing(hits: Integers) -> float:
    """Coverage 1 - f1 / n, from how often each class was found (classes,); NaN without any success."""
    n = int(np.sum(hits))
    return 1.0 - float(np.sum(hits == 1)) / n if n else np.nan


def chao1(hits: Integers) -> float:
    """Classes there are, at least: S + f1 (f1 - 1) / (2 (f2 + 1)) (Chao 1984, bias-corrected); NaN without any success."""
    f1, f2 = int(np.sum(hits == 1)), int(np.sum(hits == 2))
    return float(np.sum(hits > 0)) + f1 * (f1 - 1) / (2.0 * (f2 + 1)) if np.any(hits) else np.nan


def chao2(catalogue: Catalogue, pool: int) -> float:
    """The same from the number of starts of a pool that found a class, of m: S + (1 - 1/m) Q1 (Q1 - 1) / (2 (Q2 + 1))."""
    own, m = catalogue.hit_pool == pool, int(catalogue.starts[pool])
    pairs = np.unique(np.stack([catalogue.hit_class[own], catalogue.hit_start[own]]), axis=1)
    times = np.bincount(pairs[0], minlength=len(catalogue.points))
    return float(np.sum(times > 0)) + (1.0 - 1.0 / m) * (chao1(times) - float(np.sum(times > 0))) if np.any(own) else np.nan


def recapture(hits: Integers, used: list[int]) -> tuple[float, float]:
    """Lincoln-Petersen's estimate of the classes (Chapman's form), and the share of the second pool's that the first has.

    Of the two pools with most classes; NaN where there are fewer than two.
    """
    if len(used) < 2:
        return np.nan, np.nan
    first, second = sorted(used, key=lambda p: -int(np.sum(hits[:, p] > 0)))[:2]
    a, b = hits[:, first] > 0, hits[:, second] > 0
    n1, n2, both = int(np.sum(a)), int(np.sum(b)), int(np.sum(a & b))
    return (n1 + 1) * (n2 + 1) / (both + 1) - 1.0, both / n2
