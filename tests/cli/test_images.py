"""`realtime3d images` from the command line to the files."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d import cli
from realtime3d.demo import clip_path
from realtime3d.pictures import pool, work
from realtime3d.sources.choose import open_source
from tests.helpers.paths import ROOT

Images = Callable[..., int]
HEADER = "ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\n"
FACE_FILES = [".glb", ".json", ".mtl", ".obj", "_expression.ply", "_overlay.jpg", "_posed.ply", "_shape.ply",
              "_texture.png"]  # fmt: skip


@pytest.fixture
def images(net_folder: Path, tmp_path: Path) -> Images:
    """Runs `realtime3d images` with nets that answer a frontal face everywhere."""
    out = str(tmp_path / "out")
    nets = ["--models", str(net_folder), "--backend", "fake", "-q"]
    return lambda *words: cli.main(["images", *map(str, words), "--out", out, *nets])


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def photo(path: Path, value: int = 120) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((240, 320, 3), value, np.uint8))
    return path


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A list of five boxes."""
    lines = []
    for i in range(5):
        photo(tmp_path / "in" / f"p{i}.png", 60 + 30 * i)
        lines.append(f"id{i},p{i}.png,100,60,90,100\n")
    path = tmp_path / "in" / "list.csv"
    path.write_text(HEADER + "".join(lines))
    return path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    [("posed", ["_posed.ply"]), ("glb", [".glb"]), ("none", []), ("obj", [".mtl", ".obj", "_texture.png"]),
     ("shape,glb", [".glb", "_shape.ply"])],
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


def test_bad_rows_do_not_stop_the_run(images: Images, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    photo(folder / "good.png")
    (folder / "text.jpg").write_text("no picture")
    (folder / "empty.png").write_bytes(b"")
    bad = {
        "../../evil,good.png,1,1,50,50": "leave the output folder",
        "outside,good.png,400,10,50,50": "outside the picture of 320x240",
        "left,good.png,-80,10,50,50": "outside the picture",
        "flat,good.png,10,10,50,0": "empty",
        "words,good.png,10,ten,50,50": "not four numbers",
        "short,good.png,10": "missing",
        "gone,gone.png,10,10,50,50": "no such file",
        "text,text.jpg,10,10,50,50": "no picture",
        "nothing,empty.png,10,10,50,50": "no picture",
        "good,good.png,10,10,50,50": "is taken by",
        "folder,.,10,10,50,50": "no such file",
    }
    lines = ["good,good.png,100,60,90,100", *bad, "last,good.png,-20,-20,90,100"]
    (folder / "list.csv").write_text(HEADER + "\n".join(lines) + "\n")
    assert images(folder / "list.csv", "--formats", "none") == 4
    out = tmp_path / "out"
    assert [row["id"] for row in rows(out / "faces.csv")] == ["good", "last"]
    problems = rows(out / "errors.csv")
    assert len(problems) == len(bad)
    for number, (row, text, found) in enumerate(zip(bad, bad.values(), problems, strict=True), start=3):
        assert text in found["problem"], row
        assert found["line"] == f"{folder / 'list.csv'}:{number}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_several_processes_write_the_same(images: Images, faces: Path, tmp_path: Path) -> None:
    assert images(faces) == 0
    one = everything(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    assert images(faces, "--workers", "2") == 0
    two = everything(tmp_path / "out")
    del one["faces.json"], two["faces.json"]  # when it ran
    assert one == two


def test_resume_goes_on_and_loses_nothing(images: Images, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert images(faces, "--formats", "posed") == 0
    whole = (out / "faces.csv").read_bytes()
    lines = whole.splitlines(keepends=True)
    for left in (b"".join(lines[:3]), b"".join(lines[:3]) + lines[3][:50], lines[0], b"", lines[0][:20]):
        (out / "faces.csv").write_bytes(left)
        shutil.rmtree(out / "id4")
        if left == lines[0][:20]:  # killed while it wrote the header
            assert images(faces, "--formats", "posed", "--resume") == 5
            assert images(faces, "--formats", "posed", "--overwrite") == 0
        else:
            assert images(faces, "--formats", "posed", "--resume") == 0
        assert (out / "faces.csv").read_bytes() == whole
        assert (out / "id4" / "id4_posed.ply").exists()
    assert images(faces, "--formats", "posed", "--resume", "--blendshapes") == 5  # other columns


def test_resume_does_not_do_again_what_is_done(
    images: Images, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert images(faces, "--formats", "posed") == 0
    done: list[str] = []
    usual = work.PictureWorker.do
    monkeypatch.setattr(work.PictureWorker, "do", lambda self, task: done.append(task.id) or usual(self, task))
    with open(faces, "a") as file:
        file.write("id5,p0.png,100,60,90,100\n")
    assert images(faces, "--formats", "posed", "--resume") == 0
    assert done == ["id4", "id5"]
    assert [row["id"] for row in rows(tmp_path / "out" / "faces.csv")] == [f"id{i}" for i in range(6)]


def test_nothing_is_written_over_unasked(images: Images, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "id2").mkdir(parents=True)
    assert images(faces) == 5
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["id2"]
    assert images(faces, "--overwrite", "--formats", "none") == 0
    assert images(faces, "--formats", "none") == 5


def test_a_disk_that_is_full_ends_the_run_with_one_line(
    images: Images, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.name == "nt" or not hasattr(os, "geteuid"):
        pytest.skip("needs links")
    out = tmp_path / "out"
    out.mkdir()
    (out / "id1").symlink_to("/dev/full")
    assert images(faces, "--overwrite", "--formats", "posed") == 5
    assert "id1" in capsys.readouterr().err
    assert [row["id"] for row in rows(out / "faces.csv")] == ["id0"]


def test_a_process_that_dies_costs_one_picture(faces: Path, net_folder: Path, tmp_path: Path) -> None:
    """A worker that is killed by a picture, as by the kernel when memory is out."""
    script = tmp_path / "run.py"
    script.write_text(
        "import os, sys\n"
        "from realtime3d.pictures import work\n"
        "usual = work.PictureWorker.do\n"
        "def do(self, task):\n"
        "    return os._exit(9) if task.id == 'id2' else usual(self, task)\n"
        "work.PictureWorker.do = do\n"
        "if __name__ == '__main__':\n"
        "    from realtime3d import cli\n"
        "    sys.exit(cli.main(sys.argv[1:]))\n"
    )
    command = [sys.executable, str(script), "images", str(faces), "--out", str(tmp_path / "out"), "--workers", "2",
               "--formats", "none", "--no-overlay", "--models", str(net_folder), "--backend", "fake"]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 4, done.stderr
    assert [row["id"] for row in rows(tmp_path / "out" / "faces.csv")] == ["id0", "id1", "id3", "id4"]
    (problem,) = rows(tmp_path / "out" / "errors.csv")
    assert (problem["id"], problem["problem"]) == ("id2", pool.DIED)


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


def test_odd_names_of_files(images: Images, tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("such names cannot be there")
    names = ['a "quoted", name', "new\nline", b"latin-\xe9".decode("utf-8", "surrogateescape")]
    folder = tmp_path / "in"
    for name in names:
        photo(folder / "x.png").rename(folder / f"{name}.png")
    lines = "".join(f'"{n}.png",100,60,90,100\n'.replace('a "quoted"', 'a ""quoted""') for n in names[:2])
    (folder / "list.csv").write_text(lines)
    assert images(folder / "list.csv", "--formats", "none") == 0
    table = rows(tmp_path / "out" / "faces.csv")
    assert [Path(row["file"]).stem for row in table] == names[:2]
    assert [row["id"] for row in table] == ["a _quoted_, name", "new_line"]
    assert (tmp_path / "out" / "contact.jpg").exists()


@pytest.mark.parametrize(
    "words", [["--formats", "stl"], ["--formats", ""], ["--formats", "none,ply"], ["--workers", "0"]]
)
def test_usage_errors(images: Images, faces: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        images(faces, *words)
    assert ended.value.code == 2


def test_inputs_that_are_not_there(images: Images, tmp_path: Path) -> None:
    assert images(tmp_path / "nowhere") == 4
    assert not (tmp_path / "out" / "faces.csv").exists()


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
