"""Fits find again what posed the landmarks, and calibration finds MediaPipe's habits."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import euler_to_matrix, geodesic_deg
from realtime3d.training.labels.calibration import Calibration
from realtime3d.training.labels.fit import calibrate, fit, fit_in_chunks
from realtime3d.training.model.regions import LID_GAPS, LIP_GAPS, gap
from tests.helpers.plain_model import KINDS, model_file

PEOPLE = 12
SIZE = np.array([400, 500], dtype=np.int32)
DISTANCE, FOCAL = 1000.0, 1300.0


@pytest.fixture(scope="module", params=KINDS)
def file(request):
    return model_file(request.param)


@pytest.fixture(scope="module")
def model(file) -> FaceModel:
    return FaceModel.load(file)


@pytest.fixture(scope="module")
def to_motion(file):
    with np.load(file) as data:
        return data["arkit_to_motion"]


def plain(offset=0.0) -> Calibration:
    return Calibration(np.full(478, 1.0), np.zeros((478, 3)) + offset, np.zeros(99))


def pictures(model, to_motion, R, actions, offset=0.0, seed=0):
    """Landmarks (N, 478, 2) px of people of drawn shapes, and their shapes."""
    rng = np.random.default_rng(seed)
    alpha = 0.3 * rng.normal(size=(len(R), model.n_shape)).astype(np.float32)
    on = model.landmark_sets["mediapipe478"].on
    seen = []
    for k in range(len(R)):
        head = model.deform(model.neutral(alpha[k]), *np.split(to_motion @ actions[k], [model.n_expression]))
        p = (on(head) + offset) @ R[k].T + (5.0, -10.0, DISTANCE)
        seen.append(FOCAL * p[:, :2] / p[:, 2:] + (SIZE - 1) / 2)
    return np.array(seen, dtype=np.float32), alpha


def test_pose_and_actions_come_back(model, to_motion):
    rng = np.random.default_rng(1)
    R = np.stack([euler_to_matrix(*np.radians(rng.normal(0, [6, 15, 8]))) for _ in range(PEOPLE)])
    names = list(model.arkit_names)
    actions = np.zeros((PEOPLE, len(names)), dtype=np.float32)
    jaw, smiles = names.index("jawOpen"), [names.index("mouthSmileLeft"), names.index("mouthSmileRight")]
    actions[::2, jaw] = 0.7
    actions[1::2, smiles] = 0.8
    points, _ = pictures(model, to_motion, R, actions)
    found = fit(model, to_motion, plain(), [f"{k}.jpg" for k in range(PEOPLE)], points, np.tile(SIZE, (PEOPLE, 1)))
    assert np.median(geodesic_deg(found.R, R)) < 3.0
    assert found.residual.max() < 0.02
    assert found.actions[::2, jaw].min() > 0.45 and found.actions[1::2, jaw].max() < 0.2
    assert found.actions[1::2, smiles].mean() > found.actions[::2, smiles].mean() + 0.3


def test_lids_and_lips_open_as_far_as_the_landmarks(model, to_motion):
    """Lids that are closed come out closed, though MediaPipe leaves a gap there."""
    names, pairs = list(model.arkit_names), {"lids": LID_GAPS, "lips": LIP_GAPS}
    actions = np.zeros((PEOPLE, len(names)), dtype=np.float32)
    blink = [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]
    actions[::3, blink] = 1.0
    actions[1::3, blink] = 0.3
    actions[::2, names.index("jawOpen")] = 0.3
    points, alpha = pictures(model, to_motion, np.stack([np.eye(3)] * PEOPLE), actions)
    true = openings(model, alpha, actions @ to_motion.T, pairs)
    lids = np.unique(LID_GAPS)
    points[::3, lids, 1] += np.where(np.isin(lids, np.array(LID_GAPS)[:, 1]), 0.7, -0.7) * FOCAL / DISTANCE
    found = fit(model, to_motion, plain(), [f"{k}.jpg" for k in range(PEOPLE)], points, np.tile(SIZE, (PEOPLE, 1)))
    fitted = openings(model, found.alpha, found.motion, pairs)
    ajar = max(0.0, float(true["lids"][::3].max()))  # not every head of the scans shuts its eyes at a blink of 1
    assert fitted["lids"][::3].max() < 1.2 + ajar and np.abs(fitted["lids"] - true["lids"]).max() < 1.2
    assert np.abs(fitted["lips"] - true["lips"]).max() < 1.0 and true["lips"][::2].min() > 6


def openings(model, alpha, motion, pairs):
    """(N,) mm for each of some sets of landmarks' pairs."""
    heads = [model.deform(model.neutral(a), *np.split(m, [29])) for a, m in zip(alpha, motion, strict=True)]
    return {name: np.array([gap(model, head, p) for head in heads]) for name, p in pairs.items()}


def test_a_small_look_aside_is_found_and_both_eyes_look_the_same_way(model, to_motion):
    names, people = list(model.arkit_names), 4
    actions = np.zeros((people, len(names)), dtype=np.float32)
    actions[::2, [names.index("eyeLookOutLeft"), names.index("eyeLookInRight")]] = 0.25
    points, _ = pictures(model, to_motion, np.stack([np.eye(3)] * people), actions)
    points[:, 468:473, 0] -= 1.0  # an iris that is seen where it is not
    points[:, 473:, 0] += 1.0
    found = fit(model, to_motion, plain(), [f"{k}.jpg" for k in range(people)], points, np.tile(SIZE, (people, 1)))
    left, right = found.motion[:, 29], found.motion[:, 31]
    assert np.abs(left - right).max() < 0.08
    assert ((left + right) / 2)[::2].min() > 0.12 and np.abs((left + right) / 2)[1::2].max() < 0.1


def test_pictures_of_one_person_share_an_identity_wherever_they_stand(model, to_motion):
    """Chunks keep them together, and answers come in the order of the files."""
    names = ["london_001_03.jpg", "a.jpg", "london_002_03.jpg", "b.jpg", "london_001_08.jpg", "london_002_08.jpg"]
    points, _ = pictures(model, to_motion, np.stack([np.eye(3)] * len(names)), np.zeros((len(names), 52)))
    sizes = np.tile(SIZE, (len(names), 1))
    found = fit_in_chunks(model, to_motion, plain(), names, points, sizes, chunk=3)
    assert found.files == tuple(names)
    assert (found.landmarks == points).all()
    for one, other in ((0, 4), (2, 5)):
        assert (found.alpha[one] == found.alpha[other]).all()
    different = {tuple(row) for row in found.alpha}
    assert len(different) == 4
    assert found.residual.max() < 0.03


def test_calibration_finds_a_shifted_landmark_and_the_usual_face(model, to_motion, tmp_path):
    R = np.stack([np.eye(3)] * PEOPLE)
    offset = np.zeros((478, 3))
    offset[[159, 386], 1] = 3.0
    points, _ = pictures(model, to_motion, R, np.zeros((PEOPLE, len(model.arkit_names))), offset)
    found = calibrate(model, to_motion, plain(), points, np.tile(SIZE, (PEOPLE, 1)))
    assert found.offset[[159, 386], 1] == pytest.approx([3.0, 3.0], abs=0.9)  # a quarter goes into the shapes
    assert np.median(np.linalg.norm(found.offset, axis=1)) < 0.5
    found.save(tmp_path / "c.npz")
    assert np.allclose(Calibration.load(tmp_path / "c.npz").offset, found.offset, atol=1e-5)


def test_a_broken_calibration_is_told(tmp_path):
    (tmp_path / "c.npz").write_bytes(b"no calibration")
    with pytest.raises(SourceError, match=r"c\.npz cannot be read.*face-model"):
        Calibration.load(tmp_path / "c.npz")
