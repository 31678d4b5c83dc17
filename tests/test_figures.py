"""Figures: every kind is drawn from a finished study, says where it comes from, and hides no point that failed."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text
from PIL import Image

import rnn_atlas
from rnn_atlas.cli import main
from rnn_atlas.errors import StoreError
from rnn_atlas.figures.draw import draw_figure
from rnn_atlas.figures.kinds import KINDS, drawer
from rnn_atlas.figures.style import style
from rnn_atlas.status import Status

from .conftest import Finished, run_serially

LINEAR = """
study: linear
title: A linear map on both sides of its onset
seed: 7
model: {name: snt, transfer: linear}
network: {ensemble: gaussian}
parameters: {N: 20}
realizations: 2
sweeps:
  plane: {g: [0.25, 0.5, 4.0], gamma: [0.0, 0.25]}
  beyond: {g: [4.0, 5.0], gamma: [0.0, 0.25]}
  spectra: {g: [0.25, 4.0], N: [20], stages: {lyapunov: {exponents: all}}}
  sizes: {g: [0.25, 4.0], N: [20, 24]}
stages:
  networks: {}
  simulation: {transient: 100, duration: 200}
  lyapunov: {exponents: 1, transient: 50, duration: 192}
figures:
  heat_map: {kind: heat_map, sweep: plane, x: g, y: gamma}
  size_curves: {kind: size_curves, sweep: sizes}
  autocorrelation: {kind: autocorrelation, sweep: plane, curves: g, select: {gamma: 0}}
  activity_strips: {kind: activity_strips, sweep: plane, strips: g, select: {gamma: 0}}
  lyapunov_spectra: {kind: lyapunov_spectra, sweep: spectra}
  heat_map_beyond: {kind: heat_map, sweep: beyond, x: g, y: gamma}
  size_curves_beyond: {kind: size_curves, sweep: beyond, curves: gamma}
  autocorrelation_beyond: {kind: autocorrelation, sweep: beyond, curves: g, select: {gamma: 0}}
  activity_strips_beyond: {kind: activity_strips, sweep: beyond, strips: g, select: {gamma: 0}}
"""


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """u(t+1) = gamma u + g J u dies out while |gamma + g mu| < 1 for all eigenvalues mu of J, and diverges above that."""
    return run_serially(yaml.safe_load(LINEAR), tmp_path_factory.mktemp("linear"))


def drawn(finished: Finished, name: str) -> Figure:
    """The figure itself, laid out as it is saved."""
    options = finished.study.figures[name]
    with style():
        figure: Figure = drawer(options.kind).draw(rnn_atlas.open(finished.results), options)
        FigureCanvasAgg(figure).draw()
    return figure


def texts(figure: Figure) -> str:
    """Every word in a figure."""
    return "\n".join(artist.get_text() for artist in figure.findobj(Text) if artist.get_visible())


# Every kind


def test_the_study_these_tests_draw_from_asks_for_every_kind(finished: Finished) -> None:
    assert {figure.kind for figure in finished.study.figures.values()} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_is_saved_as_png_and_pdf_with_its_study_and_data_in_them_and_is_repeatable(
    kind: str, finished: Finished
) -> None:
    """Drawn through the command line. The digests are those of the datasets it was drawn from. Drawn again, it has the same
    bytes: there is no time of day in it, so that what has not changed is seen not to have changed."""
    assert main(["figures", str(finished.file), kind, "--results", str(finished.root)]) == 0
    png, pdf = (finished.results / "figures" / f"{kind}.{ending}" for ending in ("png", "pdf"))
    pixels = imread(png)[..., :3]
    assert min(pixels.shape[:2]) > 300
    assert pixels.std() > 0.02
    assert np.mean(pixels.min(axis=2) < 0.99) > 0.005  # more ink than an empty frame
    with Image.open(png) as image:
        origin = str(image.info["Description"])
    assert "study small" in origin
    receipts = rnn_atlas.open(finished.results).receipts
    for stage in KINDS[kind].Options.stages:
        assert receipts[stage]["digest"][:16] in origin
        assert receipts[stage]["digest"][:16].encode() in pdf.read_bytes()
    assert b"study small" in pdf.read_bytes()
    assert pdf.read_bytes().startswith(b"%PDF")
    before = [png.read_bytes(), pdf.read_bytes()]
    assert [path.read_bytes() for path in draw_figure(finished.study, kind, finished.results)] == before


LABELS = {
    "heat_map": [r"gain \$g\$", r"noise \$.sigma\$", r"lambda_1\$ \[step\$\^\{-1\}\$\]", r"s\.d\. of .* \[step\$\^\{-1\}\$\]"],
    "size_curves": [r"gain \$g\$", r"\$N\$", r"lambda_1\$ \[step\$\^\{-1\}\$\]"],
    "eigenvalues": [r"Re eigenvalue of \$1\.5", "Im", "circular law, radius 1.5", "rank 2"],
    "autocorrelation": [r"lag .* \[steps\]", r"Delta", r"gain \$g\$"],
    "activity_strips": [r"time \[steps\]", r"population activity", r"\$g\$ = 3"],
    "lyapunov_spectra": [r"rank \$i/N\$, \$N\$ = 20", r"\$N\$ = 32", r"lambda_i\$ \[step\$\^\{-1\}\$\]"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_say_what_is_shown_and_in_which_unit(kind: str, finished: Finished) -> None:
    words = texts(drawn(finished, kind))
    for label in LABELS[kind]:
        assert re.search(label, words), f"{label} is not among\n{words}"


@pytest.mark.parametrize("kind", ["heat_map", "size_curves", "autocorrelation", "lyapunov_spectra"])
def test_an_average_shows_over_how_many_networks_it_was_taken(kind: str, finished: Finished) -> None:
    assert re.search(r"2\s+networks", texts(drawn(finished, kind)))


def test_a_figure_of_a_study_where_all_went_well_speaks_of_no_failure(finished: Finished) -> None:
    for name in finished.study.figures:
        words = texts(drawn(finished, name))
        assert not any(status.name in words for status in Status if status is not Status.OK), name
    assert "0 of 16 points not OK" in texts(drawn(finished, "heat_map"))


def test_the_style_of_the_figures_stays_with_them(finished: Finished, tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw_figure(finished.study, "heat_map", finished.results)
    assert dict(mpl.rcParams) == before


def test_a_figure_that_the_study_does_not_have_is_refused(finished: Finished) -> None:
    with pytest.raises(StoreError, match=r"heat_map, .*; got 'heatmap'"):
        draw_figure(finished.study, "heatmap", finished.results)


# What is drawn


def test_a_curve_is_the_average_over_networks_and_its_band_their_standard_deviation(finished: Finished) -> None:
    figure = drawn(finished, "size_curves")
    (ax,) = figure.axes
    exponent = rnn_atlas.open(finished.results)["sizes"].lambda_max.load()
    curves = [line for line in ax.lines if len(line.get_xdata()) == 2 and not str(line.get_label()).startswith("_")]
    for line, N, band in zip(curves, (20, 32), ax.collections, strict=True):
        values = exponent.sel(N=N).values  # (realization, g)
        np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0), rtol=1e-12)
        deviation = np.abs(values[0] - values[1]) / np.sqrt(2.0)  # of two values, with n - 1
        edge = band.get_paths()[0].vertices
        for g, mean, width in zip((0.5, 2.0), values.mean(axis=0), deviation, strict=True):
            heights = edge[edge[:, 0] == g, 1]
            assert heights.min() == pytest.approx(mean - width, rel=1e-9)
            assert heights.max() == pytest.approx(mean + width, rel=1e-9)


def test_a_heat_map_has_every_average_in_its_own_cell(finished: Finished) -> None:
    figure = drawn(finished, "heat_map")
    exponent = rnn_atlas.open(finished.results)["plane"].lambda_max.load()
    mesh = figure.axes[0].collections[0]
    shown = np.ma.getdata(mesh.get_array()).reshape(2, 4)
    np.testing.assert_allclose(shown, exponent.mean("realization").transpose("sigma", "g").values, rtol=1e-12)


def test_eigenvalues_are_those_of_the_networks_times_the_gain(finished: Finished) -> None:
    figure = drawn(finished, "eigenvalues")
    for rank, ax in enumerate(figure.axes):
        for realization, line in enumerate(ax.lines[:2]):
            J = rnn_atlas.open(finished.results).network("ranks", rank=rank, realization=realization)
            expected = 1.5 * np.linalg.eigvals(J)
            shown = np.asarray(line.get_xdata()) + 1j * np.asarray(line.get_ydata())
            np.testing.assert_allclose(np.sort_complex(shown.round(9)), np.sort_complex(expected.round(9)), atol=1e-8)


# Points that are not OK


def test_a_linear_map_above_its_onset_diverges_and_is_said_to(linear: Finished) -> None:
    """DIVERGED, not ERROR: a state that grows beyond all bounds is a finding and no fault of the program."""
    receipts = rnn_atlas.open(linear.results).receipts
    for stage in ("simulation", "lyapunov"):
        assert receipts[stage]["counts"]["plane"] == {"OK": 8, "DIVERGED": 4}
        assert receipts[stage]["counts"]["beyond"] == {"DIVERGED": 8}
    dataset = rnn_atlas.open(linear.results)["plane"]
    assert np.all(np.isnan(dataset.lambda_max.sel(g=4.0).values))
    assert np.all(np.isfinite(dataset.lambda_max.sel(g=0.5).values))


def test_a_heat_map_counts_the_points_that_are_not_ok_and_hatches_their_cells(linear: Finished) -> None:
    """Two cells of g = 4 with two networks each. They show in the picture: ink in the cell that has no colour of its own."""
    figure = drawn(linear, "heat_map")
    assert "4 of 12 points not OK (hatched)" in texts(figure)
    for ax in figure.axes[:1]:
        (hatched,) = [c for c in ax.collections if isinstance(c, PolyCollection) and c.get_hatch()]
        centres = sorted(tuple(path.vertices[:4].mean(axis=0)) for path in hatched.get_paths() if len(path.vertices))
        np.testing.assert_allclose([y for _, y in centres], [0.0, 0.25], atol=1e-12)
        assert all(2.25 < x < 5.75 for x, _ in centres)  # the cell of g = 4 reaches from 2.25 to 5.75
        assert 0.02 < ink(figure, ax, (2.4, 5.6), (-0.1, 0.1)) < 0.9


def ink(figure: Figure, ax: Any, x: tuple[float, float], y: tuple[float, float]) -> float:
    """The part of a rectangle, in data coordinates, that is darker than a light grey."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].max(axis=2)
    (left, low), (right, high) = ax.transData.transform([(x[0], y[0]), (x[1], y[1])]).round().astype(int)
    inside = pixels[pixels.shape[0] - high : pixels.shape[0] - low, left:right]
    assert inside.size > 1000
    return float(np.mean(inside < 200))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("size_curves", "of 8 points: 4 DIVERGED"),
        ("autocorrelation", "of 6 points: 2 DIVERGED"),
        ("activity_strips", "of 3 points: 1 DIVERGED"),
        ("lyapunov_spectra", "of 4 points: 2 DIVERGED"),
    ],
)
def test_every_other_figure_counts_the_points_that_are_not_ok(name: str, sentence: str, linear: Finished) -> None:
    assert sentence in texts(drawn(linear, name))


@pytest.mark.parametrize("kind", ["heat_map", "size_curves", "autocorrelation", "activity_strips"])
def test_a_figure_of_nothing_but_failed_points_is_drawn_and_says_so(kind: str, linear: Finished) -> None:
    png, _ = draw_figure(linear.study, f"{kind}_beyond", linear.results)
    assert imread(png)[..., :3].std() > 0.01
    words = texts(drawn(linear, f"{kind}_beyond"))
    assert "8 of 8 points not OK" in words or re.search(r"of \d points: \d DIVERGED", words)
