"""A net's heads in the words of another face model: the same face from other numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

import torch

from realtime3d.face.model import FaceModel
from realtime3d.training.labels.calibration import Calibration, calibration_file
from realtime3d.training.learning.nets import NetConfig, ShapeNet, TrackNet
from realtime3d.training.learning.translate import Translation, _without_similarity
from tests.helpers.paths import FACE_MODEL
from tests.helpers.plain_model import plain_model_file

KEY = ("jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "eyeBlinkRight", "browDownLeft", "mouthPucker", "mouthLeft")


@pytest.fixture(scope="module")
def own_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face model of somebody's own: coarser, with components of other numbers, signs, sizes and order, and another
    usual face."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("own") / "own.npz"
    with np.load(plain_model_file()) as data:
        arrays = dict(data)
    turn = np.linalg.qr(rng.normal(size=(29, 29)))[0] * 1.5
    order, sizes = rng.permutation(99), rng.choice([-1.2, 0.8, 1.2], 99)
    noise = rng.normal(0, 0.05, arrays["expression_basis"].shape)
    arrays["expression_basis"] = np.einsum("kj,jvc->kvc", turn, arrays["expression_basis"]) + noise
    arrays["shape_basis"] = arrays["shape_basis"][order] * sizes[:, None, None]
    back = np.eye(34)
    back[:29, :29] = np.linalg.inv(turn).T
    arrays["arkit_to_motion"] = (back @ arrays["arkit_to_motion"]).astype(np.float32)
    arrays["retarget_cross"] = arrays["retarget_cross"] @ np.linalg.inv(back).astype(np.float32)
    np.savez(path, **arrays)
    before = Calibration.load(calibration_file(FACE_MODEL))
    usual = before.alpha[order] / sizes + rng.normal(0, 0.1, 99)
    Calibration(before.spread, before.offset, usual).save(calibration_file(path))
    return path


@pytest.fixture(scope="module")
def other(own_file: Path) -> Translation:
    return Translation.between(own_file, FACE_MODEL)


def test_the_same_model_keeps_its_numbers():
    same = Translation.between(FACE_MODEL, FACE_MODEL)
    assert np.abs(same.motion - np.eye(34)).max() < 0.2  # components that hardly move a landmark shrink
    assert np.abs(np.diag(same.motion)[:10] - 1).max() < 0.01


@pytest.mark.parametrize("name", KEY)
def test_an_action_stays_the_same_action(own_file, other, name):
    old, new = FaceModel.load(own_file), FaceModel.load(FACE_MODEL)
    with np.load(own_file) as data:
        motion = other.motion @ data["arkit_to_motion"][:, old.arkit_names.index(name)]
    weights = new.blendshapes(motion[: new.n_expression], motion[new.n_expression :])
    assert max(weights, key=lambda key: weights[key]) == name and weights[name] > 0.35


def test_what_differs_from_the_usual_face_stays_alike(own_file, other):
    """Up to shift, turn and size, which pose knows."""
    files = (own_file, FACE_MODEL)
    models = [FaceModel.load(file) for file in files]
    usual = [Calibration.load(calibration_file(file)).alpha for file in files]
    assert np.allclose(other.shape @ usual[0] + other.shape_constant, usual[1], atol=1e-4)
    rng, left, spread = np.random.default_rng(0), 0.0, 0.0
    for _ in range(6):
        alpha = usual[0] + rng.normal(0, 0.7, 99)
        both = (alpha, other.shape @ alpha + other.shape_constant)
        old, new = (
            m.landmarks("mediapipe478", m.neutral(a) - m.neutral(u))[:468]
            for m, a, u in zip(models, both, usual, strict=True)
        )
        mean = models[0].landmarks("mediapipe478", models[0].mean)[:468].astype(np.float64)
        a, b = _without_similarity(np.stack([old, new]).astype(np.float64), mean)
        left, spread = left + np.linalg.norm(a - b, axis=1).mean(), spread + np.linalg.norm(a, axis=1).mean()
    assert left < 0.6 * spread


def test_heads_answer_through_the_map_and_nothing_else_changes(other):
    torch.manual_seed(4)
    net = TrackNet(NetConfig(size=64)).eval()
    image = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        before = net(image)
        other.apply(net)
        after = net(image)
    motion = torch.cat([before["expression"], before["extras"]], dim=1) @ torch.from_numpy(other.motion).float().T
    assert torch.allclose(torch.cat([after["expression"], after["extras"]], dim=1), motion, atol=1e-4)
    shape = before["shape"] @ torch.from_numpy(other.shape).float().T + torch.from_numpy(other.shape_constant).float()
    assert torch.allclose(after["shape"], shape, atol=1e-3)
    for name in ("rotation", "position", "log_scale", "presence", "pose_log_sigma", "expression_log_sigma"):
        assert torch.equal(after[name], before[name])
    alone = ShapeNet(NetConfig(size=64)).eval()
    other.apply(alone)
    with torch.no_grad():
        assert alone(image)["shape"].shape == (2, 99)
