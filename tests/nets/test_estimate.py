"""From crops to coefficients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.backends.base import Answers, NetSpec
from realtime3d.backends.fake import frontal_face
from realtime3d.clock import Stopwatch
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera, euler_to_matrix, geodesic_deg
from realtime3d.nets.estimate import Estimator
from realtime3d.types import Pose

TRACK = ("rotation", "position", "log_scale", "presence", "pose_log_sigma", "expression", "extras")
CAMERA = Camera.from_fov(640, 480)
POSE = Pose(euler_to_matrix(0.1, 0.2, 0.3), np.array([30.0, -20, 700]))


class RecordingNet:
    """Keeps its inputs and answers from one buffer that it overwrites, as nets may."""

    def __init__(self, part: str, size: int, outputs: tuple[str, ...], change: Answers | None = None) -> None:
        self.spec = NetSpec(f"test.{part}", Path(part), "", "image", size, outputs)
        self.inputs: list[np.ndarray] = []
        self.closed = 0
        self._change = change or {}
        self._buffers: dict[str, np.ndarray] = {}

    def run(self, images: np.ndarray) -> Answers:
        self.inputs.append(images)
        for name, values in {**frontal_face(self.spec, images), **self._change}.items():
            values = values + 0.01 * len(self.inputs) if name in ("expression", "shape") else values
            self._buffers.setdefault(name, np.empty_like(values))[...] = values
        return {name: self._buffers[name] for name in self.spec.outputs}

    def close(self) -> None:
        self.closed += 1


def estimator(shape_size: int = 64, change: Answers | None = None) -> tuple[Estimator, RecordingNet, RecordingNet]:
    track, shape = RecordingNet("track", 64, TRACK, change), RecordingNet("shape", shape_size, ("shape",))
    return Estimator(track, shape), track, shape


def picture() -> np.ndarray:
    x, y = np.meshgrid(np.arange(640), np.arange(480))
    return np.stack([x * 0.4, y * 0.5, 255 - x * 0.4], axis=-1).astype(np.uint8)


def test_a_frontal_answer_looks_along_the_ray_of_its_crop() -> None:
    subject, _, _ = estimator()
    crop = subject.pose_crop(POSE)
    (coeffs,) = subject.estimate(picture(), CAMERA, [crop])
    assert coeffs.shape is None
    assert coeffs.presence == pytest.approx(1 / (1 + np.exp(-6)))
    assert coeffs.pose_sigma_deg == 1
    assert geodesic_deg(coeffs.pose.R, crop.R.T) < 1e-9
    assert coeffs.expression.dtype == coeffs.extras.dtype == np.float32


def test_results_outlive_the_nets_buffers() -> None:
    subject, _, _ = estimator()
    crops = [subject.pose_crop(POSE)]
    (first,) = subject.estimate(picture(), CAMERA, crops, [True])
    assert first.shape is not None
    kept = (first.expression.copy(), first.shape.copy())
    subject.estimate(picture(), CAMERA, crops, [True])
    np.testing.assert_array_equal(first.expression, kept[0])
    np.testing.assert_array_equal(first.shape, kept[1])


def test_shape_is_asked_only_where_wanted_and_never_for_nothing() -> None:
    subject, track, shape = estimator()
    crops = [subject.pose_crop(replace(POSE, t=POSE.t + np.array([x, 0, 0]))) for x in (-100, 0, 100)]
    answers = subject.estimate(picture(), CAMERA, crops, [False, True, False])
    assert [a.shape is not None for a in answers] == [False, True, False]
    np.testing.assert_array_equal(shape.inputs[0][0], track.inputs[0][1])
    subject.estimate(picture(), CAMERA, crops, [False] * 3)
    subject.estimate(picture(), CAMERA, [], [])
    assert (len(track.inputs), len(shape.inputs)) == (2, 1)


def test_nets_of_different_sizes_see_the_same_part_of_the_picture() -> None:
    subject, track, shape = estimator(shape_size=128)
    subject.estimate(picture(), CAMERA, [subject.pose_crop(POSE)], [True])
    small, large = track.inputs[0][0].astype(float), shape.inputs[0][0].astype(float)
    assert large.shape == (128, 128, 3)
    assert np.abs(large.reshape(64, 2, 64, 2, 3).mean((1, 3)) - small).max() < 3


def test_time_is_measured_by_stage() -> None:
    subject, _, _ = estimator()
    watch = Stopwatch()
    subject.estimate(picture(), CAMERA, [subject.pose_crop(POSE)], [True], watch)
    assert list(watch.seconds) == ["crop", "nets", "shape"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", TRACK)
def test_what_is_no_number_is_refused_with_the_nets_name(name: str, value: float) -> None:
    width = frontal_face(NetSpec("", Path(), "", "", 8, (name,)), np.zeros((1, 8, 8, 3), np.uint8))[name].shape[1]
    subject, _, _ = estimator(change={name: np.full((1, width), value, np.float32)})
    with pytest.raises(MissingError, match=rf"net test\.track gave no number for '{name}'"):
        subject.estimate(picture(), CAMERA, [subject.pose_crop(POSE)])


@pytest.mark.parametrize("log_scale", [-1e30, -800, 800, 1e30])
def test_absurd_scales_stay_finite(log_scale: float) -> None:
    subject, _, _ = estimator(change={"log_scale": np.array([[log_scale]], np.float32)})
    (coeffs,) = subject.estimate(picture(), CAMERA, [subject.pose_crop(POSE)])
    assert np.isfinite(coeffs.pose.t).all()
    assert coeffs.pose.t[2] > 0


def test_warm_up_refuses_nets_without_an_output(model: FaceModel) -> None:
    track, shape = RecordingNet("track", 64, TRACK[:-1]), RecordingNet("shape", 64, ("shape",))
    with pytest.raises(MissingError, match="extras is missing"):
        Estimator(track, shape).warm_up(model)


def test_close_closes_both_nets() -> None:
    subject, track, shape = estimator()
    subject.close()
    assert (track.closed, shape.closed) == (1, 1)


def test_three_views_of_each_face_are_averaged() -> None:
    rows = np.repeat([[1.0], [2], [3], [4], [8], [9]], 29, axis=1).astype(np.float32)  # wider views of both come first
    subject, track, shape = estimator(change={"expression": rows})
    crops = [subject.pose_crop(POSE), subject.pose_crop(replace(POSE, t=POSE.t + np.array([90, 0, 0])))]
    first, second = subject.estimate_surely(picture(), CAMERA, crops)
    assert first.expression == pytest.approx(4.01) and second.expression == pytest.approx(5.01)
    assert first.shape == pytest.approx(0.01)
    assert [len(images) for net in (track, shape) for images in net.inputs] == [6, 6]
    (plain, *_) = subject.estimate(picture(), CAMERA, crops * 3)
    assert geodesic_deg(first.pose.R, plain.pose.R) < 1e-6
    assert first.pose.t == pytest.approx(plain.pose.t, rel=2e-3)  # nearer and wider by as much: as far on average
    assert subject.estimate_surely(picture(), CAMERA, []) == []
