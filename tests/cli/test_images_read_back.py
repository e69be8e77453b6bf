"""The table of `realtime3d images` as results again."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import realtime3d as r3d
from realtime3d.errors import SourceError
from tests.helpers.faults import fault
from tests.helpers.io_sinks import needs_arrow
from tests.helpers.picture_lists import rows

Images = Callable[..., int]


@pytest.mark.parametrize("name", ["faces.csv", pytest.param("faces.parquet", marks=needs_arrow)])
def test_pictures_come_back_with_their_cameras(
    images: Images, faces: Path, net_folder: Path, tmp_path: Path, name: str
) -> None:
    assert images(faces, "--parquet", "--formats", "posed", "--no-overlay", "--blendshapes") == 0
    out = tmp_path / "out"
    table = rows(out / "faces.csv")
    found = list(r3d.read_table(out / name, models=str(net_folder)))
    assert [one.frame.source for one in found] == [row["file"] for row in table]
    for one, row in zip(found, table, strict=True):
        (face,) = one.faces
        assert face.id == 1
        assert face.pose.t == pytest.approx([float(row[f"pose_T{axis}"]) for axis in "xyz"])
        assert face.blendshapes()["jawOpen"] == pytest.approx(float(row["jawOpen"]), abs=1e-4)
        left, top, right, bottom = face.box
        box = (left, top, right - left, bottom - top)
        assert box == pytest.approx([float(row[f"box_{side}"]) for side in "xywh"], abs=0.1)  # with its own camera
        assert one.frame.image.shape[:2] == (face.camera.height, face.camera.width)
    shutil.rmtree(out / "id0")
    (first, *_) = r3d.read_table(out / name, models=str(net_folder))
    assert first.faces[0].camera.width == 1280


def test_two_faces_of_a_picture_are_one_frame(images: Images, faces: Path, net_folder: Path, tmp_path: Path) -> None:
    assert images(faces, "--formats", "none", "--no-overlay") == 0
    path = tmp_path / "out" / "faces.csv"
    header, first, second, *_ = list(csv.reader(path.open()))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, first, [first[0], first[1], "2", *second[3:]], second, second])
    found = list(r3d.read_table(path, models=str(net_folder)))
    assert [[face.id for face in one.faces] for one in found] == [[1, 2], [1], [1]]
    assert np.diff([one.frame.t_ns for one in found]) == pytest.approx(1e9)


@fault("pictures", "pictures read back from a table that is none", "one line that says why")
@pytest.mark.parametrize(
    ("text", "said"),
    [("id,file,face,pose_Tx\na,b.jpg,1,0\n", "lacks"), ("id,file,face,pose_Tx\na,b.jpg,x,0\n", "no number"),
     ("id,file,face,pose_Tx\na,b.jpg,1\na,b.jpg,1,0\n", "line 2: 4 columns"), ("id,file,face,pose_Tx\n", "lacks")],
)  # fmt: skip
def test_what_is_no_such_table_is_one_line(net_folder: Path, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "faces.csv").write_text(text)
    with pytest.raises(SourceError, match=said):
        r3d.read_table(tmp_path / "faces.csv", models=str(net_folder))


@fault("pictures", "a table whose names lead out of its folder", "nothing outside is read")
def test_a_name_that_leads_out_of_the_folder_is_not_read(
    images: Images, faces: Path, net_folder: Path, tmp_path: Path
) -> None:
    assert images(faces, "--formats", "none", "--no-overlay") == 0
    out = tmp_path / "out"
    (out / "id0").rename(tmp_path / "id0")
    text = (out / "faces.csv").read_text()
    (out / "faces.csv").write_text(text.replace("id0,", "../id0,", 1))
    (first, *_) = r3d.read_table(out / "faces.csv", models=str(net_folder))
    assert first.faces[0].camera.width == 1280
