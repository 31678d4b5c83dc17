"""Eigenvalues of the couplings in the complex plane, with the circle of the circular law (Girko 1985), or the ellipse of
correlated couplings (Sommers et al. 1988).
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnn_atlas.atlas import Atlas
from rnn_atlas.figures.style import WIDTH, axis_label, colors, held, spread


def draw(atlas: Atlas, options: Any) -> Figure:
    """One panel per value of the chosen axis, one colour per network, at most five networks."""
    axes = atlas.study.axes(options.sweep)
    sizes = spread(axes["N"], 3) if options.panels == "N" else [axes["N"][-1]]
    ranks = spread(axes.get("rank", [0]), 4) if options.panels == "rank" else [None]
    panels = [(int(N), rank) for N in sizes for rank in ranks]
    figure = Figure(figsize=(WIDTH * 0.8 * len(panels), WIDTH * 0.95))
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for ax, (N, rank) in zip(grid, panels, strict=True):
        dataset = held(atlas.arrays(options.sweep, N), options.select | ({} if rank is None else {"rank": rank}))
        _panel(ax, dataset.eigenvalue.load(), options.gain, half_axes(dataset))
        ax.set_title(f"$N$ = {N}" + ("" if rank is None else f", {axis_label('rank')} {rank}"))
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, handletextpad=0.3, columnspacing=0.8, markerscale=2)
    return figure


def half_axes(dataset: Any) -> tuple[float, float] | None:
    """Half-axes of the ellipse that the eigenvalues of J fill for large N; None if the parameters do not tell it."""
    if "J_std" not in dataset.coords or "alpha" in dataset.coords:
        return None
    deviation, tau = float(dataset.J_std), float(dataset.coords.get("tau", 0.0))
    return deviation * (1 + tau), deviation * (1 - tau)


def _panel(ax: Axes, eigenvalue: Any, gain: float, law: tuple[float, float] | None) -> None:
    if "rank" in eigenvalue.dims:
        eigenvalue = eigenvalue.isel(rank=0)
    shown = eigenvalue.realization.values[:5]
    for realization, color in zip(shown, colors(len(shown)), strict=True):
        z = gain * eigenvalue.sel(realization=realization).values
        ax.plot(z.real, z.imag, ".", color=color, markersize=2.5, markeredgewidth=0, label=f"network {realization}")
    if law is not None:
        a, b = gain * law[0], gain * law[1]
        label = f"circular law, radius {a:g}" if a == b else f"elliptic law, half-axes {a:g}, {b:g}"
        angle = np.linspace(0, 2 * np.pi, 400)
        ax.plot(a * np.cos(angle), b * np.sin(angle), "k--", linewidth=0.8, label=label)
    ax.set(aspect="equal", xlabel=rf"Re eigenvalue of ${gain:g}\,J$", ylabel="Im")
