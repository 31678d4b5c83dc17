"""Do the tests see the classical mistakes? Each is made in a copy of the package, and the tests are run on the copy."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ("tests/test_models.py", "tests/test_lyapunov.py")


@dataclass(frozen=True)
class Mutation:
    """A mistake: in `file`, `old` becomes `new`."""

    name: str
    file: str
    old: str
    new: str


MUTATIONS = (
    Mutation(
        "J transposed",
        "kernels/product.py",
        "i % ROWS] = J[i, j]",
        "i % ROWS] = J[j, i]",
    ),
    Mutation(
        "slope behind J instead of before it (D J v for J D v)",
        "kernels/step.py",
        "    recurrent_input(couplings, columns.gain_out, work.F, work.H)\n    h, drive",
        """\
    for b in range(n, Z.shape[0]):
        work.F[b] = Z[b]
    recurrent_input(couplings, columns.gain_out, work.F, work.H)
    for b in range(n, Z.shape[0]):
        for lane in range(LANES):
            c = (b - n) * LANES + lane
            if c < columns.owner.size:
                o = columns.owner[c]
                for i in range(Z.shape[1]):
                    work.H[b, i, lane] *= work.S[o // LANES, i, o % LANES]
    h, drive""",
    ),
    Mutation(
        "sign of theta flipped",
        "models/snt.py",
        'offset=-tile.column("theta_bar")',
        'offset=tile.column("theta_bar")',
    ),
    Mutation("g applied twice in the tangent", "kernels/transfer.py", "s[i] *= g[i]", "s[i] *= g[i] * g[i]"),
    Mutation("g applied twice in the map", "models/snt.py", "gain_out=one,", 'gain_out=tile.column("g"),'),
    Mutation(
        "Jacobian one step off",
        "kernels/step.py",
        """\
        emit_with_slope(code, columns.gain_in, Z[:n], work.F[:n], work.S)
        _carry_tangents(columns, Z, work.S, work.F)
""",
        """\
        _carry_tangents(columns, Z, work.S, work.F)
        emit_with_slope(code, columns.gain_in, Z[:n], work.F[:n], work.S)
""",
    ),
    Mutation(
        "R clamped at 1e-3",
        "kernels/tangent.py",
        "stretch[j] += math.log(norm)",
        "stretch[j] += math.log(max(norm, 1e-3))",
    ),
    Mutation(
        "noise not shared by the columns",
        "kernels/step.py",
        "z[start + m] += noise[start + m] * xi[m]",
        "z[start + m] += noise[start + m] * xi[(m + 8 * b + 8 * (m % 8)) % xi.size]",
    ),
    Mutation(
        "RK4 tangent with the slopes of its first stage",
        "kernels/step.py",
        "            _currents(code, couplings, columns, work.Y, work)\n        share",
        """\
            kept = work.S.copy()
            _currents(code, couplings, columns, work.Y, work)
            work.S[:] = kept
            if Z.shape[0] > columns.drive.shape[0]:
                _carry_tangents(columns, work.Y, work.S, work.F)
                recurrent_input(couplings, columns.gain_out, work.F, work.H)
                work.H[: columns.drive.shape[0]] += columns.drive
        share""",
    ),
)


def caught_by(mutation: Mutation) -> list[str]:
    """Names of the tests that fail on the mutated copy."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "rnn_atlas"
        shutil.copytree(ROOT / "src" / "rnn_atlas", package, ignore=shutil.ignore_patterns("__pycache__"))
        file = package / mutation.file
        text = file.read_text()
        if text.count(mutation.old) != 1:
            raise ValueError(f"mutation {mutation.name!r} no longer fits {mutation.file}; bring it up to date")
        file.write_text(text.replace(mutation.old, mutation.new))
        line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
        environment = os.environ | {"PYTHONPATH": folder}
        done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    failed = re.findall(r"^FAILED [^:]+::(\w+)", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the tests could not run on {mutation.name!r}:\n{done.stdout[-2000:]}")
    return sorted(set(failed))


def table() -> list[tuple[str, list[str]]]:
    """Every mutation and the tests that catch it, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(zip((m.name for m in MUTATIONS), pool.map(caught_by, MUTATIONS), strict=True))
