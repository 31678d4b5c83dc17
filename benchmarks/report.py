"""What the benchmarks found: its rows, as tables, as JSON and as a picture."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rnn_atlas.contracts import Floats
from rnn_atlas.figures.style import style


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> "Spread":
        """Of one value per round."""
        return cls(float(np.median(values)), float(np.min(values)), float(np.max(values)))


@dataclass(frozen=True)
class Limit:
    """What a matrix product reaches alone; `share` of the dgemm of the same round."""

    workload: str
    gflops: Spread
    share: Spread


@dataclass(frozen=True)
class Way:
    """One way to compute a workload: microseconds per point and step, times faster than naive, GFLOP/s, share of dgemm."""

    microseconds: Spread
    ratio: Spread
    gflops: Spread
    share: Spread


@dataclass(frozen=True)
class Row:
    """One workload. `columns` per point: its state and its tangents. No `stage` where the kernel alone is run."""

    workload: str
    N: int
    points: int
    columns: float
    naive_microseconds: Spread
    kernel: Way
    stage: Way | None
    bar: float | None = None


@dataclass(frozen=True)
class Agreement:
    """How far naive code and rnn-atlas are apart, and how far they may be."""

    quantity: str
    difference: float
    allowed: float

    @property
    def holds(self) -> bool:
        """NaN does not hold."""
        return self.difference <= self.allowed


@dataclass(frozen=True)
class Results:
    """Everything one run finds."""

    machine: dict[str, str]
    limits: list[Limit]
    rows: list[Row]
    agreement: list[Agreement]


def limit_table(limits: list[Limit]) -> list[str]:
    """Markdown rows of the machine's limits."""
    head = ["| matrix product alone | GFLOP/s | share of dgemm |", "|---|---|---|"]
    return head + [f"| {limit.workload} | {text(limit.gflops)} | {percent(limit.share)} |" for limit in limits]


def row_table(rows: list[Row]) -> list[str]:
    """Markdown rows of the workloads."""
    both = ("{} µs", "{} x naive", "{} GFLOP/s", "{} of dgemm")
    names = ["workload", "N", "points", "columns per point", "naive µs"]
    names += [name.format(way) for way in ("kernel", "stage") for name in both]
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for r in rows:
        cells = [r.workload, str(r.N), str(r.points), f"{r.columns:.3g}", f"{r.naive_microseconds.median:.3g}"]
        cells += way_cells(r.kernel) + way_cells(r.stage)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def way_cells(way: Way | None) -> list[str]:
    """Time, ratio with its spread, GFLOP/s and share; nothing where it was not run."""
    if way is None:
        return [""] * 4
    return [f"{way.microseconds.median:.3g}", text(way.ratio), f"{way.gflops.median:.3g}", percent(way.share)]


def agreement_table(agreement: list[Agreement]) -> list[str]:
    """Markdown rows of what was compared."""
    head = ["| naive and rnn-atlas give the same | apart | allowed | holds |", "|---|---|---|---|"]
    return head + [f"| {a.quantity} | {a.difference:.2g} | {a.allowed:.2g} | {'yes' if a.holds else 'NO'} |" for a in agreement]


def bars(rows: list[Row]) -> list[str]:
    """A sentence per row that has a bar to reach."""
    return [
        f"{r.workload} at N = {r.N}, at least {r.bar:g} times naive: by the kernels {verdict(r.kernel, r.bar)}, "
        f"by the whole stages {verdict(r.stage, r.bar)}."
        for r in rows
        if r.bar is not None and r.stage is not None
    ]


def verdict(way: Way, bar: float) -> str:
    """Whether the median ratio reaches the bar."""
    return f"{'reached' if way.ratio.median >= bar else 'NOT reached'} ({way.ratio.median:.3g})"


def text(value: Spread) -> str:
    """Median (lowest to highest)."""
    return f"{value.median:.3g} ({value.low:.3g} to {value.high:.3g})"


def percent(value: Spread) -> str:
    """The median in percent."""
    return f"{100 * value.median:.0f} %"


def markdown(results: Results) -> str:
    """The whole report; the same text is printed."""
    where = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    parts = [limit_table(results.limits), row_table(results.rows), bars(results.rows), agreement_table(results.agreement)]
    return "\n\n".join(["# Benchmarks", f"One thread. {where}.", *("\n".join(part) for part in parts)]) + "\n"


def draw(rows: list[Row]) -> Figure:
    """Times faster than naive code, kernel and stage, with the spread over the rounds."""
    with style():
        figure = Figure(figsize=(6.0, 0.9 + 0.3 * len(rows)))
        ax = figure.subplots()
        for kind, color, shift in (("kernel", "#0072B2", -0.2), ("stage", "#E69F00", 0.2)):
            held = [(i + shift, w.ratio) for i, w in enumerate(getattr(r, kind) for r in rows) if w is not None]
            median = np.array([ratio.median for _, ratio in held])
            ends = np.array([[ratio.median - ratio.low, ratio.high - ratio.median] for _, ratio in held]).T
            y = [place for place, _ in held]
            ax.barh(y, median, 0.38, xerr=ends, color=color, label=kind, error_kw={"elinewidth": 0.7})
        ax.axvline(1.0, color="black", linewidth=0.6)
        for i, bar in ((i, r.bar) for i, r in enumerate(rows) if r.bar is not None):
            ax.plot([bar, bar], [i - 0.5, i + 0.5], color="black", linestyle="--", label=f"to reach: {bar:g}")
        ax.set_yticks(range(len(rows)), [f"{r.workload}, N = {r.N}" for r in rows])
        ax.invert_yaxis()
        ax.set_xlabel("times faster than naive code, one thread")
        ax.legend(loc="lower right")
    return figure


def rounded(value: object) -> object:
    """Six significant digits: what a timing is worth at the very most."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(inner) for inner in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def store(results: Results, folder: Path) -> None:
    """results.md, results.json and results.png in this folder."""
    (folder / "results.md").write_text(markdown(results), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps(rounded(asdict(results)), indent=1) + "\n", encoding="utf-8")
    with style():
        draw(results.rows).savefig(folder / "results.png")
