"""What tables have on request: columns and their order, rows of frames without faces, and all of it read back."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.avatar.options import SendOptions
from realtime3d.errors import OutputError, UsageError
from realtime3d.face.state import FaceState
from realtime3d.geometry import euler_to_matrix
from realtime3d.sinks.columns import landmark_columns, table_columns
from realtime3d.sinks.known import known_faces
from realtime3d.sinks.more import LANDMARK_SETS, MoreColumns
from realtime3d.sinks.read_back import read_recording
from realtime3d.sinks.tables import CsvSink, JsonlSink, TableOptions, last_time
from realtime3d.types import Pose
from tests.helpers.avatars import shipped_model
from tests.helpers.io_faces import face, result, tiny_model
from tests.helpers.io_sinks import CONTRACT
from tests.sinks.test_read_back import KINDS, SCENE, read, sink_of, written


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_landmarks_are_openfaces_columns_behind_all_others(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", SCENE[:1], raw=True, more=MoreColumns(landmarks="ibug68"))
    (row, _) = rows(path)
    names = list(row)
    assert names[: len(CONTRACT)] == CONTRACT
    assert names[-5 * 68 :] == [f"{axis}_{i}" for axis in "xyXYZ" for i in range(68)]
    shown = SCENE[0].faces[0]
    points = np.array([[float(row[f"{axis}_{i}"]) for axis in "xyXYZ"] for i in range(68)])
    assert points[:, :2] == pytest.approx(shown.landmarks(), abs=0.006)
    assert points[:, 2:] == pytest.approx(shown.landmarks_mm(), abs=0.006)


def test_landmarks_in_mm_are_those_in_the_picture() -> None:
    shown = face(0, 1)
    assert shown.camera.project(shown.landmarks_mm().astype(np.float64)) == pytest.approx(shown.landmarks(), abs=0.01)


def test_the_sets_are_the_models() -> None:
    model = shipped_model()
    assert {name: len(points.vertices) for name, points in model.landmark_sets.items()} == LANDMARK_SETS
    names = table_columns(TableOptions(model, more=MoreColumns(landmarks="mediapipe478")))
    assert names[-1] == "Z_477" and len(set(names)) == len(names)


def test_a_frame_without_faces_has_a_row(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", SCENE, more=MoreColumns(all_frames=True, landmarks="ibug68"))
    found = rows(path)
    assert [(row["frame"], row["face_id"], row["success"]) for row in found] == [
        ("0", "0", "1"),
        ("0", "3", "0"),
        ("1", "3", "1"),
        ("2", "-1", "0"),
        ("3", "-1", "0"),
        ("4", "0", "1"),
    ]
    nobody = found[3]
    assert nobody["timestamp"] == "0.080000" and float(nobody["confidence"]) == 0
    known = {"frame", "face_id", "timestamp", "confidence", "success"}
    assert {nobody[name] for name in nobody if name not in known} == {""}


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_is_read_back(tmp_path: Path, kind: str) -> None:
    more = MoreColumns(landmarks="ibug68", all_frames=True)
    path = written(tmp_path, kind, SCENE, blendshapes=True, raw=True, more=more)
    path.with_suffix(".json").unlink()  # without the camera only the table knows the landmarks
    found = list(read(path))
    assert [[f.id for f in one.faces] for one in found] == [[0, 3], [3], [], [], [0]]
    assert [one.frame.t_ns for one in found] == pytest.approx([one.frame.t_ns for one in SCENE], abs=2000)
    for before, after in zip(SCENE, found, strict=True):
        for a, b in zip(before.faces, after.faces, strict=True):
            assert b.landmarks() == pytest.approx(a.landmarks(), abs=0.01)
            assert b.landmarks_mm() == pytest.approx(a.landmarks_mm(), abs=0.01)
            assert b.raw.expression == pytest.approx(a.raw.expression, abs=1e-4)
            assert b.raw.extras == pytest.approx(a.raw.extras, abs=1e-4)
            assert b.raw.shape == pytest.approx(a.raw.shape, abs=1e-4)
            assert b.raw.presence == pytest.approx(a.raw.presence, abs=1e-4)
            assert pytest.approx(a.raw.pose.R, abs=1e-5) == b.raw.pose.R


def looking(face_id: int, seed: int) -> FaceState:
    return replace(face(face_id, seed), model=shipped_model())


def test_gaze_has_openfaces_angles_and_signs(tmp_path: Path) -> None:
    shown = replace(
        looking(0, 1), extras=np.array([0.8, 0.4, 0.8, 0.4, 0], np.float32), pose=Pose(np.eye(3), np.ones(3))
    )
    with CsvSink(tmp_path / "a.csv", TableOptions(shipped_model(), more=MoreColumns(gaze=True))) as sink:
        sink.write(result(0, 0.0, shown), None)
    (row,) = rows(tmp_path / "a.csv")
    names = ["gaze_angle_x", "gaze_angle_y", "gaze_left_pitch", "gaze_left_yaw", "gaze_right_pitch", "gaze_right_yaw"]
    assert list(row)[len(CONTRACT) :] == [*names, "gaze_confidence"]
    gaze = shown.gaze_deg()
    assert float(row["gaze_angle_x"]) > 0.1  # to the picture's right
    assert float(row["gaze_angle_x"]) == pytest.approx(-np.radians(gaze["camera"][1]), abs=1e-4)
    assert float(row["gaze_angle_y"]) > 0.03  # down
    assert [float(row[name]) for name in names[2:]] == pytest.approx([*gaze["left"], *gaze["right"]], abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_gaze_is_read_back(tmp_path: Path, kind: str) -> None:
    shown = [looking(0, 3), replace(looking(0, 4), pose=Pose(euler_to_matrix(0.3, 2.2, 0.1), np.ones(3)))]
    path = tmp_path / f"a.{kind}"
    with sink_of(kind)(path, TableOptions(shipped_model(), more=MoreColumns(gaze=True))) as sink:
        for i, one in enumerate(shown):
            sink.write(result(i, i / 25, one), None)
    for before, after in zip(shown, read_recording(path, shipped_model()), strict=True):
        a, b = before.gaze_deg(), after.faces[0].gaze_deg()
        for name in ("left", "right", "camera"):
            assert b[name] == pytest.approx(a[name], abs=0.002)
        assert b["confidence"] == pytest.approx(a["confidence"], abs=1e-4)


SHOWN = MoreColumns(action_units=True, emotions=True)
PY_FEAT = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]


def test_units_and_emotions_are_openfaces_and_py_feats_columns(tmp_path: Path) -> None:
    more = MoreColumns(gaze=True, action_units=True, emotions=True, landmarks="ibug68")
    with CsvSink(tmp_path / "a.csv", TableOptions(shipped_model(), blendshapes=True, raw=True, more=more)) as sink:
        sink.write(result(0, 0.0, looking(0, 1)), None)
    (row,) = rows(tmp_path / "a.csv")
    names = list(row)
    at = names.index("AU01_r")
    assert names[at - 1] == "gaze_confidence" and names[at + 16] == "AU45_r"
    assert names[at + 17 : at + 24] == PY_FEAT and names[at + 24] == "x_0"
    assert row["AU23_r"] == ""
    assert all(0 <= float(row[name]) <= 5 for name in names[at : at + 17] if name != "AU23_r")
    assert sum(float(row[name]) for name in PY_FEAT) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("kind", KINDS)
def test_units_and_emotions_are_read_back(tmp_path: Path, kind: str) -> None:
    shown, path = looking(0, 3), tmp_path / f"a.{kind}"
    with sink_of(kind)(path, TableOptions(shipped_model(), more=SHOWN)) as sink:
        sink.write(result(0, 0.0, shown), None)
    (one,) = read_recording(path, shipped_model())
    units, found = shown.action_units(), one.faces[0].action_units()
    assert found.pop("AU23") is units.pop("AU23") is None
    assert found == pytest.approx(units, abs=0.001)
    assert one.faces[0].emotions() == pytest.approx(shown.emotions(), abs=1e-4)


def test_tables_count_from_the_persons_own_neutral_face(tmp_path: Path) -> None:
    shown = looking(0, 3)
    rest = {name: value for name, value in shown.blendshapes().items() if value > 0}
    with CsvSink(tmp_path / "a.csv", TableOptions(shipped_model(), more=replace(SHOWN, neutral=rest))) as sink:
        sink.write(result(0, 0.0, shown), None)
    (row,) = rows(tmp_path / "a.csv")
    assert float(row["AU12_r"]) == pytest.approx(shown.action_units(rest)["AU12"], abs=0.001)
    assert float(row["neutral"]) == pytest.approx(shown.emotions(rest)["neutral"], abs=0.001)


def test_a_calibration_knows_the_neutral_face(tmp_path: Path) -> None:
    file = tmp_path / "me.toml"
    file.write_text("format = 1\n[weights.browDown]\nneutral = 0.2\n")
    assert SendOptions(calibration=file).neutral() == {"browDownLeft": 0.2, "browDownRight": 0.2}
    assert SendOptions().neutral() is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_that_was_not_looked_at_stays_unknown(tmp_path: Path, kind: str) -> None:
    (one,) = read(written(tmp_path, kind, [result(0, 0.0, face(0, 1, saw_shape=False))], raw=True))
    assert one.faces[0].raw.shape is None and one.faces[0].shape is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_of_nobody_is_a_table_too(tmp_path: Path, kind: str) -> None:
    empty = [result(i, i / 25) for i in range(3)]
    found = list(read(written(tmp_path, kind, empty, more=MoreColumns(all_frames=True))))
    assert [(one.frame.index, one.faces) for one in found] == [(0, ()), (1, ()), (2, ())]


def test_a_killed_run_goes_on_behind_frames_without_faces(tmp_path: Path) -> None:
    options = {"more": MoreColumns(all_frames=True, landmarks="ibug68")}
    path = written(tmp_path, "csv", SCENE[:4], **options)
    assert last_time(path) == 0.12
    faces = known_faces({"csv": path}, 0.12)
    assert faces is not None and [known.id for known in faces] == [0, 3, 3]
    with CsvSink(path, TableOptions(tiny_model(), resume_s=0.12, **options)) as sink:
        for one in SCENE[3:]:
            sink.write(one, None)
    again = tmp_path / "again"
    again.mkdir()
    assert path.read_bytes() == written(again, "csv", SCENE, **options).read_bytes()


def test_other_columns_are_another_run(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", SCENE)
    other = TableOptions(tiny_model(), resume_s=0.1, more=MoreColumns(landmarks="ibug68"))
    with pytest.raises(OutputError, match="other columns"), CsvSink(path, other):
        pass


def test_lines_have_points_as_lists(tmp_path: Path) -> None:
    with JsonlSink(tmp_path / "a.jsonl", TableOptions(tiny_model(), more=MoreColumns(landmarks="ibug68"))) as sink:
        sink.write(SCENE[0], None)
    found = json.loads((tmp_path / "a.jsonl").read_text())["faces"][0]
    assert np.shape(found["landmarks"]) == (68, 2) and np.shape(found["landmarks_mm"]) == (68, 3)


def test_landmarks_that_there_are_not_are_refused() -> None:
    with pytest.raises(UsageError, match="choose from ibug68, mediapipe478"):
        MoreColumns(landmarks="dlib5")


def test_the_larger_set_is_read_back_as_such(tmp_path: Path) -> None:
    assert set(landmark_columns("ibug68", "xy")) < set(landmark_columns("mediapipe478", "xy"))
    path = tmp_path / "a.csv"
    model = shipped_model()
    shown = replace(face(0, 1), model=model)
    with CsvSink(path, TableOptions(model, more=MoreColumns(landmarks="mediapipe478"))) as sink:
        sink.write(result(0, 0.0, shown), None)
    (one,) = read_recording(path, model)
    assert one.faces[0].landmarks("mediapipe478") == pytest.approx(shown.landmarks("mediapipe478"), abs=0.01)
    assert one.faces[0].landmarks("ibug68").shape == (68, 2)


def test_a_killed_run_whose_rows_end_with_empty_cells_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", [result(0, 0.0, face(2, 1, saw_shape=False))], raw=True)
    faces = known_faces({"csv": path}, 1.0)
    assert faces is not None and [known.id for known in faces] == [2]
