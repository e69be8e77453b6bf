"""Figures of merit on cases whose answers are known, and the protocol of AFLW2000-3D on rendered truth."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera, euler_to_matrix, geodesic_deg, mean_rotation
from realtime3d.training.evaluation import aflw
from realtime3d.training.evaluation import metrics as m
from realtime3d.training.evaluation.evaluate import BARS, table, write_report
from realtime3d.training.evaluation.photos import openings
from realtime3d.training.model.regions import LIP_GAPS, gap
from tests.helpers.paths import FACE_MODEL


def test_the_mean_of_rotations_about_one_is_that_one():
    R = euler_to_matrix(0.3, -0.2, 0.5)
    around = [R @ euler_to_matrix(0, s * 0.2, 0) for s in (-1, 1)]
    assert geodesic_deg(mean_rotation(around), R) < 1e-6


def test_angles_are_compared_on_the_circle():
    assert np.allclose(m.angle_difference([179, 10, -350], [-179, 350, 10]), [2, 20, 0])


def test_boxes_points_ranks_and_correlations():
    points = np.array([[0, 0], [4, 9], [2, 3]], dtype=float)
    assert m.box_of(points).tolist() == [0, 0, 4, 9] and m.box_size(m.box_of(points)) == 6
    assert m.point_error(points + np.array([3, 4]), points, 10) == pytest.approx(0.5)
    assert m.ranks([3, 1, 3, 2]).tolist() == [3.5, 1, 3.5, 2]
    assert m.spearman([1, 2, 3, 4], [1, 8, 27, 64]) == pytest.approx(1)
    assert m.spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1) and np.isnan(m.pearson([1, 1], [1, 2]))


def test_area_under_curve():
    assert m.auc([3, 4], [1, 2]) == 1 and m.auc([1, 2], [3, 4]) == 0 and m.auc([1, 1], [1, 1]) == 0.5


def test_alignment_takes_out_a_similarity_and_no_mirror():
    a = np.random.default_rng(0).normal(size=(30, 3))
    moved = 2.5 * a @ euler_to_matrix(0.4, 1, -0.3).T + (1, 2, 3)
    assert m.rms_mm(m.align_similarity(a, moved), moved) < 1e-9
    assert m.rms_mm(m.align_similarity(a * (-1, 1, 1), moved), moved) > 0.5


def test_the_set_s_angles_and_rotations_are_inverse_and_turn_as_described():
    rng = np.random.default_rng(1)
    for angles in rng.uniform(-85, 85, (20, 3)):
        assert np.allclose(aflw.to_angles(aflw.to_matrix(angles)), angles)
    half = np.radians(30)
    assert np.allclose(aflw.to_matrix(np.array([0, 30, 0]))[0], [np.cos(half), 0, -np.sin(half)])


@pytest.fixture
def folder(tmp_path):
    """Four blank pictures, one of them beyond the limit, with the points of a real head at known angles."""
    model = FaceModel.load(FACE_MODEL)
    angles = np.array([[5, 20, -10], [-12, -70, 4], [0, 45, 30], [10, 120, 0]], dtype=float)
    camera, points = Camera.from_fov(200, 200), []
    for a in angles:
        R = aflw.FLIP @ aflw.to_matrix(a) @ aflw.FLIP
        space = model.landmarks("ibug68", model.mean) @ R.T + (0, 0, 400)
        points.append(np.column_stack([camera.project(space), space[:, 2]]))
    names = np.array([f"p{i}" for i in range(4)])
    for name in names:
        cv2.imwrite(str(tmp_path / f"{name}.jpg"), np.zeros((200, 200, 3), np.uint8))
    np.savez(tmp_path / "labels.npz", name=names, pitch_yaw_roll_rad=np.radians(angles), pts68=np.array(points))
    return tmp_path


def perfect_look(data: aflw.Aflw, error_deg: float = 0.0):
    """A tracker that knows the truth, but for a constant turn and `error_deg` about the vertical."""
    constant, answers = euler_to_matrix(0.2, 0.1, 0), iter(zip(data.rotations, data.points, strict=True))

    def look(image, box):
        R, points = next(answers)
        pose = SimpleNamespace(R=aflw.FLIP @ R @ constant @ euler_to_matrix(0, np.radians(error_deg), 0) @ aflw.FLIP)
        assert box[0] == points[:, 0].min()
        return SimpleNamespace(
            pose=pose,
            landmarks=lambda name: points[:, :2] + (3, 4),
            raw=SimpleNamespace(pose_sigma_deg=1),
            confidence=1,
        )

    return look


def test_a_constant_difference_of_conventions_costs_nothing_and_points_are_by_box_size(folder):
    data = aflw.load(folder)
    found = aflw.figures(data, aflw.ask(data, perfect_look(data), lambda f: cv2.imread(str(f))))
    assert found["pictures"] == 3 and found["mean_angle_error"] < 1e-6 and found["geodesic"] < 1e-5
    sizes = m.box_size(m.box_of(data.points))
    assert found["points68"] == pytest.approx(np.mean(5 / sizes))
    assert {"geodesic_yaw_below_30", "geodesic_yaw_30_to_60", "geodesic_yaw_beyond_60"} <= set(found)


def test_errors_about_the_mean_are_seen(folder):
    data = aflw.load(folder)
    answers = aflw.ask(data, perfect_look(data), lambda f: cv2.imread(str(f)))
    answers.rotations[0] = answers.rotations[0] @ euler_to_matrix(0, 0.3, 0)
    found = aflw.figures(data, answers)
    assert 3 < found["geodesic"] < 17.2 and found["geodesic_yaw_below_30"] > found["geodesic_yaw_beyond_60"]


def test_a_missing_picture_is_told_and_none_is_dropped(folder):
    (folder / "p1.jpg").unlink()
    with pytest.raises(SourceError, match="none may be dropped"):
        aflw.load(folder)
    with pytest.raises(SourceError, match=r"labels\.npz"):
        aflw.load(folder / "nowhere")


def test_the_table_marks_what_reaches_its_bar(tmp_path):
    results = {"compact": {"aflw2000": {"geodesic": 7.0, "points68": 0.06}, "presence": {"auc": 0.995}}}
    text = table(results)
    assert "**7.00°**" in text and "| 6.00 % |" in text and "**0.995**" in text and "not measured" in text
    assert text.count("\n") == len(BARS) + 2
    assert write_report(tmp_path / "report", results).read_text(encoding="utf-8") == text


def test_openings_are_told_by_how_much_of_the_way_is_followed():
    """Heads that open their mouths half as far as the fits, and one photograph whose fit is not trusted."""
    model = FaceModel.load(FACE_MODEL)
    with np.load(FACE_MODEL) as data:
        jaw = data["arkit_to_motion"][:, list(model.arkit_names).index("jawOpen")]
    strength = np.array([0.0, 0.2, 0.4, 0.6, 0.9])
    fits = SimpleNamespace(
        alpha=np.zeros((5, model.n_shape), np.float32),
        motion=(strength[:, None] * jaw).astype(np.float32),
        residual=np.array([0.01, 0.01, 0.01, 0.01, 0.2]),
    )
    heads = [model.deform(model.mean, *np.split(part * jaw, [29])) for part in (*(strength[:4] / 2), 0.0)]
    found = openings(SimpleNamespace(model=model, fits=fits), heads)
    assert found["lip_gap_correlation"] > 0.99 and found["lip_gap_slope"] == pytest.approx(0.5, abs=0.03)
    lips = [gap(model, model.deform(model.mean, *np.split(s * jaw, [29])), LIP_GAPS) for s in strength[:4]]
    assert found["lip_gap_error_mm"] == pytest.approx(np.mean(lips) / 2, rel=0.1)
