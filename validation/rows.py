"""A row of the tables of evidence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One claim: what was measured, what it is compared with, and whether it holds."""

    claim: str
    found: str
    bar: str
    holds: bool


def bounded(claim: str, value: float, bound: float) -> Row:
    """A row for |value| <= bound."""
    return Row(claim, f"{value:.3g}", f"<= {bound:g}", bool(abs(value) <= bound))
