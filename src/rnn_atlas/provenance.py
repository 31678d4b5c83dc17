"""What a result depends on, as digests: the kernel code (its tokens, not its comments), the stage key, the data."""

import contextlib
import hashlib
import io
import json
import os
import sys
import tokenize
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnn_atlas.config import Study
from rnn_atlas.identity import digest
from rnn_atlas.registry import STAGES

PACKAGE = Path(__file__).parent
_IGNORED = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.NEWLINE, tokenize.ENDMARKER}


def code_tokens(source: str) -> str:
    """The program text without comments, docstrings and layout: what changes when its numbers may change."""
    out: list[str] = []
    at_start_of_line = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.STRING and at_start_of_line:
            continue
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            out.append("<" if token.type == tokenize.INDENT else ">")
        elif token.type not in _IGNORED:
            out.append(token.string)
        elif token.type == tokenize.NEWLINE:
            out.append(";")
        at_start_of_line = token.type in _IGNORED | {tokenize.INDENT, tokenize.DEDENT}
    return "".join("".join(out).split())


@cache
def code_digest(parts: tuple[str, ...]) -> str:
    """Digest of the code in these files and folders of the package."""
    known = _token_digests()
    return digest([[str(file.relative_to(PACKAGE)), known[file]] for file in _files(parts)])


@cache
def _token_digests() -> dict[Path, str]:
    """Digest of the tokens of every file of the package. They are kept by the bytes of the file: to take all apart anew takes
    half a second.
    """
    kept = PACKAGE / "__pycache__" / "tokens.json"
    ours = sys.version + Path(__file__).read_text()
    texts = {file: file.read_text() for file in _files((".",))}
    keys = {file: digest(ours, text) for file, text in texts.items()}
    try:
        known = json.loads(kept.read_text())
    except (OSError, ValueError):
        known = {}
    if not known.keys() >= set(keys.values()):
        known = {key: known.get(key) or digest(code_tokens(texts[file])) for file, key in keys.items()}
        with contextlib.suppress(OSError):  # another user's package
            kept.parent.mkdir(exist_ok=True)
            write_text(kept, json.dumps(known))
    return {file: known[key] for file, key in keys.items()}


def kernel_source() -> str:
    """Digest of all files that decide numbers, byte by byte, as they are on the disk now."""
    parts = {part for stage in STAGES.values() for part in stage.code}
    return digest([path.read_bytes().hex() for path in _files(tuple(sorted(parts)))], size=8)


def _files(parts: tuple[str, ...]) -> list[Path]:
    files: list[Path] = []
    for part in parts:
        path = PACKAGE / part
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return files


def stage_key(study: Study, stage: str, sweep: str) -> str:
    """Names what a stage's numbers depend on beside the points: options, model, seed, code, and the stage upstream."""
    context = study.context(stage, sweep)
    entry = STAGES[stage]
    upstream = stage_key(study, entry.upstream, sweep) if entry.upstream else ""
    model = {"name": context.model.name} | context.model_options.model_dump(mode="json")
    return digest(stage, context.options.model_dump(mode="json"), model, study.seed, code_digest(entry.code), upstream, size=8)


def versions() -> dict[str, str]:
    """Versions of what computes and stores."""
    names = ("rnn-atlas", "numpy", "scipy", "numba", "xarray", "zarr", "dask", "snakemake")
    return {"python": ".".join(map(str, sys.version_info[:3]))} | {name: version(name) for name in names}


def write_text(path: Path, text: str) -> None:
    """Written aside and renamed, so that nobody reads half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)


def array_digest(array: NDArray[Any]) -> bytes:
    """SHA-256 of an array's dtype, shape and values, all NaN alike and -0 like 0."""
    array = np.ascontiguousarray(array)
    if array.dtype.kind in "fc":
        array = array + np.zeros((), array.dtype)
        parts = array.view(array.real.dtype)
        parts[np.isnan(parts)] = np.nan
    head = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(head + array.tobytes()).digest()
