"""Pose labels from finished nets."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

from realtime3d.geometry import ANCHOR_MM, euler_to_matrix, geodesic_deg
from realtime3d.training.labels.answers import Answer, Frames, padded, usual_box
from realtime3d.training.labels.fits import Fits


def some_fits(rng: np.random.Generator, n: int = 40) -> Fits:
    R = np.stack([euler_to_matrix(*rng.normal(0, 0.3, 3)) for _ in range(n)]).astype(np.float32)
    anchor = np.column_stack([rng.normal(0, 20, (n, 2)), np.full(n, 1000.0)])
    t = (anchor - R.astype(np.float64) @ ANCHOR_MM).astype(np.float32)
    empty = {name: np.zeros((n, 1), np.float32) for name in ("landmarks", "alpha", "actions", "motion")}
    return Fits(
        files=tuple(map(str, range(n))), R=R, t=t, focal=np.full(n, 900, np.float32),
        size=np.full((n, 2), 300, np.int32), residual=np.zeros(n, np.float32), **empty,
    )  # fmt: skip


def test_constants_between_two_face_models_are_found():
    """Nets that see a head turned, shifted and scaled by constants are brought back to the fits."""
    rng = np.random.default_rng(0)
    fits = some_fits(rng)
    turn, shift, log_scale = euler_to_matrix(0.05, 0.0, 0.02), np.array([1.0, 4.0, -3.0]), 0.06
    answers = []
    for R, t in zip(fits.R.astype(np.float64), fits.t.astype(np.float64), strict=True):
        own = R @ turn.T
        answers.append(Answer(own, (R @ ANCHOR_MM + t) * np.exp(log_scale) - own @ shift, 900.0))
    frames = Frames.between(answers, fits)
    assert geodesic_deg(frames.turn, turn) < 0.01
    np.testing.assert_allclose(frames.shift, shift, atol=0.35)
    assert abs(frames.log_scale - log_scale) < 0.005
    for answer, R, t in zip(answers, fits.R, fits.t, strict=True):
        found = frames.applied(answer)
        assert geodesic_deg(found.R, R) < 0.01
        np.testing.assert_allclose(found.anchor, R @ ANCHOR_MM + t, atol=5)


def test_trust_falls_with_disagreement_and_ends():
    ahead = np.eye(3)
    trust = [Answer(ahead, np.zeros(3), 1.0, spread).trust for spread in (0.0, 3.0, 8.0, 25.0)]
    assert trust[0] > trust[1] > trust[2] > trust[3] == 0
    assert Answer(ahead, np.zeros(3), 1.0, 0.0, presence=0.2).trust == 0


def test_turned_is_how_far_a_face_looks_away():
    yawed = Answer(euler_to_matrix(0, np.radians(70), 0), np.zeros(3), 1.0)
    rolled = Answer(euler_to_matrix(0, 0, np.radians(70)), np.zeros(3), 1.0)
    assert round(yawed.turned_deg) == 70
    assert round(rolled.turned_deg) == 0


def test_padding_keeps_the_middle_and_the_box_lies_in_the_picture():
    image = np.zeros((100, 80, 3), np.uint8)
    image[50, 40] = 255
    wide = padded(image)
    assert wide.shape == (150, 120, 3)
    assert (wide[75, 60] == 255).all()
    x0, y0, x1, y1 = usual_box(wide)
    assert 20 < x0 < x1 < 100
    assert 25 < y0 < y1 < 125
