"""IDs: what becomes a folder's name, and what never does."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.errors import UsageError
from realtime3d.pictures.plan import PicturesJob, Problem, Task, id_of, plan
from tests.helpers.faults import fault


def planned(tmp_path: Path, text: str, name: str = "list.csv") -> list[Task | Problem]:
    (tmp_path / name).write_text(text)
    return plan([str(tmp_path / name)])


def ids(items: list[Task | Problem]) -> list[str]:
    return [item.id if isinstance(item, Task) else f"! {item.text}" for item in items]


@fault("pictures", "an id that is no plain name", "a problem of that row")
@pytest.mark.parametrize(
    "bad",
    ["../x", "a/b", "a\\b", "..", ".", "/etc/x", "C:x", " x", "x.", "a\tb", "con", "nul.txt", "x" * 300, "faces.csv",
     "contact.jpg", "a*b"],
)  # fmt: skip
def test_an_id_that_is_no_plain_name_is_a_problem(tmp_path: Path, bad: str) -> None:
    items = planned(tmp_path, f'ID,FILE\n"{bad}",a.jpg\ngood,b.jpg\n')
    if bad == " x":  # spaces around cells are no part of them
        assert ids(items) == ["x", "good"]
        return
    problem, task = items
    assert isinstance(problem, Problem)
    assert "ID" in problem.text
    assert problem.where.endswith("list.csv:2")
    assert isinstance(task, Task)


@pytest.mark.parametrize("good", ["a", "subject1_a", "Müller", "日本", "a b", "v1.2", "-x", "a,b", "'q'"])
def test_other_names_are_kept(tmp_path: Path, good: str) -> None:
    assert ids(planned(tmp_path, f'ID,FILE\n"{good}",a.jpg\n')) == [good]


def test_a_repeated_id_is_a_problem_that_names_the_first(tmp_path: Path) -> None:
    first, second = planned(tmp_path, "ID,FILE\nx,a.jpg\nx,b.jpg\n")
    assert isinstance(first, Task)
    assert isinstance(second, Problem)
    assert second.text.endswith("list.csv:2")
    assert second.id == "x"


@fault("pictures", "files of one name in two folders", "both are done, under names of their own")
def test_files_of_one_name_in_two_folders(tmp_path: Path) -> None:
    assert ids(planned(tmp_path, "FILE\na/1.jpg\nb/1.jpg\n"))[0] == "1"
    assert "taken by" in ids(planned(tmp_path, "FILE\na/1.jpg\nb/1.jpg\n"))[1]


def test_boxes_of_one_picture_without_ids_are_its_faces(tmp_path: Path) -> None:
    items = planned(tmp_path, "a.jpg,1,1,9,9\na.jpg,20,1,9,9\na.jpg,40,1,9,9\nb/a.jpg,1,1,9,9\n")
    assert ids(items[:3]) == ["a", "a_2", "a_3"]
    assert [item.face for item in items[:3] if isinstance(item, Task)] == [1, 2, 3]
    assert isinstance(items[3], Problem)


def test_rows_that_the_list_reader_could_not_read_stay_in_their_place(tmp_path: Path) -> None:
    items = planned(tmp_path, "a.jpg,1,1,9,9\nb.jpg,1,1,0,9\nc.jpg,1,1,9,9\n")
    assert ids(items) == ["a", "! the box 1,1,0,9 is empty: width and height must be over 0", "c"]


@pytest.mark.parametrize(
    ("file", "expected"),
    [("a.b.jpg", "a.b"), ("..jpg", "picture"), ("a?*.png", "a__"), ("con.jpg", "con_"),
     ("contact.jpg.png", "contact.jpg_"),     (" .jpg", "picture"), ("x" * 400 + ".jpg", "x" * 150)],
)  # fmt: skip
def test_ids_made_of_files(file: str, expected: str) -> None:
    assert id_of(Path(file)) == expected


def test_formats_and_workers_are_checked() -> None:
    job = PicturesJob([], Path("out"), formats=frozenset({"posed"}))
    assert job.kinds == ("posed",)
    assert PicturesJob([], Path("out")).kinds == ("shape", "expression", "posed")
    with pytest.raises(UsageError, match="stl"):
        PicturesJob([], Path("out"), formats=frozenset({"stl"}))
    with pytest.raises(UsageError, match="workers"):
        PicturesJob([], Path("out"), workers=0)
