"""Boxes: from MediaPipe, from a file, flipped."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from realtime3d.detect import mediapipe_box
from realtime3d.detect.fixed import FixedBoxes
from realtime3d.detect.mediapipe_box import MODEL_VARIABLE, MediaPipeBoxes, tight_box
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


class TestTasksApi:
    """The way of MediaPipe 0.10.30 and newer, which the version with the weights in its wheel knows as well."""

    @pytest.fixture(autouse=True)
    def _no_solutions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mediapipe_box, "_solutions", lambda: None)
        monkeypatch.delenv(MODEL_VARIABLE, raising=False)

    @staticmethod
    def file(kind: str) -> Path:
        import mediapipe

        names = {"short": "face_detection_short_range.tflite", "full": "face_detection_full_range_sparse.tflite"}
        return Path(mediapipe.__file__).parent / "modules" / "face_detection" / names[kind]

    def test_finds_the_same_face(self, astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(MODEL_VARIABLE, str(self.file("short")))
        detector = MediaPipeBoxes("both")
        (found,) = detector.detect(frame(astronaut))
        detector.close()
        monkeypatch.undo()
        (expected,) = MediaPipeBoxes("short").detect(frame(astronaut))
        np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=2)

    def test_range_that_the_file_does_not_have(self) -> None:
        with pytest.raises(MissingError, match="no full range"):
            MediaPipeBoxes("full", model_file=str(self.file("short"))).detect(frame(np.zeros((9, 9, 3), np.uint8)))

    def test_without_a_file_both_ways_are_named(self) -> None:
        with pytest.raises(MissingError, match=rf"mediapipe==0\.10\.21.*model_file or {MODEL_VARIABLE}"):
            MediaPipeBoxes().detect(frame(np.zeros((9, 9, 3), np.uint8)))

    def test_unknown_files_are_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "changed.tflite"
        file.write_bytes(self.file("short").read_bytes() + b"\0")
        with pytest.raises(MissingError, match=r"changed\.tflite is none of the known"):
            MediaPipeBoxes(model_file=str(file)).detect(frame(np.zeros((9, 9, 3), np.uint8)))


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
