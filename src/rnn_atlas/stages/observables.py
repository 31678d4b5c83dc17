"""Observables of a recorded run: autocorrelation, spectra, dimension, and which regime the dynamics is in."""

import numpy as np

from rnn_atlas.contracts import Floats
from rnn_atlas.status import Regime

FIXED_POINT_TOLERANCE = 1e-10
PERIODIC_TOLERANCE = 1e-9
"""Of the mean squared displacement relative to twice the variance."""
FLOW_TOLERANCE = 1e-5
"""The same for a flow, whose period lies between samples: the interpolation's own error comes on top."""
AWAY = 0.1
"""A state is back near an earlier one below this, in the same measure."""
LONGEST_PERIOD = 256
"""In samples."""


def autocovariance(window: Floats, n_lags: int) -> Floats:
    """<x_i(t) x_i(t + lag)> averaged over time and neurons, lags 0 .. n_lags - 1. window (neurons, T)."""
    from scipy.fft import irfft, next_fast_len, rfft

    neurons, T = window.shape
    size = next_fast_len(T + n_lags, real=True)
    amplitude = rfft(window, size)
    power = np.sum(amplitude.real**2 + amplitude.imag**2, axis=0)
    return np.asarray(irfft(power, size)[:n_lags] / (np.arange(T, T - n_lags, -1) * neurons))


def welch_spectrum(series: Floats, sample_interval: float, segment: int) -> Floats:
    """One-sided power spectral density of series (..., T), mean removed, Hann windows, half overlap."""
    from scipy.signal import welch

    _, density = welch(series, fs=1.0 / sample_interval, nperseg=segment, detrend="constant")
    return np.asarray(density)


def participation_ratio(snapshots: Floats) -> float:
    """(tr C)^2 / (N tr C^2) of states (n, N), C the covariance over time; NaN where nothing moves.

    tr C^2 is taken across the two halves of the run, tr(C_A C_B), which removes the bias of the plain estimator, of
    order N tau_c / T (SOURCE: Clark 2026, cross-block estimator).
    """
    N = snapshots.shape[1]
    half = snapshots.shape[0] // 2
    A = snapshots[:half] - snapshots[:half].mean(axis=0)
    B = snapshots[half : 2 * half] - snapshots[half : 2 * half].mean(axis=0)
    trace_A, trace_B = np.sum(A**2) / (half - 1), np.sum(B**2) / (half - 1)
    if trace_A * trace_B <= (1e-12 * np.sum(snapshots**2) / half) ** 2:
        return float("nan")
    return float(trace_A * trace_B / (N * np.sum((A @ B.T) ** 2) / (half - 1) ** 2))


def regime(window: Floats, motion: float, *, noisy: bool, is_flow: bool) -> tuple[Regime, float]:
    """What the dynamics does in window (neurons, T), and its period in samples (NaN unless periodic).

    motion: rms velocity of the last sample. A fixed point does not move; a periodic orbit returns: the mean squared
    displacement over some lag, relative to the variance, falls below a tolerance. A flow's period lies between samples,
    so its displacement is interpolated there. What still relaxes is undecided.
    """
    if noisy:
        return Regime.FLUCTUATING, float("nan")
    scale = float(np.sqrt(np.mean(window**2))) + 1.0
    if motion < FIXED_POINT_TOLERANCE * scale:
        return Regime.FIXED_POINT, float("nan")
    if _still_relaxing(window):
        return Regime.UNDECIDED, float("nan")
    period = _period(window, is_flow=is_flow)
    return (Regime.PERIODIC, period) if np.isfinite(period) else (Regime.FLUCTUATING, period)


def _still_relaxing(window: Floats) -> bool:
    """Whether the motion in the last quarter of window (neurons, T) is below half of that in the first."""
    quarter = max(2, window.shape[1] // 4)
    first, last = np.diff(window[:, :quarter]), np.diff(window[:, -quarter:])
    return bool(np.mean(last**2) < 0.25 * np.mean(first**2))


def _period(window: Floats, *, is_flow: bool) -> float:
    half = min(LONGEST_PERIOD, window.shape[1] // 2)
    window = np.ascontiguousarray(window[:, -2 * half :].T)
    reference = window[:half]
    spread = float(np.mean((reference - reference.mean(axis=0)) ** 2))
    if spread == 0.0 or not _comes_back(window, half, spread):
        return float("nan")
    relative = _displacement(window, half) / (2.0 * spread)
    if not is_flow:
        returned = np.flatnonzero(relative[1:] < PERIODIC_TOLERANCE)
        return float(returned[0] + 1) if returned.size else float("nan")
    return _period_between_samples(relative)


def _comes_back(window: Floats, n_lags: int, spread: float) -> bool:
    """A cheap look first at window (T, neurons): whether the last sample is near an earlier one, after having been away."""
    distance = np.mean((window[-1] - window[-1 - n_lags : -1]) ** 2, axis=1)[::-1] / (2.0 * spread)
    away = np.flatnonzero(distance > AWAY)
    first = int(away[0]) if away.size else 0
    return bool(np.any(distance[first:] < AWAY))


def _displacement(window: Floats, n_lags: int) -> Floats:
    """Mean over times of |x(t + lag) - x(t)|^2 per neuron, exactly (no cancellation), lags 0 .. n_lags - 1.

    Every fourth time of the first half is enough: a return is a return from anywhere.
    """
    reference = window[:n_lags:4]
    return np.array([np.mean((window[lag : lag + n_lags : 4] - reference) ** 2) for lag in range(n_lags)])


def _period_between_samples(relative: Floats) -> float:
    """First lag at which the displacement, interpolated through seven samples, touches zero again after leaving it."""
    away = np.flatnonzero(relative > AWAY)
    if not away.size:
        return float("nan")
    for lag in range(int(away[0]) + 1, relative.size - 3):
        if relative[lag] <= relative[lag - 1] and relative[lag] <= relative[lag + 1] and relative[lag] < AWAY:
            nodes = np.arange(-3, 4)
            fit = np.polyfit(nodes, relative[lag - 3 : lag + 4], 6)
            fine = np.linspace(-1.0, 1.0, 2001)
            value = np.polyval(fit, fine)
            if value.min() < FLOW_TOLERANCE:
                return float(lag + fine[int(np.argmin(value))])
    return float("nan")
