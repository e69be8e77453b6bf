"""Compiling inner loops with Numba, cached on disk where a folder for that can be written."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "arcp", "nsz"}}


def compiled(signature: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Like `numba.njit(signature, cache=True)`, but compiled (and Numba imported) at the first call.

    Numba caches beside the source, else in the user's cache folder, or in NUMBA_CACHE_DIR where that is set. Where
    the cache fails, it compiles in each process.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @cache
        def kernel() -> Callable[..., None]:
            from numba import njit

            compiled_function: Callable[..., None]
            try:
                compiled_function = njit(signature, cache=True, **OPTIONS)(function)
            except Exception:  # nowhere to write (read-only install and home), no room left there, a damaged cache
                compiled_function = njit(signature, **OPTIONS)(function)
            return compiled_function

        @wraps(function)
        def call(*arguments: Any) -> None:
            kernel()(*arguments)

        return call

    return decorate
