"""What changes along a ladder of gains of one network: events between two gains, located where an orbit can be followed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnn_atlas.contracts import Floats
from rnn_atlas.stages.attractors import QUASI_PERIODIC
from rnn_atlas.stages.orbits import Event
from rnn_atlas.status import Regime
from rnn_atlas.theory.spectra import Onset

SAME_ORBIT = 1e-4
"""Relative difference of the fingerprints of one orbit, which the transient may leave."""
SAME_TORUS = 0.05
"""The same of a quasi-periodic motion, whose average over a finite time depends on where it began."""
SAME_CHAOS = 5.0
"""Combined standard errors by which the largest exponents of one chaotic attractor may differ."""


@dataclass(frozen=True)
class Rung:
    """What was found at one gain: the attractor, its period in steps (NaN: none, or not told), a state on it, its fingerprint
    (the same for its mirror image), its largest exponent with the standard error.
    """

    gain: float
    regime: Regime
    period: float
    state: Floats
    fingerprint: float
    exponent: float
    error: float

    @property
    def returns_after(self) -> int:
        """Whole steps after which the state is back; 0 if it is on no orbit that can be followed."""
        if self.regime == Regime.FIXED_POINT:
            return 1
        return int(self.period) if np.isfinite(self.period) and self.period == int(self.period) else 0

    def differs(self, other: "Rung") -> bool:
        """Whether the two are on attractors that are neither one nor mirror images, as far as their numbers tell."""
        kinds = {Regime.PERIODIC if rung.regime == Regime.LOCKED else rung.regime for rung in (self, other)}
        if len(kinds) > 1 or self.returns_after != other.returns_after:
            return True
        apart = abs(self.fingerprint - other.fingerprint) / max(self.fingerprint, other.fingerprint, 1e-12)
        if self.returns_after:
            return apart > SAME_ORBIT
        if self.regime in (*QUASI_PERIODIC, Regime.LOCKED, Regime.PERIODIC):
            return apart > SAME_TORUS
        return abs(self.exponent - other.exponent) > SAME_CHAOS * float(np.hypot(self.error, other.error))


@dataclass(frozen=True)
class Change:
    """An event between the rungs `first` and `last` (numbers along the ladder), which differ by more than 1 where what lies
    between is undecided. gain: NaN where it is not located.
    """

    first: int
    last: int
    kind: Onset
    gain: float = np.nan
    rotation: float = np.nan
    period: int = 0


Follow = Callable[[Rung, float], Event | None]
"""From the orbit of a rung towards a gain: where it loses its stability."""


def changes(ladder: Sequence[Rung], follow: Follow) -> Iterator[Change]:
    """The first event between each two rungs whose attractors are known, in order along the ladder.

    An orbit is followed from the rung where it is: from the first, or, where that is no orbit, or does not lose its stability,
    from the last.
    """
    for i, j in _neighbours(ladder):
        before, after = ladder[i], ladder[j]
        is_new = before.regime != after.regime or before.returns_after != after.returns_after
        event = follow(before, after.gain) if before.returns_after else None
        is_new |= event is not None
        if (event is None or event.kind == Onset.NONE) and is_new:
            event = follow(after, before.gain) if after.returns_after else None
        if event is not None and event.kind != Onset.NONE:
            yield Change(i, j, event.kind, event.gain, event.rotation, event.period)
        elif is_new:
            yield Change(i, j, _unlocated({before.regime, after.regime}))


def _neighbours(ladder: Sequence[Rung]) -> list[tuple[int, int]]:
    """Numbers of the rungs that follow one another, undecided ones left out."""
    known = [i for i, rung in enumerate(ladder) if rung.regime != Regime.UNDECIDED]
    return list(zip(known, known[1:], strict=False))


def _unlocated(pair: set[Regime]) -> Onset:
    """What an event between two attractors is called by their kinds alone."""
    if Regime.CHAOTIC in pair:
        return Onset.CHAOS
    if pair & set(QUASI_PERIODIC) and Regime.LOCKED in pair:
        return Onset.LOCKING
    return Onset.TORUS if pair == set(QUASI_PERIODIC) else Onset.OTHER


def with_locking(ladder: Sequence[Rung], events: Sequence[Change]) -> list[Rung]:
    """The ladder with its periodic motions named locked where they are.

    A periodic motion is locked if it ends in a saddle-node bifurcation beyond which the motion is quasi-periodic, or if the
    Neimark-Sacker bifurcation of another orbit leads to it at once; and so are its neighbours of the same period, and what it
    becomes by a flip or a pitchfork (SOURCE: Kuznetsov 2004, section 7.3).
    """
    found = {rung for change in events for rung in _locked_at(ladder, change)}
    kinds = {(change.first, change.last): change.kind for change in events}
    joined = [pair for pair in _neighbours(ladder) if kinds.get(pair) in (None, Onset.FLIP, Onset.PITCHFORK)]
    for pair in (*joined, *reversed(joined)):
        if found & set(pair) and all(ladder[i].regime == Regime.PERIODIC for i in pair):
            found |= set(pair)
    return [replace(rung, regime=Regime.LOCKED) if i in found else rung for i, rung in enumerate(ladder)]


def _locked_at(ladder: Sequence[Rung], change: Change) -> Iterator[int]:
    """The rungs beside an event that it shows to be locked."""
    for own, other in ((change.first, change.last), (change.last, change.first)):
        here, there = ladder[own], ladder[other]
        if here.regime != Regime.PERIODIC:
            continue
        if change.kind == Onset.SADDLE_NODE and here.returns_after == change.period and there.regime in QUASI_PERIODIC:
            yield own
        if change.kind == Onset.NEIMARK_SACKER and here.returns_after != change.period == there.returns_after:
            yield own
