"""What `realtime3d images` makes of odd, wrong and missing inputs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from realtime3d import cli
from realtime3d.demo import clip_path
from realtime3d.pictures.plan import id_of
from realtime3d.sources.choose import open_source
from tests.helpers.faults import fault
from tests.helpers.picture_lists import HEADER, photo, rows

Images = Callable[..., int]


@fault(
    "pictures",
    "rows of a list that name no picture, no box or a place outside the folder",
    "the others are done, each bad row is in errors.csv with its line, exit code 4",
)
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


@fault(
    "pictures",
    "the output lies inside the input, and the command runs again",
    "what the first run drew is not measured",
)
def test_an_output_inside_the_input_is_no_input(net_folder: Path, tmp_path: Path) -> None:
    """The second run does not measure the overlays of the first one."""
    with open_source(clip_path()) as source:
        photo(tmp_path / "in" / "deep" / "a.png")
        cv2.imwrite(str(tmp_path / "in" / "deep" / "a.png"), next(iter(source)).image)
    words = ["images", str(tmp_path / "in"), "--out", str(tmp_path / "in" / "out"), "--formats", "none", "-q"]
    nets = ["--models", str(net_folder), "--backend", "fake"]
    assert cli.main([*words, *nets]) == 0
    assert (tmp_path / "in" / "out" / "a" / "a_overlay.jpg").exists()
    assert cli.main([*words, *nets, "--overwrite"]) == 0
    assert [row["id"] for row in rows(tmp_path / "in" / "out" / "faces.csv")] == ["a"]


@fault(
    "pictures",
    "names with quotes, line breaks or bytes that are not UTF-8",
    "measured like any other; ids are plain text",
)
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
    assert id_of(folder / f"{names[2]}.png") == "latin-_"


@pytest.mark.parametrize(
    "words",
    [["--formats", "stl"], ["--formats", ""], ["--formats", "none,ply"], ["--workers", "0"], ["--maps", "albedo"]],
)
def test_usage_errors(images: Images, faces: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        images(faces, *words)
    assert ended.value.code == 2


@fault("pictures", "an input that is not there", "one line, exit code 4; no table")
def test_inputs_that_are_not_there(images: Images, tmp_path: Path) -> None:
    assert images(tmp_path / "nowhere") == 4
    assert not (tmp_path / "out" / "faces.csv").exists()


@fault(
    "pictures",
    "an empty list; a file where the output's folder should be",
    "one line, exit codes 4 and 5; the file stays",
)
def test_an_empty_list_and_an_output_that_is_a_file(images: Images, faces: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# nothing\n")
    assert images(tmp_path / "list.txt") == 4
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").write_text("")
    assert images(faces) == 5
