"""Simulation of a block of columns: advance, and while advancing collect what the observables are made of."""

from typing import NamedTuple

import numpy as np

from rnn_atlas.kernels.compiled import compiled
from rnn_atlas.kernels.product import LANES
from rnn_atlas.kernels.step import Floats, complete, prepare


class Recording(NamedTuple):
    """Sums and windows of one run.

    `total` (blocks, padded N, LANES), `square`, `kinetic` (blocks, LANES), `activity` and `projection` on a fixed direction
    (samples, blocks, LANES), `window` (blocks, samples, recorded neurons, LANES), `snapshots` (n, blocks, padded N, LANES).
    """

    total: Floats
    square: Floats
    kinetic: Floats
    activity: Floats
    projection: Floats
    window: Floats
    snapshots: Floats


def recording(Z: Floats, n_samples: int, n_recorded: int, n_snapshots: int) -> Recording:
    """Empty storage for `observe` over n_samples samples."""
    blocks, _, lanes = Z.shape
    return Recording(
        np.zeros_like(Z),
        np.zeros((blocks, lanes)),
        np.zeros((blocks, lanes)),
        np.zeros((n_samples, blocks, lanes)),
        np.zeros((n_samples, blocks, lanes)),
        np.zeros((blocks, n_samples, n_recorded, lanes)),
        np.zeros((n_snapshots, *Z.shape)),
    )


@compiled
def advance(method, code, couplings, columns, Z, work, first_step, n_steps):
    """n_steps steps of all columns, nothing recorded."""
    for step in range(first_step, first_step + n_steps):
        prepare(code, couplings, columns, Z, work)
        complete(method, code, couplings, columns, step, Z, work)


@compiled
def _sample(record, direction, sample, N, Z, F):
    n_samples = record.activity.shape[0]
    n_snapshots = record.snapshots.shape[0]
    for b in range(Z.shape[0]):
        activity = np.zeros(LANES)
        square = np.zeros(LANES)
        projection = np.zeros(LANES)
        for i in range(N):
            for lane in range(LANES):
                x = Z[b, i, lane]
                record.total[b, i, lane] += x
                square[lane] += x * x
                activity[lane] += F[b, i, lane]
                projection[lane] += direction[i] * x
        for lane in range(LANES):
            record.square[b, lane] += square[lane] / N
            record.activity[sample, b, lane] = activity[lane] / N
            record.projection[sample, b, lane] = projection[lane]
        for i in range(record.window.shape[2]):
            for lane in range(LANES):
                record.window[b, sample, i, lane] = Z[b, i, lane]
    if (sample * n_snapshots) // n_samples != ((sample - 1) * n_snapshots) // n_samples:
        record.snapshots[(sample * n_snapshots) // n_samples] = Z


@compiled
def _motion(kinetic, N, after, before):
    """Adds mean_i (after_i - before_i)^2 of every column."""
    for b in range(after.shape[0]):
        moved = np.zeros(LANES)
        for i in range(N):
            for lane in range(LANES):
                d = after[b, i, lane] - before[b, i, lane]
                moved[lane] += d * d
        for lane in range(LANES):
            kinetic[b, lane] += moved[lane] / N


@compiled
def observe(method, code, is_flow, couplings, columns, direction, Z, work, record, first_step, stride):
    """Runs `stride` steps per sample and fills the recording. Velocity: x' of a flow, u(t+1) - u(t) of a map.

    direction (N,): a unit vector on which every sample is projected.
    """
    N = direction.size
    before = np.empty_like(Z)
    for sample in range(record.activity.shape[0]):
        for sub in range(stride):
            step = first_step + sample * stride + sub
            prepare(code, couplings, columns, Z, work)
            if sub == 0:
                _sample(record, direction, sample, N, Z, work.F)
                before[:] = Z
                if is_flow:
                    _motion(record.kinetic, N, work.H, Z)
            complete(method, code, couplings, columns, step, Z, work)
            if sub == 0 and not is_flow:
                _motion(record.kinetic, N, Z, before)
