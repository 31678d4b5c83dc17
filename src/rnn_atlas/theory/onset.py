"""Where chaos sets in: the value of one parameter at which the largest exponent of the attracting state crosses zero."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from rnn_atlas.errors import TheoryError
from rnn_atlas.theory.branches import System, branches, static_branches

_ROUNDING = 1e-13
"""Next to an onset a state that branches off has an exponent of second order, which rounding may make negative."""


def onset(system: Callable[[float], System], low: float, high: float, *, points: int = 25) -> float:
    """The smallest parameter in [low, high] at which the exponent of system(parameter) changes sign, to 1e-10.

    Without noise a chaotic state is there exactly where no static state is stable, so that these alone are looked at.
    TheoryError if there is no change of sign.
    """
    grid = np.linspace(low, high, points)
    before = exponent(system(grid[0]))
    for left, right in zip(grid[:-1], grid[1:], strict=True):
        after = exponent(system(right))
        if before * after <= 0:
            return float(brentq(lambda value: exponent(system(value)), left, right, xtol=1e-11, rtol=1e-12))
        before = after
    raise TheoryError(f"the exponent keeps its sign from {low:g} to {high:g}: no onset there. Widen the range")


def exponent(system: System) -> float:
    """A number with the sign of lambda_max of the attracting state; lambda_max itself under noise and where it is static."""
    if system.noise > 0:
        states = branches(system)
        return min([b.lambda_max for b in states if b.is_stable] or [b.lambda_max for b in states], default=1.0)
    still = [b.lambda_max for b in static_branches(system)]
    return min((value for value in still if value < -_ROUNDING), default=max(still, default=1.0))


def local_instability(system: Callable[[float], System], low: float, high: float, *, points: int = 25) -> float:
    """The smallest parameter at which the Jacobian of a single time becomes locally expansive: leak + sqrt(A E f'^2) = 1.

    Under noise, and in the flow also beyond it, this comes before chaos (SOURCE: Schuecker, Goedeke & Helias 2018).
    """

    def excess(value: float) -> float:
        states = branches(system(value))
        leak = system(value).leak
        return states[0].gain_radius + (0.0 if leak is None else leak) - 1.0 if states else 1.0

    grid = np.linspace(low, high, points)
    values = [excess(value) for value in grid]
    for i in range(points - 1):
        if values[i] * values[i + 1] <= 0:
            return float(brentq(excess, grid[i], grid[i + 1], xtol=1e-11, rtol=1e-12))
    raise TheoryError(f"no local instability from {low:g} to {high:g}. Widen the range")
