"""Compiled kernels: numpy and numba only. See README.md beside this file for what stands where.

Importing this package decides where numba keeps what it has compiled: in a folder named by the digest of all kernel
sources, since numba itself does not notice when a function called from another file has changed.
"""

import hashlib
import os
from pathlib import Path

import numba

_HERE = Path(__file__).parent


def _cache_folder() -> Path:
    content = hashlib.blake2b(digest_size=8)
    for file in sorted(_HERE.glob("*.py")):
        content.update(file.read_bytes())
    content.update(numba.__version__.encode())
    beside = _HERE / "__pycache__"
    root = beside if os.access(_HERE, os.W_OK) else Path.home() / ".cache" / "rnn-atlas"
    return root / f"numba-{content.hexdigest()}"


setattr(numba.config, "CACHE_DIR", str(_cache_folder()))  # noqa: B010 (an attribute its type does not declare)
