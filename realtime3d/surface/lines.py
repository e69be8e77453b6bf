"""Keeps of a relief what runs along lines, as wrinkles and folds do: spots and grain have no direction."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from realtime3d.types import FloatArray

DIRECTIONS = 6
AROUND_MM = 1.6  # over which the strength of each direction is averaged
ON_MM = 5.0  # what does not go on so far along its line, either way, is a spot
NO_DIRECTION = 0.5  # of the median over the directions: so much is taken from each


def along_lines(relief: FloatArray, mm_per_px: float) -> FloatArray:
    """(h, w) the relief without what is alike in all directions, and without what soon ends."""
    height, width = relief.shape
    rows, columns = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    padded = np.zeros((rows, columns), np.float32)
    padded[:height, :width] = relief
    spectrum = cv2.dft(padded, flags=cv2.DFT_COMPLEX_OUTPUT)
    parts, strengths = [], []
    for window in _windows(rows, columns):
        part = cv2.idft(spectrum * window[..., None], flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)[:height, :width]
        parts.append(part)
        strengths.append(cv2.GaussianBlur(part * part, (0, 0), AROUND_MM / mm_per_px))
    strength = np.stack(strengths)
    usual = np.float32(NO_DIRECTION) * np.median(strength, axis=0)
    keep = np.clip(1 - usual / np.maximum(strength, np.float32(1e-12)), 0, 1)
    keep *= np.stack([_going_on(part, np.pi * k / DIRECTIONS, ON_MM / mm_per_px) for k, part in enumerate(strength)])
    return np.asarray((np.stack(parts) * keep).sum(axis=0) * np.float32(_SCALE), np.float32)


def _going_on(strength: FloatArray, across: float, reach_px: float) -> FloatArray:
    """0..1 how strong a direction still is further along its lines, on the better side."""
    step = np.array([-np.sin(across), np.cos(across)], np.float32) * np.float32(reach_px)
    size, flags = strength.shape[::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    ends = [cv2.warpAffine(strength, np.column_stack([np.eye(2), way * step]), size, flags=flags) for way in (1, -1)]
    return np.asarray(np.clip(np.maximum(*ends) / np.maximum(strength, np.float32(1e-12)), 0, 1), np.float32)


@lru_cache(maxsize=2)
def _windows(rows: int, columns: int) -> tuple[FloatArray, ...]:
    """(rows, columns) of each direction."""
    turn = np.arctan2(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None]).astype(np.float32)
    ways = (np.float32(np.pi * k / DIRECTIONS) for k in range(DIRECTIONS))
    return tuple(np.asarray(np.cos(turn - way) ** (2 * (DIRECTIONS - 1)), np.float32) for way in ways)


def _scale() -> float:
    """The windows' sum is the same in all directions; this makes it 1."""
    turn = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    return float(1 / (np.cos(turn) ** (2 * (DIRECTIONS - 1))).sum())


_SCALE = _scale()
