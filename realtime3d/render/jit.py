"""Compiling the rasteriser's inner loops with Numba, cached on disk where a folder for that can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "arcp", "nsz"}}


def compiled(signature: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Like `numba.njit(signature, cache=True)`, but where the cache fails it compiles in each process.

    Numba caches beside the source, else in the user's cache folder, or in NUMBA_CACHE_DIR where that is set.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(signature, cache=True, **OPTIONS)(function)
        except Exception:  # nowhere to write (read-only install and home), no room left there, or a damaged cache
            return njit(signature, **OPTIONS)(function)

    return decorate
