from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from realtime3d.errors import SourceError, UsageError
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.choose import open_source, parse_time
from realtime3d.types import Frame


def save(path: Path, value: int = 0, dtype: Any = np.uint8, shape: tuple[int, ...] = (6, 8, 3)) -> Path:
    done, data = cv2.imencode(path.suffix, np.full(shape, value, dtype))
    assert done
    path.write_bytes(data.tobytes())
    return path


def read(spec: Any, **options: Any) -> list[Frame]:
    with open_source(spec, SourceOptions(**options)) as source:
        return [item for item in source if isinstance(item, Frame)]


def test_numbers_in_a_pattern_are_frame_numbers_and_make_the_times(tmp_path: Path) -> None:
    for number in (7, 8, 10):
        save(tmp_path / f"f{number:04d}.png", number)
    frames = read(tmp_path / "f%04d.png", fps=10)
    assert [(f.index, f.t_ns, int(f.image[0, 0, 0])) for f in frames] == [(0, 0, 7), (1, 10**8, 8), (3, 3 * 10**8, 10)]


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        save(tmp_path / f"frame {number}.png", number)
    (tmp_path / "notes.txt").write_text("no picture")
    assert [int(frame.image[0, 0, 0]) for frame in read(tmp_path)] == [1, 9, 10]


@pytest.mark.parametrize(
    ("dtype", "shape", "value", "wanted"),
    [
        (np.uint8, (6, 8), 200, 200),
        (np.uint16, (6, 8), 51200, 200),
        (np.uint16, (6, 8, 3), 51200, 200),
        (np.uint8, (6, 8, 4), 200, 200),
    ],
)
def test_grey_sixteen_bit_and_alpha_files(
    tmp_path: Path, dtype: Any, shape: tuple[int, ...], value: int, wanted: int
) -> None:
    frame = read(save(tmp_path / "a.png", value, dtype, shape))[0]
    assert frame.image.shape == (6, 8, 3)
    assert (frame.image == wanted).all()


def test_pictures_may_change_size(tmp_path: Path) -> None:
    save(tmp_path / "0.png")
    save(tmp_path / "1.png", shape=(3, 4, 3))
    assert [frame.image.shape for frame in read(tmp_path)] == [(6, 8, 3), (3, 4, 3)]


def test_a_broken_picture_is_skipped_and_named(tmp_path: Path) -> None:
    save(tmp_path / "0.png", 1)
    (tmp_path / "1.png").write_bytes(b"broken")
    (tmp_path / "2.png").write_bytes(b"")
    save(tmp_path / "3.png", 2)
    with open_source(tmp_path) as source:
        assert [item.index for item in source if isinstance(item, Frame)] == [0, 3]
        assert [("1.png" in a, "2.png" in b) for a, b in [source.status.warnings]] == [(True, True)]


@pytest.mark.parametrize("name", ["", "none-%03d.png", "*.jpg", "gone.png", "broken.png", "nowhere/%d.png"])
def test_pictures_that_are_not_there_are_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken") if name == "broken.png" else None
    with pytest.raises(SourceError) as caught:
        open_source(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_non_ascii_names(tmp_path: Path) -> None:
    folder = tmp_path / "Bilder 写真"
    folder.mkdir()
    save(folder / "Gesicht_ä.png", 9)
    assert int(read(folder)[0].image[0, 0, 0]) == 9


@pytest.mark.parametrize("times", [[0.0, 0.0], [1.0, 0.5], [0.0, float("nan")], [float("inf"), 1.0]])
def test_times_that_a_caller_gets_wrong_are_refused(times: list[float]) -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(UsageError), open_source([(t, picture) for t in times]) as source:
        list(source)


def test_one_array_is_one_picture() -> None:
    assert len(read(np.zeros((4, 6, 3), np.uint8))) == 1
    assert len(read(np.zeros((4, 6), np.uint8))) == 1
    assert len(read(np.zeros((5, 4, 6, 3), np.uint8))) == 5


def test_no_arrays_at_all_is_an_error() -> None:
    with pytest.raises(SourceError, match="at least one"):
        open_source([])


def test_an_error_in_the_callers_generator_is_the_callers() -> None:
    def pictures() -> Any:
        yield np.zeros((4, 4, 3), np.uint8)
        raise KeyError("mine")

    with open_source(pictures()) as source, pytest.raises(KeyError, match="mine"):
        list(source)


@pytest.mark.parametrize(
    ("text", "seconds"), [("12.5", 12.5), ("0", 0), ("1:02", 62), ("0:01:12.5", 72.5), ("100:00:00", 360_000)]
)
def test_times_on_the_command_line(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "1:60", "1:2:3:4", "nan", "inf", "1:-2", "1::2"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="HH:MM:SS"):
        parse_time(text)
