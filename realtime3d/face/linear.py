"""Weighted sums of basis rows, which is all that a linear face does."""

from __future__ import annotations

import numpy as np

from realtime3d.types import FloatArray


def combined(weights: FloatArray, rows: FloatArray) -> FloatArray:
    """(..., K) weights of (K, N) rows, summed: (..., N).

    For one face this is not left to BLAS: its threads share the work of microseconds and then wait for more in a loop
    that keeps a core from decoder, encoder and nets for tens of milliseconds.
    """
    summed: FloatArray = np.einsum("k,kn->n", weights, rows) if weights.ndim == 1 else weights @ rows
    return summed
