"""Causal smoothing in real seconds: One Euro filters on SO(3), position, log depth and what the coefficients move."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from realtime3d.facemodel import FaceModel
from realtime3d.types import FaceCoeffs


@dataclass(frozen=True, slots=True)
class SmoothSettings:
    """Every default of the smoother, with its unit."""

    gap_s: float = 0.5  # a longer silence starts afresh


class Smoother:
    """Smooths the answers of each track; holds nothing but the tracks' filters."""

    def __init__(self, expression_mm: ArrayLike, extras_mm: ArrayLike, settings: SmoothSettings | None = None) -> None:
        """`expression_mm` (29,) and `extras_mm` (5,): how far one unit of each coefficient moves the face, in mm."""
        raise NotImplementedError

    @classmethod
    def for_model(cls, model: FaceModel, settings: SmoothSettings | None = None) -> Smoother:
        """A smoother that knows what each coefficient of `model` moves."""
        raise NotImplementedError

    def __call__(self, track_id: int, coeffs: FaceCoeffs, t_ns: int) -> FaceCoeffs:
        """`coeffs` with pose, expression and extras smoothed; the first ones of a track pass as they are."""
        raise NotImplementedError

    def drop(self, track_id: int) -> None:
        """The track ended."""
        raise NotImplementedError
