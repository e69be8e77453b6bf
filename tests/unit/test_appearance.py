"""Looks of faces: what changes them and what does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from track_scene import answer, head

from realtime3d.appearance import Look, unlike
from realtime3d.config import TrackerSettings
from realtime3d.crop import crop_from_box, warp
from realtime3d.geometry import Camera
from realtime3d.track import Tracker
from realtime3d.types import FaceBox, Image

CAMERA = Camera.from_fov(640, 480)
BOX = [260, 180, 360, 280]


def picture(seed: int) -> Image:
    """Smooth colours: a different "face" for each seed."""
    coarse = np.random.default_rng(seed).uniform(30, 200, (12, 16, 3))
    return np.repeat(np.repeat(coarse, 40, axis=0), 40, axis=1).astype(np.uint8)


def look(image: Image, box: list[int] = BOX) -> Look:
    crop = crop_from_box(box, CAMERA, 112)
    return Look.of(warp(image, CAMERA, crop), crop, CAMERA)


def test_exposure_and_noise_change_little_another_face_much() -> None:
    image = picture(1)
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    darker = np.clip(0.6 * image + noise, 0, 255).astype(np.uint8)
    same, other = unlike(look(image), look(darker)), unlike(look(image), look(picture(2)))
    assert same is not None and other is not None
    assert same < 0.1 < 0.3 < other


def test_cells_outside_the_picture_do_not_count() -> None:
    at_the_edge = [-45, 180, 55, 280]
    inside = look(picture(1), at_the_edge).inside()
    assert inside.any() and not inside[:, 0].any() and inside[:, -1].all()
    assert unlike(look(picture(1), at_the_edge), look(picture(1), at_the_edge)) == pytest.approx(0, abs=1e-6)


def test_too_little_of_a_face_says_nothing() -> None:
    assert unlike(look(picture(1), [-95, 180, 5, 280]), look(picture(1))) is None


def test_a_face_behind_the_picture_s_end_is_nowhere() -> None:
    assert not look(picture(1), [900, 180, 1000, 280]).inside().any()


@pytest.mark.parametrize(("who_comes", "shape_distance", "same"), [(1, 2.0, True), (2, 1.0, False), (2, None, False)])
def test_who_comes_back_is_told_by_colours_where_shapes_are_unsure(
    who_comes: int, shape_distance: float | None, same: bool
) -> None:
    """With shapes alone, 2.0 would be another person and 1.0 the same one."""
    points = np.array([[-60, -30, 0], [60, 80, 0]], dtype=np.float64)
    tracker = Tracker(CAMERA, points, TrackerSettings(), lambda track_id, shape: shape_distance)
    box = FaceBox(np.array(BOX, np.float64), 0.9)
    shape = np.zeros(12)

    def frame(t_ms: int, who: int | None) -> list[int]:
        asked = tracker.update([] if who is None else [box], t_ms * 1_000_000)
        seen = [
            answer(head(0), 0.0 if who is None else 0.97, shape)
            if who is None
            else replace(answer(head(0), 0.97, shape), look=look(picture(who)))
            for _ in asked
        ]
        return [face.id for face in tracker.confirm(seen).faces]

    for k in range(20):
        assert frame(33 * k, 1) == [0]
    for k in range(20, 40):
        frame(33 * k, None)
    assert frame(33 * 40, who_comes) == ([0] if same else [1])
