"""From where an iris is seen to the extras that turn the eyeball, and to ARKit's weights."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime3d.face import lids
from realtime3d.face.eyes import SIDES
from realtime3d.face.model import FaceModel
from realtime3d.face.seats import CORNERS, HABIT, IRIS, Seats
from realtime3d.geometry import euler_to_matrix
from realtime3d.types import EyesSeen
from tests.helpers.plain_model import KINDS, model_file


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest) -> FaceModel:
    return FaceModel.load(model_file(request.param))


def seen_place(model: FaceModel, alpha: NDArray, extras: NDArray, side: int, sight: NDArray) -> NDArray:
    """Where a camera far away in the direction of `sight` sees an iris, in the distance of its eye's corners."""
    rest = np.zeros(model.n_expression), np.zeros(model.n_extras)
    corners = model.face_landmarks("ibug68", alpha, *rest)[list(CORNERS[SIDES[side]])]
    iris = model.face_landmarks("mediapipe478", alpha, rest[0], extras)[IRIS[SIDES[side]]]
    z = corners[:, 2].mean()
    outer, inner, at = (p[:2] - (p[2] - z) * sight[:2] / sight[2] for p in (*corners, iris))
    along = outer - inner
    down = np.array([-along[1], along[0]]) * (1 if side == 0 else -1)
    return np.array([(at - (outer + inner) / 2) @ axis for axis in (along, down)]) / (along @ along) + HABIT


@pytest.mark.parametrize("turn", [(0, 0, 0), (20, -30, 10), (-15, 35, -5)])
def test_what_is_seen_gives_the_look_for_any_pose_and_shape(model: FaceModel, turn: tuple[float, ...]) -> None:
    rng, seats = np.random.default_rng(0), Seats.of(model)
    sight = euler_to_matrix(*np.radians(turn)).T @ [0.0, 0.0, 1.0]
    for _ in range(5):
        alpha = rng.normal(0, 0.7, 99).astype(np.float32)
        extras = np.append(rng.uniform(-0.9, 0.9, 4), 0).astype(np.float32)
        for side in (0, 1):
            place = seen_place(model, alpha, extras, side, sight)
            look = seats.look(side, seats.of_face(alpha)[side], place, sight)
            np.testing.assert_allclose(look, extras[2 * side : 2 * side + 2], atol=1e-3)


def test_an_iris_where_none_can_be_gives_the_farthest_look(model: FaceModel) -> None:
    seats = Seats.of(model)
    look = seats.look(0, seats.of_face(np.zeros(99, np.float32))[0], np.array([3.0, 0.0]), np.array([0, 0, 1.0]))
    assert np.isfinite(look).all()
    assert look[0] > 1


def eyes(upper: float = 0.18, lower: float = 0.10, **changes: NDArray) -> EyesSeen:
    pair = (np.float32([v, v]) for v in (upper, lower, 1.0, 1.0))
    values = dict(zip(("upper", "lower", "certainty", "seen"), pair, strict=True)) | changes
    return EyesSeen(**values)


AHEAD = np.zeros(5, np.float32)


def test_eyes_at_rest_neither_blink_nor_squint_nor_widen() -> None:
    assert set(lids.weights(eyes(), AHEAD).values()) == {0.0}
    assert lids.openness(eyes()) == (1.0, 1.0)


def test_closed_lids_are_a_whole_blink_each_side_for_itself() -> None:
    wink = lids.weights(eyes(upper=0.18, lower=0.1), AHEAD) | {}
    assert wink["eyeBlinkLeft"] == 0
    closed = eyes(upper=np.float32(0.0), lower=0.03)
    assert lids.weights(closed, AHEAD)["eyeBlinkLeft"] == 1
    assert lids.weights(closed, AHEAD)["eyeSquintLeft"] == 0
    one = eyes()
    one.upper[1], one.lower[1] = 0.0, 0.03
    found = lids.weights(one, AHEAD)
    assert (found["eyeBlinkLeft"], found["eyeBlinkRight"]) == (0, 1)


def test_lids_that_follow_a_look_down_are_no_blink() -> None:
    lowered, down = eyes(upper=0.06, lower=0.11), np.float32([0, 0.4, 0, 0.4, 0])
    assert lids.weights(lowered, AHEAD)["eyeBlinkLeft"] > 0.2
    assert lids.weights(lowered, down)["eyeBlinkLeft"] == 0
    assert lids.weights(eyes(upper=0.0, lower=0.05), down)["eyeBlinkLeft"] == 1


def test_looks_are_sided() -> None:
    found = lids.weights(eyes(), np.float32([0.5, 0.2, 0.5, -0.3, 0]))
    looks = {name: value for name, value in found.items() if name.startswith("eyeLook") and value}
    assert looks == pytest.approx(
        {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5, "eyeLookDownLeft": 0.2, "eyeLookUpRight": 0.3}
    )


def test_a_raised_lower_lid_squints_and_a_high_upper_one_is_wide() -> None:
    assert lids.weights(eyes(upper=0.2, lower=0.03), AHEAD)["eyeSquintLeft"] > 0.5
    assert lids.weights(eyes(upper=0.30), AHEAD)["eyeWideRight"] > 0.7


def test_an_eye_that_is_not_seen_keeps_the_other_weights() -> None:
    own, other = (
        {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
        {"eyeBlinkLeft": 0.2, "eyeBlinkRight": 0.2, "jawOpen": 0.7},
    )
    found = lids.mixed([1.0, 0.0], own, other)
    assert found == {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 0.2, "jawOpen": 0.7}
