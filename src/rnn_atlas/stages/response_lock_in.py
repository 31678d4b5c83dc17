"""Susceptibilities by lock-in: every emitter at once under a weak signal of one frequency, told apart by orthogonal codes.

In column c emitter j gets amplitude x H_jc cos(omega t), H of orthogonal rows of +-1 (Hadamard), and beside it a column with
the opposite sign. The Fourier coefficient of what column pairs differ by, multiplied with H, is chi_ij(omega) up to the square
of the amplitude. Its error is that of a spectral line: it falls with the duration and does not know of e^(lambda t).
"""

import numpy as np

from rnn_atlas.contracts import Complex, Floats
from rnn_atlas.kernels.driven import Signal, lock_in
from rnn_atlas.kernels.lanes import aligned_zeros
from rnn_atlas.kernels.step import to_blocks
from rnn_atlas.stages.columns import Problem
from rnn_atlas.stages.replicas import Replicas, place, states_of
from rnn_atlas.stages.response_plan import Plan

CODES_TOGETHER = 32
"""Codes that are run side by side, each with both signs: as many columns as stay in the cache."""


def n_codes(plan: Plan) -> int:
    """Columns that tell the emitters apart, not counting signs: the next power of two, at least those of one run."""
    return max(CODES_TOGETHER, 1 << (plan.emitters.size - 1).bit_length())


def hadamard(rows: int, columns: int) -> Floats:
    """(rows, columns) of +-1 with orthogonal rows, columns a power of two (Sylvester 1867)."""
    common = np.arange(rows)[:, None] & np.arange(columns)
    return np.where(np.bitwise_count(common) % 2 == 0, 1.0, -1.0)


def lock_in_susceptibilities(run: Replicas, plan: Plan, amplitude: float) -> Complex:
    """(batches, receivers, emitters, F): a batch is so many whole periods of all columns, which start from different states."""
    codes = hadamard(plan.emitters.size, n_codes(plan))
    starts = run.starts(CODES_TOGETHER, max(1, plan.lags))
    problem = run.columns(np.concatenate([starts, starts], axis=1))
    shape = (plan.batches, plan.receivers.size, plan.emitters.size)
    found = np.empty((*shape, plan.harmonics.size), complex)
    first = run.step
    for k, harmonic in enumerate(plan.harmonics):
        total = np.zeros(shape, complex)
        for c in range(0, codes.shape[1], CODES_TOGETHER):
            some = codes[:, c : c + CODES_TOGETHER]
            place(problem, np.concatenate([starts, starts], axis=1))
            run.step = first  # the same noise for all columns
            answer = _answers(run, plan, problem, _signal(problem, plan, amplitude * some, int(harmonic)), int(harmonic))
            total += answer[:, plan.receivers] @ some.T
        found[..., k] = total / (amplitude * codes.shape[1])
    return found


def _signal(problem: Problem, plan: Plan, amplitudes: Floats, harmonic: int) -> Signal:
    """The emitters of each column with these amplitudes (emitters, codes), and with the opposite sign in as many more."""
    pattern = np.zeros((problem.N, problem.count))
    pattern[plan.emitters] = np.concatenate([amplitudes, -amplitudes], axis=1)
    wave = np.cos(2.0 * np.pi * harmonic * np.arange(2 * plan.period) / (2 * plan.period))
    return Signal(problem.columns.drive.copy(), to_blocks(pattern, problem.Z.shape[1]), wave)


def _answers(run: Replicas, plan: Plan, problem: Problem, signal: Signal, harmonic: int) -> Complex:
    """(batches, N, codes): coefficients of e^(-i omega t) in half the difference of the columns of opposite sign."""
    # NOTE: a map answers the signal of step t at t + 1; what RK4 leads to is the state at t + 1 under the signal at all times.
    times = np.arange(plan.period) + int(plan.is_rk4)
    angle = 2.0 * np.pi * harmonic * times / plan.period
    reference = np.stack([np.cos(angle), np.sin(angle)])
    norm = (1.0 if 2 * harmonic % plan.period == 0 else 2.0) / plan.signal
    p, half = problem, problem.count // 2
    how = (p.method, p.code, p.couplings, p.columns, signal, reference, p.Z, p.work)
    out = np.empty((plan.batches, p.N, half), complex)
    for b in range(-1, plan.batches):
        sums, steps = aligned_zeros(2, *p.Z.shape), plan.settling if b < 0 else plan.signal
        lock_in(*how, sums, run.step, steps)
        run.step += steps
        if b >= 0:
            cosine, sine = states_of(sums, p.N, p.count)
            line = norm * (cosine + 1j * sine)
            out[b] = 0.5 * (line[:, :half] - line[:, half:])
    p.columns.drive[:] = signal.quiet
    return out
