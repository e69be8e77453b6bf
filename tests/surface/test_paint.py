"""Light that is left in an albedo: what is coarse and on one side alone."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from realtime3d.face.model import FaceModel
from realtime3d.surface.layout import Layout
from realtime3d.surface.paint import one_sided
from tests.helpers.paths import FACE_MODEL


@cache
def layout() -> Layout:
    return Layout(FaceModel.load(FACE_MODEL), 512)


def test_what_one_side_has_alone_is_light_and_what_both_have_is_paint() -> None:
    there = layout()
    at = there.on_front(there.head.mean)
    x, y = at[..., 0], at[..., 1]
    seen = there.inside.astype(np.float32)
    beard = np.where(y > 55, -0.4, 0.0).astype(np.float32)
    light = np.float32(0.004) * x
    found = one_sided(there, light + beard, seen)
    inner = there.inside & (np.abs(x) < 50) & (np.abs(y - 20) < 60)
    assert np.abs(found - light)[inner].mean() < 0.1 * np.abs(light[inner]).mean()


def test_a_spot_stays_and_a_hidden_side_says_nothing() -> None:
    there = layout()
    at = there.on_front(there.head.mean)
    seen = there.inside.astype(np.float32)
    spot = np.where(np.hypot(at[..., 0] - 35, at[..., 1] - 25) < 2, -0.5, 0).astype(np.float32)
    assert np.abs(one_sided(there, spot, seen)).max() < 0.05
    half = seen * (at[..., 0] < 0)
    side = np.where(at[..., 0] < 0, 0.5, 0).astype(np.float32)
    found = one_sided(there, side, half)
    assert np.abs(found[there.inside & (np.abs(at[..., 0]) > 25)]).max() == pytest.approx(0, abs=1e-3)
