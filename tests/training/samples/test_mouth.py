"""Open mouths in rendered pictures: teeth, darkness, and nothing of the photograph's closed lips."""

import numpy as np
import pytest

from realtime3d.geometry import ANCHOR_MM
from realtime3d.nets.crop import CROP_MM
from realtime3d.training.labels.pack import FittedPhoto
from realtime3d.training.samples.photo import HeadParts, build_scene
from realtime3d.training.samples.render_samples import Target, render
from realtime3d.training.samples.shards import MARGIN
from tests.helpers.paths import FACE_MODEL

SIZE, DISTANCE = 320, 600.0
SKIN = (120, 150, 210)


@pytest.fixture(scope="module")
def top(model) -> HeadParts:
    return HeadParts.of(model)


@pytest.fixture(scope="module")
def scene(top):
    """A photograph all of one skin colour whose lips are closed."""
    image = np.full((300, 300, 3), SKIN, np.uint8)
    t = np.array([0, -30, 1000], np.float32)
    photo = FittedPhoto(
        image, np.eye(3, dtype=np.float32), t, 900.0, np.zeros(99, np.float32), np.zeros(52, np.float32),
        np.zeros(34, np.float32), 0.01, np.array([80, 80, 220, 220], np.float32),
    )  # fmt: skip
    return build_scene(top, photo)


def motion(model, **actions: float) -> np.ndarray:
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"]
    weights = np.zeros(len(model.arkit_names))
    for name, value in actions.items():
        weights[model.arkit_names.index(name)] = value
    return (to_motion @ weights).astype(np.float32)


def target(moved: np.ndarray) -> Target:
    return Target(np.eye(3), DISTANCE, np.zeros(99, np.float32), moved, True, np.zeros(3, np.float32))


def picture(top, scene, moved):
    grey = np.zeros((SIZE, SIZE, 3), np.uint8)
    return render(top, scene, target(moved), grey, SIZE, np.random.default_rng(1)).astype(int)


def in_picture(points):
    space = points - ANCHOR_MM + (0, 0, DISTANCE)
    return space[:, :2] / space[:, 2:] * (SIZE / MARGIN * DISTANCE / CROP_MM) + (SIZE - 1) / 2


def lip_points(model, moved):
    head = model.deform(model.mean, *np.split(moved, [model.n_expression]))
    return in_picture(model.landmarks("mediapipe478", head)[[13, 14, 78, 308]])


def test_an_open_mouth_is_dark_inside_and_not_skin(model, top, scene):
    moved = motion(model, jawOpen=0.7)
    upper, lower, *_ = lip_points(model, moved)
    x, y = np.rint(0.4 * upper + 0.6 * lower).astype(int)
    assert lower[1] - upper[1] > 12
    assert picture(top, scene, moved)[y - 2 : y + 3, x - 4 : x + 5].mean() < 0.5 * np.mean(SKIN)


def test_lips_drawn_apart_show_teeth(model, top, scene):
    sides = ("Left", "Right")
    moved = motion(model, **{f"mouth{part}{side}": 0.9 for part in ("UpperUp", "LowerDown") for side in sides})
    upper, lower, *_ = lip_points(model, moved)
    x, y = np.rint((upper + lower) / 2).astype(int)
    column = picture(top, scene, moved)[round(upper[1]) + 1 : round(lower[1]), x + 3]
    blue, _, red = column[np.argmax(column.sum(axis=1))]
    assert blue > 0.75 * red  # ivory; the skin's blue is 0.57 of its red
    assert len(column) > 4 and y > 0


def test_lips_that_stay_show_what_the_photograph_shows(model, top, scene):
    closed = picture(top, scene, np.zeros(34, np.float32))
    x, y = np.rint(lip_points(model, np.zeros(34, np.float32))[0]).astype(int)
    assert np.abs(closed[y - 6 : y + 7, x - 8 : x + 9] - SKIN).mean() < 12


def test_upper_teeth_stay_and_lower_ones_go_with_the_jaw(model, top):
    moved = model.deform(model.mean, *np.split(motion(model, jawOpen=1.0), [29])) - model.mean
    teeth = moved[top.mouth.teeth, 1]  # mm downwards
    stays, goes = np.abs(teeth) < 0.5, teeth > 8
    assert stays.sum() > 30 and goes.sum() > 30
    assert (stays | goes).all()
    assert teeth.max() > 12


def test_no_sheet_hangs_inside_the_head(scene, top, model):
    """The photograph bent round the head would show its closed lips in an open mouth."""
    middle = model.landmarks("mediapipe478", model.mean)[13]
    corners = scene.sheet_points[scene.sheet_triangles]
    inside = (np.abs(corners[..., :2] - middle[:2]) < 12).all(axis=-1).any(axis=1)
    assert not inside.any()
