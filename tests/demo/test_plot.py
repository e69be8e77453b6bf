"""The plot of pose and coefficients over time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d.demo import load_truth, plot
from realtime3d.demo.plot import moved_mm, read_face, strongest
from realtime3d.errors import OutputError, UsageError
from realtime3d.geometry import matrix_to_head_angles

COLUMNS = ["frame", "face_id", "timestamp", "confidence", "success", "pose_Tx", "pose_Ty", "pose_Tz"]
COLUMNS += ["box_x", "box_y", "box_w", "box_h", "head_pitch", "head_yaw", "head_roll", *(f"exp_{k}" for k in range(29))]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """What a perfect tracker would write of the demo clip, and a second face of three frames."""
    truth = load_truth()
    rows = [",".join(COLUMNS)]
    for k in np.flatnonzero(truth.visible > 0.5):
        values = [
            k,
            1,
            truth.time[k],
            0.9,
            1,
            *truth.t[k],
            0,
            0,
            1,
            1,
            *np.degrees(matrix_to_head_angles(truth.R[k])),
            *truth.expression[k],
        ]
        rows.append(",".join(map(str, values)))
        if k < 3:
            rows.append(",".join(map(str, [k, 7, *values[2:]])))
    path = tmp_path / "demo.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_picture_with_and_without_the_truth(table: Path, tmp_path: Path, model) -> None:
    pictures = []
    for name, truth in (("with", load_truth()), ("without", None)):
        plot(table, truth, tmp_path / f"{name}.png", model)
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None and picture.shape[0] > 600 and picture.shape[1] > 800
        assert (picture < 128).any()
        pictures.append(picture)
    assert (pictures[0] != pictures[1]).any()


def test_the_face_with_most_rows_is_shown(table: Path) -> None:
    assert set(read_face(table)["face_id"]) == {1.0}


def test_the_strongest_coefficients_are_those_that_move_the_skin_most(table: Path, model) -> None:
    mm = moved_mm(model)
    moved = load_truth().expression.std(axis=0) * mm
    chosen = strongest(read_face(table), load_truth(), mm)
    assert moved[chosen].min() >= np.sort(moved)[-4]
    assert len(strongest(read_face(table), None, mm)) == 4


@pytest.mark.parametrize("text", ["", "frame,face_id\n", "a,b\n1,2\n", "face_id,timestamp\n1,x\n"])
def test_tables_that_cannot_be_plotted_are_refused(text: str, tmp_path: Path, model) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"bad\.csv"):
        plot(path, None, tmp_path / "out.png", model)
    assert not (tmp_path / "out.png").exists()


def test_a_table_cut_off_in_its_last_row_is_fine(table: Path, tmp_path: Path, model) -> None:
    text = table.read_text()
    table.write_text(text[: text.rstrip().rfind(",", 0, len(text) - 40)])
    plot(table, None, tmp_path / "cut.png", model)
    assert (tmp_path / "cut.png").exists()


def test_missing_files_and_folders_are_said(table: Path, tmp_path: Path, model) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        plot(tmp_path / "nowhere.csv", None, tmp_path / "out.png", model)
    with pytest.raises(OutputError, match="cannot write the plot"):
        plot(table, None, tmp_path / "no folder" / "out.png", model)
