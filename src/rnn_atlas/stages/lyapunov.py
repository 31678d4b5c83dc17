"""Lyapunov exponents by the exact tangent of the integrator's step (Benettin et al. 1980), all points side by side.

Under noise these are conditional exponents: state and tangent see one frozen noise, replayed from its key.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rnn_atlas.contracts import (
    Context,
    Cost,
    Floats,
    Network,
    NetworkIdentity,
    Number,
    Scope,
    Section,
    Stage,
    Tile,
    TileResult,
    Upstream,
    Variable,
)
from rnn_atlas.kernels.lanes import LANES
from rnn_atlas.kernels.product import padded
from rnn_atlas.kernels.simulate import advance
from rnn_atlas.kernels.step import RK4, from_blocks
from rnn_atlas.kernels.tangent import evolve, tangent_blocks
from rnn_atlas.stages.columns import Problem, diverged, masked, prepare_problem, tangent_frame
from rnn_atlas.stages.simulation import network_bytes, product_flops
from rnn_atlas.status import Status

BLOCKS = 32
SUM_RULE_TOLERANCE = 1e-6
"""Per step and mode. Beyond it a step spans more than the 16 digits there are: without leak and at large gain, where the
slopes of saturated neurons fall below 1e-16 of those of the others, no orthonormalization is frequent enough."""
SPREAD_BUDGET = 14.0
"""Largest (lambda_1 - lambda_k) x interval: beyond e^14 the frame's rounding errors reach 1e-9."""
LONGEST_INTERVAL = 32
SUM_RULE_BLOCKS = (7, 15, 23, 31)
"""Blocks that start with one longest interval of steps whose determinants are computed on the side."""


class Lyapunov(Stage):
    """Starts from the simulation's post-transient states."""

    name: ClassVar[str] = "lyapunov"
    scope: ClassVar[Scope] = Scope.POINT
    upstream: ClassVar[str | None] = "simulation"
    code: ClassVar[tuple[str, ...]] = (
        "kernels",
        "models",
        "networks",
        "identity.py",
        "network.py",
        "stages/columns.py",
        "stages/simulation.py",
        "stages/lyapunov.py",
    )

    class Options(Section):
        """Options of the lyapunov stage; durations in steps (map) or tau (flow)."""

        exponents: Annotated[int, Field(ge=1)] | Literal["all"] = Field(1, description="How many leading exponents, or all N.")
        transient: float = Field(200, ge=0, description="Discarded while the tangent frame aligns.")
        duration: float = Field(2000, gt=0, description="Averaged, in 32 blocks.")

    @staticmethod
    def complaint(context: Context, axes: Mapping[str, Sequence[Number]]) -> str | None:
        """A network of N neurons has N exponents."""
        exponents, smallest = context.options.exponents, min(axes["N"])
        if exponents == "all" or exponents <= smallest:
            return None
        return f"exponents must be at most N = {smallest}; got {exponents}. Write exponents: all, or a larger N"

    @staticmethod
    def variables(context: Context) -> tuple[Variable, ...]:
        """lambda_max, the exponents with their errors, and what follows from them."""
        return _variables(context.model.time_unit, all_exponents=context.options.exponents == "all")

    @staticmethod
    def cost(tile: Tile, context: Context) -> Cost:
        """2 flops per coupling, column and product, 1 + k columns a point; 4 N k^2 flops per orthonormalization."""
        N, k, steps = tile.network.N, n_exponents(tile.network, context), sum(_lengths(context))
        columns = padded(len(tile), LANES) + LANES * tangent_blocks(len(tile), k)
        products = steps * (4 if context.model.method(context.model_options) == RK4 else 1)
        per_qr = 2 if context.options.exponents == "all" else 10
        return Cost(
            flops=products * columns * product_flops(tile.network, context),
            work=2 * network_bytes(tile.network, context) + 12 * 8.0 * N * columns,
            stored=8.0 * len(tile) * (BLOCKS + 2 * k + 12),
            column_steps=products * columns,
            columns=columns,
            elementwise=4.0 * N * k * k * len(tile) * steps / per_qr,
        )

    @staticmethod
    def width(network: NetworkIdentity, context: Context) -> int:
        """64 points with few exponents, 8 where the tangents alone fill the machine."""
        return 64 if n_exponents(network, context) <= 8 else 16 if n_exponents(network, context) <= 64 else 8

    @staticmethod
    def compute(tile: Tile, context: Context, upstream: Upstream | None) -> TileResult:
        """Frame transient, 32 blocks, and for a full spectrum the sum rule on sampled steps."""
        assert upstream is not None
        network = context.ensemble.build(tile.network, context.ensemble_options, context.seed)
        k = n_exponents(tile.network, context)
        run = _Run(network, tile, context, upstream, k)
        warm, block = _lengths(context)[0], _lengths(context)[1] // BLOCKS
        run.align(warm)
        stretch = np.stack([run.block(block, checked=b in SUM_RULE_BLOCKS) for b in range(BLOCKS)], axis=1)
        per_time = stretch / (block * run.dt)
        bad = diverged(from_blocks(run.problem.Z[: run.problem.state_blocks], run.problem.N, run.problem.count))
        bad |= upstream.status == Status.DIVERGED
        values = _statistics(per_time, tile.network.N)
        values["orthonormalization_interval"] = run.interval * run.dt
        if context.options.exponents == "all":
            values["sum_rule_residual"] = run.residual()
        status = np.where([_unsettled(rates) for rates in per_time], Status.NOT_CONVERGED, Status.OK)
        if context.options.exponents == "all":
            status = np.where(values["sum_rule_residual"] > SUM_RULE_TOLERANCE, Status.UNRESOLVED, status)
        status = np.where(bad, Status.DIVERGED, status).astype(np.int8)
        axes = {"block": np.arange(BLOCKS), "exponent": np.arange(k)}
        return TileResult(status, {name: masked(v, bad) for name, v in values.items()}, axes)


def n_exponents(network: NetworkIdentity, context: Context) -> int:
    """How many exponents this network's points get."""
    wanted = context.options.exponents
    return network.N if wanted == "all" else min(int(wanted), network.N)


def _lengths(context: Context) -> tuple[int, int]:
    """Steps of the frame's transient and of the average, the latter a multiple of the number of blocks."""
    dt = context.model.step_length(context.model_options)
    steps = max(1, round(context.options.duration / dt / BLOCKS)) * BLOCKS
    return max(2, round(context.options.transient / dt)), steps


class _Run:
    """A tile's states and frames on their way; `interval` (B,) steps between orthonormalizations of each point."""

    def __init__(self, network: Network, tile: Tile, context: Context, upstream: Upstream, k: int) -> None:
        frame = tangent_frame(tile.network, context, len(tile), k)
        self.network, self.tile, self.context, self.k = network, tile, context, k
        self.problem: Problem = prepare_problem(network, tile, context, upstream.state, frame)
        self.dt = context.model.step_length(context.model_options)
        self.step = upstream.steps
        self.interval = np.full(len(tile), max(1, round(0.5 / self.dt)) if self.dt < 1 else 1, np.int64)
        self._rule_sums = np.zeros(len(tile))
        self._rule_steps = 0

    def evolve(self, n_steps: int) -> Floats:
        """(B, k) logarithms of the stretches over n_steps steps."""
        p = self.problem
        stretch = np.zeros((p.count, self.k))
        evolve(p.method, p.code, p.couplings, p.columns, self.k, p.Z, p.work, self.interval, stretch, self.step, n_steps)
        self.step += n_steps
        return stretch

    def align(self, n_steps: int) -> None:
        """Lets the frame align; its spread in the second half sets each point's interval."""
        self.evolve(n_steps // 2)
        rate = self.evolve(n_steps - n_steps // 2) / (n_steps - n_steps // 2)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.nan_to_num(rate.max(axis=1) - rate.min(axis=1), nan=np.inf, posinf=np.inf)
            interval = np.floor(SPREAD_BUDGET / spread)
        self.interval = np.clip(np.nan_to_num(interval, posinf=self.longest), 1, self.longest).astype(np.int64)

    @property
    def longest(self) -> int:
        """The longest interval in steps: 32 for a map, 5 tau for a flow."""
        return LONGEST_INTERVAL if self.context.model.time_unit == "step" else max(1, round(5.0 / self.dt))

    def block(self, n_steps: int, *, checked: bool) -> Floats:
        """One block of the average; a checked one starts with steps whose determinants are computed on the side."""
        if not checked or self.context.options.exponents != "all":
            return self.evolve(n_steps)
        window = min(self.longest, n_steps)
        states = self._states_ahead(window)
        head = self.evolve(window)
        self._rule_sums += head.sum(axis=1) - self._log_determinants(states)
        self._rule_steps += window
        return head + self.evolve(n_steps - window)

    def _states_ahead(self, n_steps: int) -> list[Floats]:
        """The states (N, B) before each of the next n_steps steps; the run itself does not move."""
        p = self.problem
        states = [from_blocks(p.Z[: p.state_blocks], p.N, p.count)]
        ahead = prepare_problem(self.network, self.tile, self.context, states[0], None)
        for i in range(n_steps - 1):
            advance(p.method, p.code, ahead.couplings, ahead.columns, ahead.Z, ahead.work, self.step + i, 1)
            states.append(from_blocks(ahead.Z, p.N, p.count))
        return states

    def _log_determinants(self, states: list[Floats]) -> Floats:
        """(B,) sum over the sampled steps of log |det| of the step's own tangent, formed densely without the kernel."""
        model, options = self.context.model, self.context.model_options
        coefficients = model.coefficients(self.tile, options)
        total = np.zeros(self.problem.count)
        for p in range(self.problem.count):
            J = self.network.dense(float(coefficients.gain_out[p]))
            for state in states:
                if np.all(np.isfinite(state[:, p])):
                    drive = from_blocks(self.problem.columns.drive, self.problem.N, self.problem.count)[:, p]
                    step = model.jacobian(J, state[:, p], drive, coefficients, p, options)
                    total[p] += np.linalg.slogdet(step)[1]
        return total

    def residual(self) -> Floats:
        """(B,) |sum of exponents - mean log |det|| per step and mode over the sampled steps."""
        return np.abs(self._rule_sums) / (self._rule_steps * self.problem.N)


def _statistics(per_time: Floats, N: int) -> dict[str, NDArray[Any]]:
    """Values of all points from their rates per block (B, BLOCKS, k); each reduced on its own, so that its bits are its own."""
    points = [_point_statistics(np.ascontiguousarray(rates), N) for rates in per_time]
    return {name: np.stack([np.asarray(point[name]) for point in points]) for name in points[0]}


def _point_statistics(rates: Floats, N: int) -> dict[str, Any]:
    """Averages over the blocks of rates (BLOCKS, k), sorted after averaging, batch-mean errors, and what follows from them."""
    with np.errstate(invalid="ignore"):
        mean = rates.mean(axis=0)
        error = rates.std(axis=0, ddof=1) / np.sqrt(BLOCKS)
        order = np.argsort(-mean, kind="stable")
        trace = np.cumsum(rates[:, order[0]]) / np.arange(1, BLOCKS + 1)
    exponent = mean[order]
    return {
        "lambda_max": exponent[0],
        "lambda_max_se": error[order[0]],
        "lambda_max_trace": trace,
        "lyapunov_exponent": exponent,
        "lyapunov_exponent_se": error[order],
        "kaplan_yorke_dimension": kaplan_yorke_dimension(exponent, N),
        "entropy": entropy(exponent, N),
    }


def kaplan_yorke_dimension(exponent: Floats, N: int) -> float:
    """J + (lambda_1 + .. + lambda_j) / |lambda_{j+1}|, j the last index with a non-negative sum; exponents (k,) sorted.

    0 if lambda_1 < 0, N if all N sum to at least 0, NaN if the k < N known ones do not reach a negative sum.
    """
    if not np.isfinite(exponent[0]):
        return float("nan")
    if exponent[0] < 0:
        return 0.0
    sums = np.cumsum(exponent)
    negative = np.flatnonzero(sums < 0)
    if not negative.size:
        return float(N) if exponent.size == N else float("nan")
    j = int(negative[0])
    return float(j + sums[j - 1] / abs(exponent[j]))


def entropy(exponent: Floats, N: int) -> float:
    """Sum of the positive exponents (Pesin); NaN if all k < N known ones are positive. exponents (k,) sorted."""
    if not np.isfinite(exponent[0]) or (exponent[-1] > 0 and exponent.size < N):
        return float("nan")
    return float(exponent[exponent > 0].sum())


def _unsettled(rates: Floats) -> bool:
    """Whether the halves of lambda_1's average over rates (BLOCKS, k) differ by more than chance and 2 %, or 0.01."""
    leading = np.ascontiguousarray(rates[:, 0])
    first, second = leading[: BLOCKS // 2], leading[BLOCKS // 2 :]
    with np.errstate(invalid="ignore"):
        error = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / (BLOCKS // 2))
        gap = abs(first.mean() - second.mean())
        return bool(gap > 5.0 * error + max(0.01, 0.02 * abs(leading.mean())))


def _variables(unit: str, *, all_exponents: bool) -> tuple[Variable, ...]:
    rate, benettin = f"{unit}-1", "Benettin et al. 1980"
    ragged = {"dims": ("exponent",), "per_network": all_exponents}
    rule = Variable("sum_rule_residual", "|sum of the exponents - mean log |det DF|| per step and mode", "1", "exact identity")
    return (
        Variable("lambda_max", "largest Lyapunov exponent", rate, benettin),
        Variable("lambda_max_se", "standard error of the largest Lyapunov exponent", rate, "batch means, 32 blocks"),
        Variable("lambda_max_trace", "running average of the largest exponent", rate, benettin, ("block",)),
        Variable("lyapunov_exponent", "Lyapunov exponents, largest first", rate, benettin, **ragged),  # type: ignore[arg-type]
        Variable("lyapunov_exponent_se", "standard errors of the exponents", rate, "batch means, 32 blocks", **ragged),  # type: ignore[arg-type]
        Variable("kaplan_yorke_dimension", "Kaplan-Yorke dimension; NaN if too few exponents", "1", "Kaplan & Yorke 1979"),
        Variable("entropy", "sum of the positive exponents; NaN if too few exponents", rate, "Pesin 1977"),
        Variable("orthonormalization_interval", "time between two orthonormalizations", unit, "from the measured spread"),
        *((rule,) if all_exponents else ()),
    )  # fmt: skip
