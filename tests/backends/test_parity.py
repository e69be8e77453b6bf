"""The gate: its crops, its measures against hand-made answers, its limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d.backends import parity
from realtime3d.backends.choose import create_backend
from realtime3d.face.model import FaceModel
from realtime3d.geometry import euler_to_matrix
from realtime3d.nets import modelset
from tests.helpers.tiny_nets import SIZE


def answers(model: FaceModel, yaw_deg: float = 0.0) -> dict[str, np.ndarray]:
    R = euler_to_matrix(0, np.radians(yaw_deg), 0)
    return {
        "rotation": np.array([[1, 0, 0, 0, 1, 0], R.T.ravel()[:6]], dtype=np.float32),
        "position": np.zeros((2, 2), np.float32),
        "log_scale": np.zeros((2, 1), np.float32),
        "presence": np.zeros((2, 1), np.float32),
        "expression": np.zeros((2, model.n_expression), np.float32),
        "shape": np.zeros((2, model.n_shape), np.float32),
    }


def test_the_crops_are_whole_and_differ() -> None:
    crops = parity.crops(112)
    assert crops.shape == (24, 112, 112, 3) and crops.dtype == np.uint8 and crops.flags.c_contiguous
    assert all((crops[i] != crops[j]).any() for i in range(24) for j in range(i))
    border = np.abs(np.diff(crops.astype(int), axis=2)).mean(axis=(0, 1, 3))
    assert border.max() < 4 * border.mean()  # a sheet cut in the wrong places has seams
    assert parity.crops(SIZE).shape == (24, SIZE, SIZE, 3)


def test_every_difference_in_its_unit(model: FaceModel) -> None:
    expected, found = answers(model), answers(model, yaw_deg=0.25)
    found["position"][1, 0] = -0.003
    found["log_scale"][0] = 0.002
    found["presence"][1] = 0.04  # around 0 a logit's sigmoid has a slope of a quarter
    found["expression"][1, 3] = 0.02
    found["shape"][0, 0] = -0.03
    differences = parity.differences(found, expected, model)
    assert differences["rotation_deg"] == pytest.approx(0.25, abs=1e-4)
    assert differences["position"] == pytest.approx(0.003, abs=1e-6)
    assert differences["log_scale"] == pytest.approx(0.002, abs=1e-6)
    assert differences["presence"] == pytest.approx(0.01, abs=1e-4)
    moved = np.linalg.norm(model.deform(model.mean, np.eye(29)[3] * 0.02) - model.mean, axis=1)
    assert differences["expression_mm"] == pytest.approx(np.sqrt((moved**2).mean()), rel=1e-3)
    moved = np.linalg.norm(model.neutral(np.eye(99)[0] * 0.03) - model.mean, axis=1)
    assert differences["shape_mm"] == pytest.approx(np.sqrt((moved**2).mean()), rel=1e-3)


def test_small_angles_are_exact(model: FaceModel) -> None:
    found = parity.differences(answers(model, 1e-3), answers(model), model)["rotation_deg"]
    assert found == pytest.approx(1e-3, rel=0.02)


def test_a_net_is_equal_to_itself(net_folder: Path, model: FaceModel) -> None:
    net = create_backend("onnxruntime").load(modelset.find(str(net_folder)).nets["track"])
    found = parity.answers(net, parity.crops(SIZE))
    assert len(found["rotation"]) == 24
    differences = parity.differences(found, found, model)
    assert set(differences) == {"rotation_deg", "position", "log_scale", "presence", "expression_mm"}
    assert parity.beyond(differences) == []


def test_crops_without_a_head_count_for_presence_only(model: FaceModel) -> None:
    rows = parity.HEADS + 2
    expected = {name: np.resize(values[:1], (rows, values.shape[1])) for name, values in answers(model).items()}
    found = {name: values.copy() for name, values in expected.items()}
    for values in found.values():
        values[parity.HEADS :] += 0.5
    differences = parity.differences(found, expected, model)
    assert differences.pop("presence") == pytest.approx(0.1225, abs=1e-3)
    assert max(differences.values()) == 0


@pytest.mark.parametrize(("value", "bad"), [(0.3, False), (0.3001, True), (float("nan"), True), (float("inf"), True)])
def test_limits(value: float, bad: bool) -> None:
    assert bool(parity.beyond({"rotation_deg": value, "presence": 0.0})) is bad


def test_a_difference_that_has_no_limit_is_beyond() -> None:
    assert parity.beyond({"smell": 0.0}) == ["smell 0 (limit nan)"]


def test_an_answer_that_is_no_number_is_beyond_the_limits(model: FaceModel) -> None:
    found = answers(model)
    found["expression"][0, 0] = np.nan
    (text,) = parity.beyond(parity.differences(found, answers(model), model))
    assert text.startswith("expression_mm nan")


def test_poses_of_imported_nets_have_limits_of_their_own(model: FaceModel) -> None:
    camera = np.array([[0.1, 0.2, 0.0, 5, 6, 2000], [0, 0, 0, 1, 2, 2500]], np.float32)
    other = camera + np.array([[0, 0, 0, 0, 0, 4], [0.004, 0, 0, 0, 0, 0]], np.float32)
    differences = parity.differences({"camera_pose": other}, {"camera_pose": camera}, model)
    assert differences["camera_place"] == pytest.approx(0.002, rel=1e-3)
    assert differences["camera_deg"] == pytest.approx(np.degrees(0.004), rel=1e-3)
    assert parity.beyond(differences) == []
    scaled = np.array([[8e-4, 0.1, 0.2, 0.3, 110, 120]], np.float32)
    other = scaled * np.array([1.01, 1, 1, 1, 1, 1], np.float32) + np.array([0, 0, 0.01, 0, 0, 2.24], np.float32)
    differences = parity.differences({"scaled_pose": other}, {"scaled_pose": scaled}, model)
    assert differences["scaled_size"] == pytest.approx(0.01, rel=1e-3)
    assert differences["scaled_deg"] == pytest.approx(np.degrees(0.01), rel=1e-3)
    assert differences["scaled_place"] == pytest.approx(0.01, rel=1e-3)
    assert [text.split()[0] for text in parity.beyond(differences)] == ["scaled_deg", "scaled_size", "scaled_place"]


def test_nets_whose_answers_have_no_measure_are_known() -> None:
    assert parity.measures(("gaze", "something")) and not parity.measures(("mask", "detail"))
