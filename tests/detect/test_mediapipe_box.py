"""Boxes: from MediaPipe, from a file, flipped."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from realtime3d.detect import mediapipe_box, tasks, weights
from realtime3d.detect.fixed import FixedBoxes
from realtime3d.detect.mediapipe_box import MediaPipeBoxes, tight_box
from realtime3d.detect.shelf import Shelf
from realtime3d.errors import MissingError, UsageError
from realtime3d.geometry import flipped_box
from realtime3d.types import Frame


def frame(image: np.ndarray, index: int = 0) -> Frame:
    return Frame(index, index, image)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[..., ::-1])  # a public-domain portrait, 512 x 512


@pytest.mark.parametrize("kind", ["short", "full", "both"])
def test_finds_the_face_of_a_portrait_once(astronaut: np.ndarray, kind: str) -> None:
    detector = MediaPipeBoxes(kind)
    (box,) = detector.detect(frame(astronaut))
    detector.close()
    assert box.xyxy.dtype == np.float32
    assert 0.5 <= box.score <= 1
    x0, y0, x1, y1 = box.xyxy
    assert 165 < x0 < 195  # cheek
    assert 255 < x1 < 280
    assert 65 < y0 < 100  # brow
    assert 155 < y1 < 185  # chin


def test_empty_and_odd_pictures_have_no_faces() -> None:
    detector = MediaPipeBoxes()
    for shape in ((480, 640), (1, 1), (3, 2000), (2000, 3)):
        assert detector.detect(frame(np.full((*shape, 3), 90, np.uint8))) == []
    detector.close()
    detector.close()


def test_opens_again_after_close(astronaut: np.ndarray) -> None:
    detector = MediaPipeBoxes("short")
    first = detector.detect(frame(astronaut))
    detector.close()
    np.testing.assert_array_equal(detector.detect(frame(astronaut))[0].xyxy, first[0].xyxy)
    detector.close()


def test_native_notes_do_not_reach_stderr_and_ours_do_later(
    astronaut: np.ndarray, capfd: pytest.CaptureFixture[str]
) -> None:
    detector = MediaPipeBoxes("short")
    detector.detect(frame(astronaut))
    detector.close()
    os.write(2, b"after")
    sys.stderr.flush()
    assert capfd.readouterr().err == "after"


def test_opening_in_two_threads_leaves_stderr_alone(capfd: pytest.CaptureFixture[str]) -> None:
    detectors = [MediaPipeBoxes("short") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda detector: detector.open(), detectors))
    for detector in detectors:
        detector.close()
    os.write(2, b"still there")
    assert capfd.readouterr().err == "still there"


def test_unknown_range_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="short, full or both"):
        MediaPipeBoxes("middle")


def test_tight_box_lies_in_the_square_and_keeps_its_size() -> None:
    square = np.array([100.0, 50.0, 200.0, 150.0])
    for kind in ("short", "full"):
        x0, y0, x1, y1 = tight_box(square, kind)
        assert 80 < x1 - x0 < 100
        assert 80 < y1 - y0 < 100
        assert (x0 + x1) / 2 == pytest.approx(150)
        assert (y0 + y1) / 2 > 100


def test_flipping_a_box_twice_gives_it_back() -> None:
    box = np.array([10.0, 20.0, 50.0, 90.0], np.float32)
    flipped = flipped_box(box, 640)
    assert flipped.tolist() == [589.0, 20.0, 629.0, 90.0]
    np.testing.assert_array_equal(flipped_box(flipped, 640), box)


class TestWeights:
    @pytest.fixture(autouse=True)
    def _no_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(weights.VARIABLE, raising=False)

    @pytest.fixture
    def short(self, tmp_path: Path) -> Path:
        file = tmp_path / "short.tflite"
        file.write_bytes(weights.read()["short"])
        return file

    def test_both_ranges_come_with_the_package(self) -> None:
        assert sorted(weights.read()) == ["full", "short"]

    def test_a_file_of_the_users_goes_first(
        self, astronaut: np.ndarray, short: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (expected,) = MediaPipeBoxes("short").detect(frame(astronaut))
        monkeypatch.setenv(weights.VARIABLE, str(short))
        detector = MediaPipeBoxes("both")
        (found,) = detector.detect(frame(astronaut))
        detector.close()
        np.testing.assert_array_equal(found.xyxy, expected.xyxy)

    def test_range_that_the_file_does_not_have(self, short: Path) -> None:
        with pytest.raises(MissingError, match="no full range"):
            MediaPipeBoxes("full", model_file=str(short)).open()

    def test_where_none_lie_the_line_brings_them(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(weights, "_folder", lambda: tmp_path)
        with pytest.raises(MissingError, match=r"short_range.tflite cannot be read .*: pip install .*--no-deps '"):
            MediaPipeBoxes().open()

    def test_mediapipe_that_carries_them_is_where_they_are_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        carried = tmp_path / "mediapipe" / "modules" / "face_detection"
        carried.mkdir(parents=True)
        (tmp_path / "mediapipe" / "__init__.py").write_text("")
        for name in weights.NAMES:
            (carried / name).write_bytes(b"")
        monkeypatch.setattr(weights, "FOLDER", tmp_path / "nothing")
        monkeypatch.delitem(sys.modules, "mediapipe", raising=False)
        monkeypatch.syspath_prepend(str(tmp_path))
        assert weights._folder() == carried

    def test_unknown_files_are_refused(self, short: Path) -> None:
        short.write_bytes(short.read_bytes() + b"\0")
        with pytest.raises(MissingError, match=r"short\.tflite is none of the known"):
            MediaPipeBoxes(model_file=str(short)).open()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("no such graph\nmore of it"), r"short range \(no such graph\): pip install --upgrade"),
        (OSError("libEGL.so.1: cannot open"), r"\(libEGL.so.1: cannot open\): apt-get install -y libgl1"),
    ],
)
def test_a_mediapipe_that_cannot_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception, line: str) -> None:
    def refused(options: object) -> None:
        raise error

    from mediapipe.tasks.python import vision

    monkeypatch.setattr(mediapipe_box, "SHELF", Shelf())  # one without a free detector
    monkeypatch.setattr(vision.FaceDetector, "create_from_options", refused)
    with pytest.raises(MissingError, match=line):
        MediaPipeBoxes().open()


class TestShelf:
    @pytest.fixture(autouse=True)
    def ended(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """What has ended, by number in the order in which it was made."""
        ended: list[int] = []
        made = itertools.count()

        def opened(*_: object) -> tuple[Callable[[object], list[object]], Callable[[], None]]:
            number = next(made)
            return lambda rgb: [len(rgb)], lambda: ended.append(number)  # type: ignore[arg-type]

        monkeypatch.setattr(tasks, "opened", opened)
        return ended

    def test_the_next_one_gets_what_was_given_back(self, ended: list[int]) -> None:
        shelf = Shelf()
        first, second = (shelf.take("short", b"", 0.5) for _ in range(2))
        assert first is not second
        shelf.give_back(first)
        assert shelf.take("short", b"", 0.6) is not first  # another least score
        assert shelf.take("short", b"", 0.5) is first
        shelf.give_back(first)
        assert ended == []
        shelf.give_back(second)  # no place for it
        assert ended == [1]
        assert shelf.take("short", b"", 0.5) is first

    def test_one_that_failed_is_not_used_again(self, ended: list[int]) -> None:
        shelf = Shelf()
        detector = shelf.take("short", b"", 0.5)
        with pytest.raises(TypeError):
            detector.search(None)  # type: ignore[arg-type]
        shelf.give_back(detector)
        assert ended == [0]
        assert shelf.take("short", b"", 0.5) is not detector

    def test_a_process_does_not_take_its_parents(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shelf = Shelf()
        detector = shelf.take("short", b"", 0.5)
        shelf.give_back(detector)
        monkeypatch.setattr(os, "getpid", lambda: 1)
        assert shelf.take("short", b"", 0.5) is not detector

    def test_a_real_one_is_used_again(self, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(mediapipe_box, "SHELF", Shelf())
        found, used = [], []
        for _ in range(2):
            boxes = MediaPipeBoxes("full")
            found.append(boxes.detect(frame(astronaut))[0].xyxy)
            used.append(boxes._detectors[0])
            boxes.close()
        assert used[0] is used[1]
        np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("first", ["", "import mediapipe.tasks.python.vision"])
@pytest.mark.parametrize("last", ["", "for boxes in opened: boxes.close()"])
def test_the_interpreter_ends_in_silence(first: str, last: str) -> None:
    """Whether detectors are free or forgotten, and whoever was imported first."""
    code = (
        f"{first}\nfrom realtime3d.detect.mediapipe_box import MediaPipeBoxes\n"
        f"opened = [MediaPipeBoxes('short') for _ in range(2)]\nfor boxes in opened: boxes.open()\n{last}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("right", "down"), [(-60, 0), (0, -40), (-60, -40), (60, 30)])
@pytest.mark.parametrize("kind", ["short", "full"])
def test_a_face_across_the_border_lies_where_it_is(astronaut: np.ndarray, kind: str, right: int, down: int) -> None:
    """MediaPipe's API moves squares into the picture at the left and at the top, and only there."""
    face = astronaut[20:240, 110:330]
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[130:350, 210:430] = face
    detector = MediaPipeBoxes(kind)
    (whole,) = detector.detect(frame(picture))
    edge = np.zeros_like(picture)
    x, y = (right if right <= 0 else 640 - 220 + right), (down if down <= 0 else 480 - 220 + down)
    shown = face[max(-y, 0) : 480 - y, max(-x, 0) : 640 - x]
    edge[max(y, 0) : max(y, 0) + shown.shape[0], max(x, 0) : max(x, 0) + shown.shape[1]] = shown
    found = detector.detect(frame(edge))
    detector.close()
    expected = whole.xyxy + np.array([x - 210, y - 130] * 2)
    assert len(found) == 1
    np.testing.assert_allclose(found[0].xyxy, expected, atol=0.12 * (expected[2] - expected[0]))


class TestFixedBoxes:
    def test_reads_our_own_tables(self, tmp_path: Path) -> None:
        file = tmp_path / "ä boxes.csv"
        file.write_text(
            "\ufeffframe, face_id,box_x,box_y,box_w,box_h\n0,0,10,20,30,40\n0,1,100,20,30,40\n7,0,1.5,2,3,4\n",
            encoding="utf-8",
        )
        detector = FixedBoxes.read(file)
        image = np.zeros((480, 640, 3), np.uint8)
        assert [box.xyxy.tolist() for box in detector.detect(frame(image))] == [[10, 20, 40, 60], [100, 20, 130, 60]]
        assert detector.detect(frame(image, 3)) == []
        assert detector.detect(frame(image, 7))[0].xyxy.tolist() == [1.5, 2, 4.5, 6]
        mirrored = FixedBoxes.read(file, mirror=True).detect(frame(image))
        assert mirrored[0].xyxy.tolist() == [599, 20, 629, 60]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "no column frame"),
            ("frame,x,y,w,h\n", "no column box_x"),
            ("frame,box_x,box_y,box_w,box_h\n0,1,2,3,nan\n", "line 2"),
            ("frame,box_x,box_y,box_w,box_h\n0,1,2,0,4\n", "line 2"),
            ("frame,box_x,box_y,box_w,box_h\n0.5,1,2,3,4\n", "line 2"),
            ("frame,box_x,box_y,box_w,box_h\n0,1,2,3\n", "line 2"),
            ("frame,box_x,box_y,box_w,box_h\n0,1,2,3,4\nx,1,2,3,4\n", "line 3"),
        ],
    )
    def test_wrong_files_are_usage_errors(self, tmp_path: Path, text: str, message: str) -> None:
        file = tmp_path / "boxes.csv"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=message):
            FixedBoxes.read(file)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"absent\.csv"):
            FixedBoxes.read(tmp_path / "absent.csv")
