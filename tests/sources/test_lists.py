"""Lists of pictures as the originals had them, and everything that is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.errors import SourceError
from realtime3d.sources.lists import Wanted, read_inputs


def listed(tmp_path: Path, text: str | bytes, name: str = "input.csv") -> list[Wanted]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_inputs([str(path)])


@pytest.mark.parametrize(
    "header",
    ["ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\n", "ID, FILE, FACE_X, FACE_y, FACE_WIDTH, FACE_HEIGHT\r\n",
     "<ID, FILE, FACE_X, FACE_y, FACE_WIDTH, FACE_HEIGHT>\n", "id,file,box_x,box_y,box_w,box_h\n", "\ufeff", ""],
)  # fmt: skip
def test_the_list_of_the_originals_with_and_without_header(tmp_path: Path, header: str) -> None:
    text = header + "subject1_a,images/subject1_a.jpg, 102.5,95.0,123,123\nsubject1_b,images/b.jpg,1,2,3,4\n"
    first, second = listed(tmp_path, text)
    assert (first.id, first.file) == ("subject1_a", tmp_path / "images" / "subject1_a.jpg")
    assert first.box == (102.5, 95, 123, 123)
    assert second.where.endswith(":2" if not header.strip("\ufeff") else ":3")
    assert not first.problem


def test_the_list_of_the_second_version_has_no_ids(tmp_path: Path) -> None:
    first, second = listed(tmp_path, "FILE,X,Y,W,H\na.jpg,1,2,3,4\nb.jpg,5,6,7,8\n")
    assert (first.id, first.box) == ("", (1, 2, 3, 4))
    assert listed(tmp_path, "a.jpg,1,2,3,4\nb.jpg,5,6,7,8\n")[1].box == second.box == (5, 6, 7, 8)


def test_columns_in_another_order_and_columns_nobody_asked_for(tmp_path: Path) -> None:
    (one,) = listed(tmp_path, 'note,FACE_HEIGHT,FILE,FACE_WIDTH,FACE_Y,FACE_X\n"a, b",40,x.jpg,30,20,10\n')
    assert one.box == (10, 20, 30, 40)
    assert one.file.name == "x.jpg"


def test_a_text_list_is_a_path_a_line(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    first, second = listed(tmp_path, "# pictures\na b.jpg\n\n  sub/c.png  \n", "list.txt")
    assert [first.file, second.file] == [tmp_path / "a b.jpg", tmp_path / "sub" / "c.png"]
    assert second.where.endswith("list.txt:4")
    assert first.box is None


def test_paths_from_the_working_folder_are_found_as_the_originals_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").write_bytes(b"")
    (tmp_path / "lists" / "input.txt").write_text("data/a.jpg\n../data/a.jpg\n")
    monkeypatch.chdir(tmp_path)
    first, second = read_inputs(["lists/input.txt"])
    assert first.file.exists()
    assert second.file.exists()


def test_folders_patterns_and_files_in_natural_order(tmp_path: Path) -> None:
    for name in ("a10.jpg", "a9.jpg", "notes.md", "deep/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [w.file.name for w in read_inputs([str(tmp_path)])] == ["a9.jpg", "a10.jpg", "b.png"]
    assert [w.file.name for w in read_inputs([str(tmp_path / "a*.jpg"), str(tmp_path / "a9.jpg")])] == [
        "a9.jpg", "a10.jpg", "a9.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x,a.jpg,1,2,0,4", "empty"), ("x,a.jpg,1,2,-3,4", "empty"), ("x,a.jpg,1,2,nan,4", "empty"),
        ("x,a.jpg,1,2,inf,4", "empty"), ("x,a.jpg,1,2,,4", "not four numbers"), ("x,a.jpg,1,zwei,3,4", "not four"),
        ("x,a.jpg,1,2,3", "height is missing"), ("x", "missing"), ("x,,1,2,3,4", "no file"), (",a.jpg,1,2,3,4", "ID"),
        ("x,a\0.jpg,1,2,3,4", "no file"),
    ],
)  # fmt: skip
def test_a_row_that_makes_no_sense_is_told_with_its_line(tmp_path: Path, row: str, problem: str) -> None:
    header = "ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\n"
    good, bad, other = listed(tmp_path, f"{header}a,a.jpg,1,2,3,4\n{row}\nb,b.jpg,1,2,3,4\n")
    assert problem in bad.problem
    assert bad.where.endswith("input.csv:3")
    assert not good.problem
    assert not other.problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ID,FILE,FACE_X,FACE_Y\na,a.jpg,1,2\n", "width, height"),
        ("a.jpg,1,2\nb.jpg,1,2\n", "no header"),
        ('ID,FILE\n"a,a.jpg\n' + "x" * 200_000, "line"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        listed(tmp_path, text)


def test_old_encodings_and_empty_lists(tmp_path: Path) -> None:
    assert listed(tmp_path, "Müller.jpg\n".encode("latin-1"), "list.txt")[0].file.name == "Müller.jpg"
    assert listed(tmp_path, "") == listed(tmp_path, "\n\n", "list.txt") == []


@pytest.mark.parametrize("name", ["nowhere/", "no*.jpg", "a\0b", "x" * 5000])
def test_an_input_that_is_not_there(name: str) -> None:
    with pytest.raises(SourceError):
        read_inputs([name])
