"""Benchmarks: rnn-atlas against naive code and against the machine's own matrix product. README.md says how to read them.

.venv/bin/python benchmarks/run.py   prints the tables and stores them as results.md, results.json and results.png
"""

import os

if __name__ == "__main__":  # before numpy loads its BLAS
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"))

import datetime
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import naive
from benchmarks.report import Agreement, Limit, Results, Row, Spread, Way, markdown, store

from rnn_atlas.config import load_study
from rnn_atlas.contracts import Context, Floats, Tile, Upstream
from rnn_atlas.grid import sweep_points, tiles
from rnn_atlas.kernels.lanes import LANES
from rnn_atlas.kernels.product import ROWS, multiply, pack, padded
from rnn_atlas.kernels.simulate import advance
from rnn_atlas.kernels.step import from_blocks
from rnn_atlas.kernels.tangent import evolve
from rnn_atlas.provenance import versions
from rnn_atlas.stages.columns import Problem, initial_state, prepare_problem, tangent_frame
from rnn_atlas.stages.lyapunov import BLOCKS, Lyapunov, n_exponents
from rnn_atlas.stages.simulation import Schedule, Simulation

HERE = Path(__file__).parent
DEMO = HERE.parent / "config" / "demo.yaml"
BAR = 8.0
"""How many times faster than naive code the demo's simulation and Lyapunov exponents have to be at N = 100."""
ROUNDING = 1e-6
"""Exponents at a fixed point or a cycle have no statistical error; this stands for their rounding."""
FIRST_STEP = 7
"""Where the compared runs start to count their noise; not at 0, which would hide a wrong offset."""
Seconds = dict[str, Floats]


@dataclass(frozen=True)
class Scale:
    """How big the workloads are. `width`: points per tile, None for the stage's own; `shorter` divides all durations."""

    rounds: int = 5
    dgemm: int = 2000
    product_sizes: tuple[int, ...] = (100, 500, 1000)
    sizes: tuple[int, ...] = (100, 200, 500, 1000)
    flops: float = 5e9
    width: int | None = None
    shorter: int = 1
    naive_points: int = 7
    naive_spectrum_steps: int = 100


FULL = Scale()
TINY = Scale(1, 64, (16,), (16,), flops=1e6, width=2, shorter=5, naive_points=1, naive_spectrum_steps=3)


# Measuring


def timed(jobs: dict[str, Callable[[], object]], scale: Scale) -> Seconds:
    """Seconds of every job in every round, all jobs in turn, after one untimed call that compiles. dgemm always takes part."""
    A, B, product = np.random.default_rng(0).standard_normal((3, scale.dgemm, scale.dgemm))
    jobs = {"dgemm": lambda: np.matmul(A, B, out=product), **jobs}
    seconds: Seconds = {name: np.empty(scale.rounds) for name in jobs}
    for job in jobs.values():
        job()
    for r in range(scale.rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name][r] = time.perf_counter() - start
    return seconds


def dgemm_gflops(seconds: Seconds, scale: Scale) -> Floats:
    """GFLOP/s of the machine's own product, per round."""
    return 2e-9 * scale.dgemm**3 / seconds["dgemm"]


def way(own: Floats, naive_seconds: Floats, flops: float, dgemm: Floats) -> Way:
    """From seconds and flops per point and step; ratio and share are formed within each round."""
    gflops = 1e-9 * flops / own
    return Way(Spread.of(1e6 * own), Spread.of(naive_seconds / own), Spread.of(gflops), Spread.of(gflops / dgemm))


def row(workload: str, N: int, points: int, columns: float, per_step: Seconds, dgemm: Floats, bar: float | None = None) -> Row:
    """per_step: seconds per point and step of "naive", "kernel" and, if it was run, "stage"."""
    flops = 2.0 * N**2 * columns
    ways = {name: way(per_step[name], per_step["naive"], flops, dgemm) for name in per_step if name != "naive"}
    slow = Spread.of(1e6 * per_step["naive"])
    return Row(workload, N, points, columns, slow, ways["kernel"], ways.get("stage"), bar)


# Workloads


def limits(scale: Scale) -> list[Limit]:
    """dgemm, and the packed product alone, on 64 columns."""
    columns = 64
    repeats = {N: max(1, round(0.1 * scale.flops / (2 * N**2 * columns))) for N in scale.product_sizes}
    seconds = timed({f"{N}": packed_product(N, columns, repeats[N]) for N in scale.product_sizes}, scale)
    top = dgemm_gflops(seconds, scale)
    reached = {f"dgemm, {scale.dgemm}^3": top}
    for N in scale.product_sizes:
        reached[f"packed product, N = {N}, {columns} columns"] = 2e-9 * N**2 * columns * repeats[N] / seconds[f"{N}"]
    return [Limit(name, Spread.of(gflops), Spread.of(gflops / top)) for name, gflops in reached.items()]


def packed_product(N: int, columns: int, repeats: int) -> Callable[[], None]:
    """A job that multiplies a packed random matrix with the same columns again and again."""
    random = np.random.default_rng(1)
    panels = pack(random.standard_normal((N, N)))
    F = random.standard_normal((columns // LANES, padded(N, ROWS), LANES))
    H = np.empty_like(F)

    def job() -> None:
        for _ in range(repeats):
            multiply(panels, N, F, H)

    return job


class DemoTile:
    """One tile of the demo study, ready for both stages, for their kernels alone, and for naive code on some of its points."""

    def __init__(self, sweep: str, N: int, naive_steps: int | None, scale: Scale) -> None:
        study = load_study(DEMO)
        self.simulation, self.lyapunov = (shortened(study.context(s, sweep), scale) for s in ("simulation", "lyapunov"))
        points = [p for p in sweep_points(study, sweep) if p.network.N == N and p.network.realization == 0]
        cut = tiles(points, lambda network: scale.width or Lyapunov.width(network, self.lyapunov))
        self.tile = cut[len(cut) // 2]
        self.k = n_exponents(self.tile.network, self.lyapunov)
        self.network = self.simulation.ensemble.build(self.tile.network, self.simulation.ensemble_options, self.simulation.seed)
        self.J = self.network.dense()
        self.steps = Schedule.of(self.simulation).steps
        cost = Lyapunov.cost(self.tile, self.lyapunov)
        self.lyapunov_steps = round(cost.column_steps / cost.columns)
        self.naive_steps = naive_steps or self.lyapunov_steps
        self.chosen = spread(len(self.tile), scale.naive_points)
        self.naive_points = naive.points_of(self.tile, self.simulation, replay=False)
        self.frame = tangent_frame(self.tile.network, self.lyapunov, 1, self.k)[0]
        self.start = initial_state(self.tile, self.simulation)
        self.run_simulation()
        self.run_lyapunov()
        self.free = prepare_problem(self.network, self.tile, self.simulation, self.start, None)
        frames = tangent_frame(self.tile.network, self.lyapunov, len(self.tile), self.k)
        self.tangent = prepare_problem(self.network, self.tile, self.lyapunov, self.upstream.state, frames)
        self.first_free, self.first_tangent = self.free.Z.copy(), self.tangent.Z.copy()

    def run_simulation(self) -> None:
        """The simulation stage as a worker calls it."""
        result = Simulation.compute(self.tile, self.simulation, None)
        self.upstream = Upstream(np.ascontiguousarray(result.values["final_state"].T), self.steps, result.status)

    def run_lyapunov(self) -> None:
        """The Lyapunov stage as a worker calls it."""
        self.exponents = Lyapunov.compute(self.tile, self.lyapunov, self.upstream).values

    def advance(self) -> None:
        """The simulation's steps alone."""
        p = self.free
        p.Z[:] = self.first_free
        advance(p.method, p.code, p.couplings, p.columns, p.Z, p.work, 0, self.steps)

    def evolve(self) -> None:
        """The Lyapunov stage's steps alone, at the intervals that the stage found."""
        p, stretch = self.tangent, np.zeros((len(self.tile), self.k))
        p.Z[:] = self.first_tangent
        interval = self.exponents["orthonormalization_interval"].astype(np.int64)
        fixed = (p.method, p.code, p.couplings, p.columns, self.k, p.Z, p.work)
        evolve(*fixed, interval, stretch, self.steps, self.lyapunov_steps)

    def naive_simulation(self) -> None:
        """The chosen points one after the other."""
        self.ends = [naive.simulate(self.J, self.naive_points[p], self.start[:, p], 0, self.steps) for p in self.chosen]

    def naive_lyapunov(self) -> None:
        """The chosen points one after the other, from where their simulations ended."""
        self.stretches = [
            naive.lyapunov(self.J, self.naive_points[p], u, self.frame, self.steps, self.naive_steps)[2]
            for p, u in zip(self.chosen, self.ends, strict=True)
        ]

    def naive_norm(self) -> None:
        """The chosen points with a norm in the place of the QR."""
        for p, u in zip(self.chosen, self.ends, strict=True):
            naive.largest_exponent(self.J, self.naive_points[p], u, self.frame[:, 0], self.steps, self.naive_steps)

    def measure(self, scale: Scale) -> tuple[Seconds, Floats]:
        """Seconds per point and step of every way, and the dgemm of the same rounds."""
        few, all_ = len(self.chosen), len(self.tile)
        # NOTE: in this order: the naive exponents start where the naive simulation ended.
        work: dict[str, tuple[Callable[[], object], int]] = {
            "simulation naive": (self.naive_simulation, few * self.steps),
            "simulation kernel": (self.advance, all_ * self.steps),
            "simulation stage": (self.run_simulation, all_ * self.steps),
            "Lyapunov naive": (self.naive_lyapunov, few * self.naive_steps),
            "Lyapunov norm": (self.naive_norm, few * self.naive_steps),
            "Lyapunov kernel": (self.evolve, all_ * self.lyapunov_steps),
            "Lyapunov stage": (self.run_lyapunov, all_ * self.lyapunov_steps),
        }
        seconds = timed({name: job for name, (job, _) in work.items()}, scale)
        return {name: seconds[name] / point_steps for name, (_, point_steps) in work.items()}, dgemm_gflops(seconds, scale)

    def rows(self, scale: Scale, *, simulation: bool, bar: float | None = None) -> list[Row]:
        """The Lyapunov row; with simulation also that stage's own, and the two together, which is what the bar is for."""
        per_step, dgemm = self.measure(scale)
        parts = {s: {w: per_step[f"{s} {w}"] for w in ("naive", "kernel", "stage")} for s in ("simulation", "Lyapunov")}
        size = (self.tile.network.N, len(self.tile))
        lyapunov = row(f"demo Lyapunov, k = {self.k}", *size, 1 + self.k, parts["Lyapunov"], dgemm)
        if not simulation:
            return [lyapunov]
        share = self.steps / (self.steps + self.lyapunov_steps)
        both = {w: share * parts["simulation"][w] + (1 - share) * parts["Lyapunov"][w] for w in parts["Lyapunov"]}
        together = row("demo simulation + Lyapunov", *size, 1 + (1 - share) * self.k, both, dgemm, bar)
        norm = parts["Lyapunov"] | {"naive": per_step["Lyapunov norm"]}
        return [
            row("demo simulation", *size, 1, parts["simulation"], dgemm), lyapunov, together,
            row(f"demo Lyapunov, k = {self.k}, naive norm for QR", *size, 1 + self.k, norm, dgemm),
        ]  # fmt: skip

    def agreement(self) -> Agreement:
        """lambda_1 of the chosen points over the whole run: two averages of the same chaos, apart by chance only."""
        average = np.stack([stretch[round(self.lyapunov.options.transient) :, 0] for stretch in self.stretches])
        blocks = average.reshape(len(average), BLOCKS, -1).mean(axis=2)
        se = np.hypot(blocks.std(axis=1, ddof=1) / np.sqrt(BLOCKS), self.exponents["lambda_max_se"][self.chosen])
        gap = np.abs(blocks.mean(axis=1) - self.exponents["lambda_max"][self.chosen])
        name = f"lambda_1 of {len(gap)} demo points after the whole run, largest gap in standard errors"
        return Agreement(name, float(np.max(gap / (se + ROUNDING))), 5.0)


def shortened(context: Context, scale: Scale) -> Context:
    """The stage's context with all durations divided by scale.shorter."""
    options = context.options
    changed = {name: getattr(options, name) / scale.shorter for name in ("transient", "duration")}
    return replace(context, options=options.model_copy(update=changed))


def spread(count: int, few: int) -> list[int]:
    """Some of 0 .. count - 1, evenly apart."""
    return sorted({round(i) for i in np.linspace(0, count - 1, few)})


def crowd(N: int, sigma: float, count: int = 64) -> tuple[Tile, Context]:
    """A tile of `count` gains across the transition, with leak and stimulus, of a network of N neurons drawn as in the demo."""
    study = load_study(DEMO)
    demo = next(sweep_points(study, "g_gamma"))
    network = replace(demo.network, parameters=tuple((dict(demo.network.parameters) | {"N": N}).items()))
    rest = dict(demo.dynamics) | {"gamma": 0.2, "sigma": sigma, "theta_bar": 0.1, "sigma_theta": 0.2}
    points = tuple(tuple((rest | {"g": float(g)}).items()) for g in np.linspace(1.0, 4.0, count))
    return Tile(network, points), study.context("simulation", "g_gamma")


def prepared(tile: Tile, context: Context) -> tuple[Floats, Problem]:
    """J (N, N) and the tile ready for the kernels, at its initial states."""
    network = context.ensemble.build(tile.network, context.ensemble_options, context.seed)
    return network.dense(), prepare_problem(network, tile, context, initial_state(tile, context), None)


def simulation_row(N: int, sigma: float, scale: Scale) -> Row:
    """64 columns side by side against some of them one after the other. Naive noise comes from numpy's generator."""
    tile, context = crowd(N, sigma)
    J, p = prepared(tile, context)
    first, start = p.Z.copy(), initial_state(tile, context)
    steps = max(2, round(scale.flops / (2 * N**2 * len(tile))))
    points = naive.points_of(tile, context, replay=False)
    chosen = spread(len(tile), scale.naive_points)

    def kernel() -> None:
        p.Z[:] = first
        advance(p.method, p.code, p.couplings, p.columns, p.Z, p.work, 0, steps)

    def one_by_one() -> None:
        for i in chosen:
            naive.simulate(J, points[i], start[:, i], 0, steps)

    seconds = timed({"naive": one_by_one, "kernel": kernel}, scale)
    per_step = {"naive": seconds["naive"] / (len(chosen) * steps), "kernel": seconds["kernel"] / (len(tile) * steps)}
    name = f"simulation, {'noise' if sigma else 'no noise'}"
    return row(name, N, len(tile), 1, per_step, dgemm_gflops(seconds, scale))


# Agreement


def trajectories_agree(N: int, steps: int = 20) -> Agreement:
    """States with leak and noise, started alike, noise replayed: apart by rounding only while chaos has not amplified it."""
    tile, context = crowd(N, sigma=0.1, count=16)
    J, p = prepared(tile, context)
    start = initial_state(tile, context)
    advance(p.method, p.code, p.couplings, p.columns, p.Z, p.work, FIRST_STEP, steps)
    points = naive.points_of(tile, context, replay=True)
    expected = np.stack([naive.simulate(J, point, start[:, i], FIRST_STEP, steps) for i, point in enumerate(points)], axis=1)
    gap = np.max(np.abs(from_blocks(p.Z, N, len(tile)) - expected))
    return Agreement(f"states of {len(tile)} points after {steps} noisy steps, N = {N}, largest gap", float(gap), 1e-10)


def spectra_agree(N: int, interval: int = 1, steps: int = 20) -> Agreement:
    """All N exponents of a short noisy run. A QR every `interval` steps must give the same as one every step."""
    tile, context = crowd(N, sigma=0.1, count=2)
    network = context.ensemble.build(tile.network, context.ensemble_options, context.seed)
    start, frame = initial_state(tile, context), tangent_frame(tile.network, context, len(tile), N)
    p = prepare_problem(network, tile, context, start, frame)
    stretch, intervals = np.zeros((len(tile), N)), np.full(len(tile), interval, np.int64)
    evolve(p.method, p.code, p.couplings, p.columns, N, p.Z, p.work, intervals, stretch, FIRST_STEP, steps)
    points = naive.points_of(tile, context, replay=True)
    runs = [naive.lyapunov(network.dense(), point, start[:, i], frame[i], FIRST_STEP, steps) for i, point in enumerate(points)]
    gap = np.max(np.abs(stretch - np.stack([run[2].sum(axis=0) for run in runs]))) / steps
    return Agreement(f"{N} exponents over {steps} noisy steps, QR every {interval}, largest gap per step", float(gap), 1e-8)


# The run and its output


def measure(scale: Scale) -> Results:
    """All workloads, one after the other."""
    diagram = DemoTile("g_gamma", 100, None, scale)
    spectrum = DemoTile("spectra", 100, scale.naive_spectrum_steps, scale)
    rows = diagram.rows(scale, simulation=True, bar=BAR)
    rows += spectrum.rows(scale, simulation=False)
    rows += [simulation_row(N, sigma, scale) for sigma in (0.0, 0.1) for N in scale.sizes]
    agreement = [trajectories_agree(scale.sizes[0]), spectra_agree(scale.sizes[0]), diagram.agreement()]
    return Results(machine(), limits(scale), rows, agreement)


def machine() -> dict[str, str]:
    """Processor and versions; nothing that names the computer."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    chosen = {name: v for name, v in versions().items() if name in ("python", "rnn-atlas", "numpy", "numba")}
    today = datetime.date.today().isoformat()
    return {
        "processor": (names or [platform.machine()])[0],
        "BLAS": f"{blas['name']} {blas['version']}",
        "date": today,
    } | chosen


def main() -> int:
    """Measures, prints, stores. 1 if naive code and rnn-atlas do not agree."""
    if any(pool["num_threads"] != 1 for pool in threadpool_info()):
        raise RuntimeError("the benchmarks measure one thread; BLAS took more. Unset what sets its number of threads")
    print("Measuring; this takes about two minutes.", flush=True)
    results = measure(FULL)
    store(results, HERE)
    print(markdown(results))
    return 0 if all(a.holds for a in results.agreement) else 1


if __name__ == "__main__":
    sys.exit(main())
