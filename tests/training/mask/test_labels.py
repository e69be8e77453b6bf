"""Weak labels of a drawn head, whose contours and colours are known."""

from __future__ import annotations

import numpy as np
import pytest

from realtime3d.geometry import Camera
from realtime3d.surface.mask import BACKGROUND, EYES, HAIR, MOUTH, OCCLUDER, SKIN, SPAN_MM, mask_crop
from realtime3d.training.mask.labels import MARGIN, SIDE, UNKNOWN, cut, frame_of, label
from tests.helpers.faces import make_face
from tests.helpers.lit_heads import head_pixels, photograph

CAMERA = Camera.from_fov(500, 500, 22)


@pytest.fixture(scope="module")
def head() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture, 478 points and where the head is."""
    face = make_face(CAMERA, (2, 8, 12), (10, -15, 900))
    return photograph(face, noise=1.5), face.landmarks("mediapipe478"), np.isfinite(head_pixels(face)[0][..., 0])


def labelled(image: np.ndarray, points: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    frame = frame_of(points)
    part, inside = cut(image, frame.matrix)
    mask, _ = cut(np.repeat(person[..., None].astype(np.uint8) * 255, 3, -1), frame.matrix)
    found = label(part, frame.points, inside, mask[..., 0].astype(np.float32) / 255)
    assert found is not None
    return found, frame.points, inside


def test_the_frame_is_the_crop_of_the_net(head: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    face = make_face(CAMERA, (0, 0, 25), (10, -15, 900))
    frame = frame_of(face.landmarks("mediapipe478"), 128, 1.0)
    crop = mask_crop(face, 128)
    rays = np.column_stack([CAMERA.rays(face.landmarks("mediapipe478"))]) @ crop.R.T
    there = rays[:, :2] / rays[:, 2:] * crop.focal + 63.5
    assert np.abs(frame.points - there).max() < 128 / SPAN_MM * 12  # within 12 mm at the rim, less in the middle
    assert np.abs((frame.points - there).mean(axis=0)).max() < 128 / SPAN_MM * 6


def test_skin_eyes_and_mouth_are_where_they_are(head: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    image, points, person = head
    found, where, inside = labelled(image, points, person)

    def at(row: int) -> int:
        x, y = np.rint(where[row]).astype(int)
        return int(found[y, x])

    assert at(50) == at(280) == at(151) == SKIN  # cheeks and forehead
    assert at(13) == MOUTH
    eye = np.rint((where[159] + where[145]) / 2).astype(int)
    assert found[eye[1], eye[0]] == EYES
    assert (found[~inside] == UNKNOWN).all()
    assert (found == SKIN).sum() > 0.1 * SIDE**2 / MARGIN**2
    assert (found == BACKGROUND).sum() > 1000
    assert not (found == OCCLUDER).any()


def test_what_is_unlike_skin_on_a_face_is_left_out(head: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    image, points, person = head
    x, y = np.rint(points[280]).astype(int)
    painted = image.copy()
    painted[y - 18 : y + 18, x - 18 : x + 18] = (200, 60, 30)
    found, where, _ = labelled(painted, points, person)
    column, row = np.rint(where[280]).astype(int)
    assert found[row, column] == UNKNOWN


def test_dark_hair_above_the_face_is_hair(head: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    image, points, person = head
    up = (points[10] - points[152]) / np.linalg.norm(points[10] - points[152])
    rows, columns = np.indices(person.shape)
    height = (np.stack([columns, rows], -1) - points[10]) @ up
    painted = np.where(((height > 8) & person)[..., None], np.uint8(25), image)
    found, where, _ = labelled(painted.astype(np.uint8), points, person)
    above = np.rint(where[10] + (where[10] - where[152]) * 0.15).astype(int)
    assert found[above[1], above[0]] == HAIR


def test_a_grey_picture_says_too_little(head: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    image, points, _ = head
    frame = frame_of(points)
    part, inside = cut(np.repeat(image.mean(axis=-1, keepdims=True), 3, -1).astype(np.uint8), frame.matrix)
    assert label(part, frame.points, inside, np.ones((SIDE, SIDE), np.float32)) is None
