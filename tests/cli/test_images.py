"""`realtime3d images` from the command line to the files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d import cli
from realtime3d.demo import clip_path
from realtime3d.sources.choose import open_source
from tests.helpers.picture_lists import everything, rows

FACE_FILES = [".glb", ".json", ".mtl", ".obj", "_expression.ply", "_overlay.jpg", "_posed.ply", "_shape.ply",
              "_texture.png"]  # fmt: skip

Images = Callable[..., int]


def test_every_file_of_the_contract(images: Images, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = everything(tmp_path)
    assert images(faces, "--blendshapes") == 0
    table = rows(out / "faces.csv")
    assert [row["id"] for row in table] == [f"id{i}" for i in range(5)]
    assert list(table[0])[:5] == ["id", "file", "face", "confidence", "success"]
    assert "jawOpen" in table[0]
    assert "timestamp" not in table[0]
    assert {row["face"] for row in table} == {"1"}
    assert Path(table[2]["file"]) == faces.parent / "p2.png"
    assert rows(out / "errors.csv") == []
    assert (out / "errors.csv").read_text() == "id,file,line,problem\n"
    assert sorted(path.name for path in (out / "id3").iterdir()) == sorted(f"id3{end}" for end in FACE_FILES)
    facts = json.loads((out / "id3" / "id3.json").read_text())
    assert facts["box"] == pytest.approx([float(table[3][f"box_{side}"]) for side in "xywh"], abs=0.02)
    assert len(facts["blendshapes"]) == 52
    sheet = cv2.imread(str(out / "contact.jpg"))
    assert sheet.shape[1] > 5 * 160
    summary = json.loads((out / "faces.json").read_text())
    assert summary["state"] == "complete"
    assert summary["counts"]["faces"] == 5
    written = set(everything(tmp_path)) - set(before)
    assert all(name.startswith("out/") for name in written)


@pytest.mark.parametrize(
    ("formats", "expected"),
    [("posed", ["_posed.ply"]), ("glb", [".glb"]), ("vrm", [".vrm"]), ("none", []),
     ("obj", [".mtl", ".obj", "_texture.png"]), ("shape,glb", [".glb", "_shape.ply"])],
)  # fmt: skip
def test_formats_choose(images: Images, faces: Path, tmp_path: Path, formats: str, expected: list[str]) -> None:
    assert images(faces, "--formats", formats, "--no-overlay") == 0
    found = sorted(path.name.removeprefix("id0") for path in (tmp_path / "out" / "id0").iterdir())
    assert found == sorted([*expected, ".json"])
    assert not (tmp_path / "out" / "contact.jpg").exists()


def test_views_and_crops(images: Images, faces: Path, tmp_path: Path) -> None:
    assert images(faces, "--formats", "none", "--no-overlay", "--views=-75,0,40", "--crops", "96", "--plain") == 0
    found = sorted(path.name for path in (tmp_path / "out" / "id0").iterdir())
    views = [f"id0_rendered_aug_{yaw}_00_10.jpg" for yaw in ("+40", "-00", "-75")]
    assert found == sorted(["id0.json", "id0_crop.jpg", *views])
    assert cv2.imread(str(tmp_path / "out" / "id0" / "id0_crop.jpg")).shape == (96, 96, 3)
    assert images(faces, "--overwrite", "--formats", "none", "--no-overlay", "--views") == 0
    names = {path.name for path in (tmp_path / "out" / "id0").iterdir()}
    assert {f"id0_rendered_aug_-{yaw}_00_10.jpg" for yaw in ("00", "22", "40", "55", "75")} <= names


def test_maps_lie_over_the_picture(images: Images, faces: Path, tmp_path: Path) -> None:
    assert images(faces, "--formats", "none", "--no-overlay", "--maps", "depth,normals,pncc,uv") == 0
    folder = tmp_path / "out" / "id0"
    found = {path.name.removeprefix("id0_map_"): path for path in folder.glob("*_map_*")}
    assert set(found) == {"depth.png", "normals.png", "pncc.png", "uv.png"}
    shown = {name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for name, path in found.items()}
    assert {name: (picture.shape, str(picture.dtype)) for name, picture in shown.items()} == {
        "depth.png": ((240, 320), "uint16"), "normals.png": ((240, 320, 3), "uint8"),
        "pncc.png": ((240, 320, 3), "uint8"), "uv.png": ((240, 320, 3), "uint16"),
    }  # fmt: skip
    facts = json.loads((folder / "id0.json").read_text())["maps"]
    assert set(facts) == {"depth", "normals", "pncc", "uv"} and facts["depth"]["step_mm"] == 0.01
    assert 0 < shown["depth.png"][shown["depth.png"] > 0].min() <= 101 and facts["depth"]["near_mm"] > 100


def test_parquet_is_the_same_table(images: Images, faces: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    import pyarrow.parquet

    assert images(faces, "--formats", "none", "--no-overlay", "--parquet") == 0
    table = pyarrow.parquet.read_table(tmp_path / "out" / "faces.parquet")
    text = rows(tmp_path / "out" / "faces.csv")
    assert table.column_names == list(text[0])
    assert table["id"].to_pylist() == [row["id"] for row in text]
    assert table["pose_Tz"].to_pylist() == pytest.approx([float(row["pose_Tz"]) for row in text])
    assert str(table.schema.field("success").type) == "int8"


def test_with_the_nets_that_ship(tmp_path: Path) -> None:
    """A face, the same turned, two people, and nobody."""
    with open_source(clip_path()) as source:
        image = next(iter(source)).image
    folder = tmp_path / "in"
    folder.mkdir()
    pair = np.hstack([image, cv2.flip(image, 1)])
    pictures = {
        "one": image,
        "turned": cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
        "pair": pair,
        "wall": image * 0 + 90,
    }
    for name, picture in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), picture)
    words = ["images", str(folder), "--out", str(tmp_path / "out"), "--formats", "glb", "-q"]
    assert cli.main(words) == 0
    table = {row["id"]: row for row in rows(tmp_path / "out" / "faces.csv")}
    assert set(table) == {"one", "turned", "pair", "pair_2"}
    assert table["pair_2"]["face"] == "2"
    assert float(table["turned"]["head_roll"]) - float(table["one"]["head_roll"]) == pytest.approx(90, abs=6)
    (nobody,) = rows(tmp_path / "out" / "errors.csv")
    assert (nobody["id"], nobody["problem"]) == ("wall", "no face was found")
    assert (tmp_path / "out" / "pair_2" / "pair_2.glb").exists()


@pytest.mark.parametrize("prior", ["facs", "emotion"])
def test_a_prior_says_how_far_it_moved_faces(tmp_path: Path, capsys: pytest.CaptureFixture[str], prior: str) -> None:
    """With the nets that ship, on the bundled clip's first picture."""
    with open_source(str(clip_path())) as source:
        cv2.imwrite(str(tmp_path / "face.png"), next(iter(source)).image)
    options = ["--formats", "none", "--no-overlay", "--raw", "--action-units", "--emotions", "--gaze"]
    out = tmp_path / "weighed"
    assert cli.main(["images", str(tmp_path / "face.png"), "--out", str(out), "--prior", prior, *options]) == 0
    assert "the prior moved faces by" in capsys.readouterr().out
    (row,) = rows(out / "faces.csv")
    facts = json.loads((out / "face" / "face.json").read_text())
    assert facts["prior"]["kind"] == prior and 0 < facts["prior"]["moved_mm"] < 2
    assert [row[f"exp_{i}"] for i in range(29)] != [row[f"raw_exp_{i}"] for i in range(29)]
    assert row["AU12_r"] and row["happiness"] and row["gaze_angle_x"] and not row["AU23_r"]


def test_priors_are_those_that_there_are() -> None:
    from realtime3d.cli.images import add_arguments
    from realtime3d.face.prior import KINDS

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert next(action.choices for action in parser._actions if action.dest == "prior") == KINDS
