"""Which films an input names, and how each is called in the table's folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime3d.batch.inputs import Found, find_films
from realtime3d.errors import SourceError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("take10.mp4", "take9.mp4", "notes.txt", "deep/x.MKV", "deep/picture.png", "out/table/old.mp4"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"12345")
    return tmp_path


def names(inputs: list[str], out: Path) -> list[str]:
    return [Path(film.address).name for film in find_films(inputs, out)]


def test_a_folder_without_the_output(folder: Path) -> None:
    assert names([str(folder)], folder / "out") == ["take9.mp4", "take10.mp4", "x.MKV"]


def test_what_is_known_without_opening(folder: Path) -> None:
    film = next(find_films([str(folder / "take9.mp4")], folder / "out"))
    assert film.bytes == 5
    assert film.changed_ns == (folder / "take9.mp4").stat().st_mtime_ns
    assert Path(film.address).is_absolute()


def test_a_pattern(folder: Path) -> None:
    assert sorted(names([str(folder / "**" / "*.[mM]*")], folder / "out")) == ["take10.mp4", "take9.mp4", "x.MKV"]


def test_a_list_relative_to_itself(folder: Path) -> None:
    text = "# takes\n\ntake9.mp4\ns3://bucket/a/b.mp4\ngone.mp4\n"
    (folder / "list.txt").write_text(text)
    found = list(find_films([str(folder / "list.txt")], folder / "out"))
    assert [film.address for film in found] == [
        str(folder / "take9.mp4"),
        "s3://bucket/a/b.mp4",
        str(folder / "gone.mp4"),
    ]
    assert found[2].bytes is None  # it is set aside when its turn comes


@pytest.mark.parametrize("text", ["who,file\nx,take9.mp4\n", "take9.mp4,x\n", '"take9.mp4"\n', "PATH\ntake9.mp4\n"])
def test_a_csv_list(folder: Path, text: str) -> None:
    (folder / "list.csv").write_text(text)
    assert names([str(folder / "list.csv")], folder / "out") == ["take9.mp4"]


@pytest.mark.parametrize("name", ["nothing.mp4", "no*.mp4", "deep/picture"])
def test_what_names_nothing(folder: Path, name: str) -> None:
    with pytest.raises(SourceError, match=r"names no film|does not exist"):
        names([str(folder / name)], folder / "out")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/a/take 1.mp4", "take_1"),
        ("/a/0001.mp4", "film-0001"),  # else a reader takes it for the number 1
        ("/a/2026-11-28.mp4", "film-2026-11-28"),  # and this for a date
        ("/a/null.mp4", "film-null"),
        ("/a/Épée=1/ü.mp4", "ü"),
        ("/a/a=b%20c.mp4", "a_b_20c"),
        ("https://h/x/clip.mp4?token=1", "clip"),
        ("/a/.mp4", "film-.mp4"),
    ],
)
def test_names(address: str, name: str) -> None:
    assert Found(address).name == name
