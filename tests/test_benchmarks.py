"""Naive code and the kernels give the same numbers, so that their times may be compared; and every workload still runs.

Nothing here looks at how long anything took.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import naive, run
from benchmarks.report import store


@pytest.fixture(scope="module")
def results():
    """All workloads, once, at a tiny size."""
    return run.measure(run.TINY)


def test_naive_trajectories_with_leak_and_noise_are_those_of_the_kernel():
    """Rounding, 1e-16 of states of order one, grows at most by e^(20 lambda_1) < e^10 in 20 steps, to some 1e-12."""
    agreement = run.trajectories_agree(20, steps=20)
    assert agreement.difference <= 1e-10
    assert agreement.holds


@pytest.mark.parametrize("interval", [1, 4])
def test_naive_spectrum_is_that_of_the_kernel_whatever_its_interval(interval):
    """The product of the R factors does not depend on how often they are taken; e^(4 x 4) of spread costs 1e-9 at worst."""
    agreement = run.spectra_agree(8, interval=interval, steps=24)
    assert agreement.difference <= 1e-8
    assert agreement.holds


@pytest.mark.parametrize("wrong", ["g", "gamma", "sigma", "theta"])
def test_a_wrong_parameter_would_be_seen(wrong, monkeypatch):
    """The agreement is worth something only if naive code with one parameter a little off does not agree."""
    right = naive.points_of

    def off(tile, context, *, replay):
        return [replace(point, **{wrong: getattr(point, wrong) + 1e-6}) for point in right(tile, context, replay=replay)]

    monkeypatch.setattr(naive, "points_of", off)
    assert not run.trajectories_agree(20).holds
    assert not run.spectra_agree(8, steps=24).holds


def test_naive_exponents_of_a_linear_map_are_its_exact_ones():
    """u = 0 stays at 0, where the step is gamma I + g J: for a symmetric J the exponents are log |gamma + g mu|."""
    random = np.random.default_rng(5)
    Q, _ = np.linalg.qr(random.standard_normal((6, 6)))
    mu = np.array([1.5, -1.1, 0.8, -0.5, 0.3, 0.1])
    J, point = Q * mu @ Q.T, naive.Point(g=0.9, gamma=0.2, theta=np.zeros(6), sigma=0.0, noise=None)
    frame = random.standard_normal((6, 6))
    _, _, stretch = naive.lyapunov(J, point, np.zeros(6), frame, 0, 600)
    norm = naive.largest_exponent(J, point, np.zeros(6), frame[:, 0], 0, 600)
    expected = np.sort(np.log(np.abs(0.2 + 0.9 * mu)))[::-1]
    # After 300 steps the frame has aligned to e^(-300 x 0.17), the smallest gap between two exponents.
    np.testing.assert_allclose(stretch[300:].mean(axis=0), expected, atol=1e-12)
    np.testing.assert_allclose(norm[300:].mean(), expected[0], atol=1e-12)


def test_every_workload_runs_and_naive_code_agrees_with_the_stages(results):
    workloads = [(row.workload, row.N) for row in results.rows]
    assert workloads == [
        ("demo simulation", 100),
        ("demo Lyapunov, k = 1", 100),
        ("demo simulation + Lyapunov", 100),
        ("demo Lyapunov, k = 1, naive norm for QR", 100),
        ("demo Lyapunov, k = 100", 100),
        ("simulation, no noise", 16),
        ("simulation, noise", 16),
    ]
    assert [a.quantity for a in results.agreement if not a.holds] == []
    assert len(results.agreement) == 3


def test_rates_and_ratios_follow_from_the_times(results):
    """GFLOP/s counts 2 N^2 per column and step, and no more; with one round, medians are plain values."""
    for row in results.rows:
        for way in filter(None, (row.kernel, row.stage)):
            flops_per_nanosecond = 2 * row.N**2 * row.columns / (1e3 * way.microseconds.median)
            assert way.gflops.median == pytest.approx(flops_per_nanosecond)
            assert way.ratio.median == pytest.approx(row.naive_microseconds.median / way.microseconds.median)


def test_both_stages_together_cost_the_sum_of_both(results):
    """Per point: steps x time per step. At this size 100 + 200 steps of simulation, 20 + 32 x 12 of exponents."""
    simulation, lyapunov, together = results.rows[:3]
    total = (300 * simulation.stage.microseconds.median + 404 * lyapunov.stage.microseconds.median) / 704
    assert together.stage.microseconds.median == pytest.approx(total)
    assert together.columns == pytest.approx(1 + 404 / 704)


def test_the_report_is_stored_without_a_trace_of_the_place(results, tmp_path):
    store(results, tmp_path)
    stored = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert set(stored["machine"]) == {"processor", "BLAS", "date", "python", "rnn-atlas", "numpy", "numba"}
    assert len(stored["rows"]) == len(results.rows)
    table = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert all(f"| {row.workload} | {row.N} |" in table for row in results.rows)
    assert str(run.HERE) not in table
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
