"""The nets that ship, on a real photograph, through the real detector and back end."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from realtime3d import FaceTracker
from realtime3d.backends.choose import create_backend, open_nets
from realtime3d.detect.mediapipe_box import MediaPipeBoxes
from realtime3d.errors import MissingError
from realtime3d.geometry import euler_to_matrix, geodesic_deg
from realtime3d.nets import modelset
from realtime3d.types import Frame, Image

TIGHT = [181.0, 83, 268, 168]  # brows to chin, cheek to cheek


@pytest.fixture(scope="module")
def portrait() -> Image:
    """A public-domain portrait, 512 x 512, one face that looks nearly into the camera."""
    return np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[..., ::-1])


@pytest.fixture(scope="module", params=["onnxruntime", "openvino-bf16"])
def tracker(request: pytest.FixtureRequest) -> Iterator[FaceTracker]:
    try:
        create_backend(request.param)
    except MissingError as error:
        pytest.skip(str(error))
    with FaceTracker(backend=request.param, fov=60) as opened:
        yield opened


def test_the_list_is_complete_and_every_hash_is_right() -> None:
    for name in modelset.names():
        found = modelset.find(name)
        found.check()
        assert found.status in ("preview", "released")
        assert all(file.facts.get("licence") and file.facts.get("provenance") for file in found.files.values())


@pytest.mark.parametrize("name", [name for name in modelset.names() if modelset.find(name).status == "released"])
def test_every_net_is_let_through_in_bfloat16(name: str) -> None:
    try:
        create_backend("openvino-bf16")
    except MissingError as error:
        pytest.skip(str(error))
    for net in open_nets(modelset.find(name).nets, "openvino-bf16")[1].values():
        net.close()


def test_a_face_is_there_with_the_first_frame(tracker: FaceTracker, portrait: Image) -> None:
    tracker.reset()
    (face,) = tracker.process(portrait, t=0).faces
    assert (face.id, face.status) == (0, "tracked")
    assert face.confidence > 0.9
    assert np.abs(face.euler_deg()).max() < 30
    assert face.pose.t[2] == pytest.approx(590, rel=0.2)  # from the size of a usual head and the default lens
    assert np.abs(face.box - TIGHT).max() < 20


def test_tight_and_detector_boxes_give_the_same_face(tracker: FaceTracker, portrait: Image) -> None:
    (found,) = MediaPipeBoxes().detect(Frame(0, 0, portrait))
    generous = np.array(TIGHT) + np.array([-15, -20, 15, 20])
    tight, detected, loose = tracker.process_boxes(portrait, np.array([TIGHT, found.xyxy, generous])).faces
    for other in (detected, loose):
        assert geodesic_deg(tight.pose.R, other.pose.R) < 6
        assert np.abs(tight.box - other.box).max() < 8
        assert np.abs(tight.vertices() - other.vertices()).max() / tight.pose.t[2] < 0.1


def test_a_single_picture_of_an_unknown_camera_is_a_portrait(tracker: FaceTracker, portrait: Image) -> None:
    (near,) = tracker.process_boxes(portrait, [TIGHT]).faces
    with FaceTracker(backend="onnxruntime") as unknown:
        (face,) = unknown.process_boxes(portrait, [TIGHT]).faces
    assert face.pose.t[2] == pytest.approx(1000, rel=0.15) and near.pose.t[2] < 750
    assert np.abs(face.box - near.box).max() < 8  # the same pixels, another camera


def test_a_face_of_twenty_pixels_is_found_and_followed(tracker: FaceTracker, portrait: Image) -> None:
    small = cv2.resize(portrait, (118, 118), interpolation=cv2.INTER_AREA)
    place = np.array(TIGHT) * 118 / 512
    tracker.reset()
    results = [tracker.process(small, t=i / 30) for i in range(20)]
    assert {(face.id, face.status) for result in results for face in result.faces} == {(0, "tracked")}
    assert all(np.abs(result.faces[0].box - place).max() < 4 for result in results)
    (face,) = tracker.process_boxes(small, [place]).faces
    assert face.confidence > 0.9
    assert np.abs(face.box - place).max() < 4


def test_a_box_without_a_face_is_answered_with_low_confidence(tracker: FaceTracker) -> None:
    y, x = np.mgrid[:480, :640]
    wall = np.stack([140 + x // 16, 150 + y // 12, np.full_like(x, 160)], axis=-1).astype(np.uint8)
    boxes = [[60, 60, 160, 160], [300, 200, 420, 330], [10, 300, 60, 350]]
    assert max(face.confidence for face in tracker.process_boxes(wall, boxes).faces) < 0.5


def test_a_face_in_the_corner_has_the_same_rotation(tracker: FaceTracker, portrait: Image) -> None:
    """The picture as a camera would see it that is turned away from the face."""
    camera = tracker.process_boxes(portrait, [TIGHT]).camera
    assert camera is not None
    turn = euler_to_matrix(np.radians(-12), np.radians(14), 0)
    H = camera.K @ turn @ np.linalg.inv(camera.K)
    turned = cv2.warpPerspective(portrait, H, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    corners = np.array([[TIGHT[0], TIGHT[1]], [TIGHT[2], TIGHT[3]]])
    moved = camera.project(camera.rays(corners) @ turn.T).ravel()
    (middle,), (corner,) = (
        tracker.process_boxes(image, [box]).faces for image, box in ((portrait, TIGHT), (turned, moved))
    )
    assert np.linalg.norm((corner.box - middle.box)[:2]) > 100
    assert geodesic_deg(turn @ middle.pose.R, corner.pose.R) < 3


def test_a_still_face_stays_one_face_and_freezes_its_identity(tracker: FaceTracker, portrait: Image) -> None:
    tracker.reset()
    rng = np.random.default_rng(0)
    results = []
    for i in range(150):
        noisy = np.clip(portrait + rng.normal(0, 3, (1, 1, 3)), 0, 255).astype(np.uint8)
        results.append(tracker.process(noisy, t=i / 15))
    assert {face.id for result in results for face in result.faces} == {0}
    assert results[-1].faces[0].identity.frozen
    assert "shape" not in {stage for stage, seconds in results[-1].timings.items() if seconds > 1e-3}


def test_a_preview_says_so(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelset, "_said", set())
    with caplog.at_level(logging.WARNING), FaceTracker(backend="onnxruntime") as tracker:
        preview = tracker.model_set.status == "preview"
    assert [r.levelname for r in caplog.records if "preview" in r.getMessage()] == ["WARNING"] * preview
