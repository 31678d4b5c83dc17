"""How every kernel is compiled.

`error_model="numpy"`: a division cannot raise, without which LLVM does not vectorize a loop that divides.
`contract`: a multiplication and an addition may fuse. Nothing else of fastmath: sums keep their order, NaN stays NaN.
"""

from collections.abc import Callable
from typing import Any

from numba import njit

compiled: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract"}
)
