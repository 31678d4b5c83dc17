"""lambda_max along one axis, one curve per value of another, with the spread over realizations."""

from typing import Any

from matplotlib.figure import Figure

from rnn_atlas.atlas import Atlas
from rnn_atlas.figures.style import WIDTH, axis_label, colors, held, label, note_failures


def draw(atlas: Atlas, options: Any) -> Figure:
    """Lines: averages over realizations; bands: their standard deviation."""
    dataset = held(atlas[options.sweep], options.select)
    values = dataset.lambda_max.load()
    figure = Figure(figsize=(WIDTH, WIDTH * 0.75))
    ax = figure.subplots()
    curves = values[options.curves].values
    for curve, color in zip(curves, colors(len(curves)), strict=True):
        along = values.sel({options.curves: curve})
        x, mean = along[options.x].values, along.mean("realization").values
        deviation = along.std("realization", ddof=1 if along.sizes["realization"] > 1 else 0).values
        ax.fill_between(x, mean - deviation, mean + deviation, color=color, alpha=0.25, linewidth=0)
        ax.plot(x, mean, color=color, label=f"{curve:g}")
    ax.axhline(0.0, color="0.6", linewidth=0.6, zorder=0)
    ax.set(xlabel=axis_label(options.x), ylabel=label(dataset, "lambda_max"))
    ax.legend(title=f"{axis_label(options.curves)} (band: s.d. of {values.sizes['realization']} networks)", title_fontsize=7)
    note_failures(ax, dataset, "lyapunov")
    return figure
