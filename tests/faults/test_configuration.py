"""Settings, calibrations, profiles and boxes that are odd: one line that says what to do, and nothing is written."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import realtime3d as r3d
from realtime3d.clock import seconds_to_ns
from tests.helpers.faults import cases, fault

Video = Callable[..., Any]
ONE_LINE = "one line, exit code 2; nothing is written"
DEEP = 100_000
MATRIX = [[300.0, 0, 160], [0, 300.0, 120], [0, 0, 1]]


@pytest.mark.parametrize(
    "text",
    cases(
        "configuration",
        ONE_LINE,
        {
            "settings: a number of 400 digits": f"[track]\nmax_faces = {'9' * 400}\n",
            "settings: 400 digits where a fraction is meant": f"[track]\nhold_s = {'9' * 400}\n",
            "settings: a number of 5,000 digits": f"[track]\nmax_faces = {'9' * 5000}\n",
            "settings: lists nested 100,000 deep": f"[track]\nmax_faces = {'[' * DEEP}{']' * DEEP}\n",
            "settings: not a number": "[track]\nhold_s = nan\n",
            "settings: infinite": "[track]\nhold_s = inf\n",
            "settings: a name for a number": '[track]\nmax_faces = "many"\n',
            "settings: an unknown key": "[track]\nmax_face = 3\n",
            "settings: not TOML": "max_faces: 3\n",
        },
    ),
)
def test_odd_settings(text: str, video: Video, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(text)
    answer = video(clip, "--csv", tmp_path / "a.csv", "--config", tmp_path / "a.toml")
    answer.is_one_line(2, "a.toml")
    assert len(answer.err) < 500
    assert not (tmp_path / "a.csv").exists()


@fault("configuration", "settings: a file that is not UTF-8", ONE_LINE)
def test_settings_that_are_not_text(video: Video, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    video(clip, "--csv", tmp_path / "a.csv", "--config", tmp_path / "a.toml").is_one_line(2, "a.toml")


def calibration(**changes: Any) -> str:
    known = {"camera_matrix": MATRIX, "distortion_coefficients": [], "image_width": 320, "image_height": 240}
    return json.dumps(known | changes)


@pytest.mark.parametrize(
    "text",
    cases(
        "configuration",
        ONE_LINE,
        {
            "calibration: height 0": calibration(image_height=0),
            "calibration: a negative width": calibration(image_width=-320),
            "calibration: an infinite width": calibration(image_width=1e999),
            "calibration: a width of 400 digits": calibration().replace("320", "9" * 400),
            "calibration: lists nested 100,000 deep": "[" * DEEP + "]" * DEEP,
            "calibration: a focal length of 1e-30 px": calibration(
                camera_matrix=[[1e-30, 0, 1], [0, 1e-30, 1], [0, 0, 1]]
            ),
            "calibration: a focal length of 1e30 px": calibration(
                camera_matrix=[[1e30, 0, 1], [0, 1e30, 1], [0, 0, 1]]
            ),
            "calibration: pixels 50 times as wide as high": calibration(
                camera_matrix=[[300, 0, 160], [0, 6, 120], [0, 0, 1]]
            ),
            "calibration: the centre a million pixels away": calibration(
                camera_matrix=[[300, 0, 1e6], [0, 300, 120], [0, 0, 1]]
            ),
            "calibration: a distortion of a million": calibration(distortion_coefficients=[1e6, 0, 0, 0]),
            "calibration: a distortion that folds the picture": calibration(distortion_coefficients=[-9.0, 0, 0, 0]),
            "calibration: a distortion of three numbers": calibration(distortion_coefficients=[0.1, 0, 0]),
            "calibration: not a number": calibration(camera_matrix=[[float("nan"), 0, 1], [0, 300, 1], [0, 0, 1]]),
            "calibration: words for numbers": calibration(camera_matrix="wide"),
            "calibration: an empty file": "",
            "calibration: null": "null",
        },
    ),
)
def test_odd_calibrations(text: str, video: Video, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "cam.json").write_text(text)
    answer = video(clip, "--csv", tmp_path / "a.csv", "--intrinsics", tmp_path / "cam.json")
    answer.is_one_line(2, "cam.json")
    assert len(answer.err) < 600
    assert not (tmp_path / "a.csv").exists()


def npz(**members: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def npy(array: Any) -> bytes:
    buffer = BytesIO()
    np.save(buffer, np.asarray(array), allow_pickle=True)
    return buffer.getvalue()


def announced(shape: tuple[int, ...]) -> bytes:
    buffer = BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    cases(
        "configuration",
        ONE_LINE,
        {
            "calibration: an NPZ of no bytes": b"",
            "calibration: an NPZ without arrays": npz(),
            "calibration: an NPZ that announces 7 TiB": npz(camera_matrix=announced((1 << 20, 1 << 20))),
            "calibration: an NPZ with Python objects": npz(camera_matrix=npy(np.array([{}], dtype=object))),
            "calibration: an NPZ that is cut": npz(camera_matrix=npy(MATRIX))[:60],
            "calibration: an NPZ with another shape": npz(camera_matrix=npy(np.zeros(4))),
        },
    ),
)
def test_odd_archives(data: bytes, video: Video, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "cam.npz").write_bytes(data)
    video(clip, "--csv", tmp_path / "a.csv", "--intrinsics", tmp_path / "cam.npz").is_one_line(2, "cam.npz")


@pytest.mark.parametrize(
    "text",
    cases(
        "configuration",
        ONE_LINE,
        {
            "profile: lists nested 100,000 deep": "[" * DEEP + "]" * DEEP,
            "profile: a number of 400 digits": '{"format": 1, "face_model": "", "shape": [%s]}' % ("9" * 400),
            "profile: a format of 5,000 digits": '{"format": %s, "face_model": "", "shape": []}' % ("9" * 5000),
            "profile: a list": "[1, 2]",
            "profile: another program's file": '{"name": "me"}',
            "profile: an empty file": "",
            "profile: another face model": '{"format": 1, "face_model": "0", "shape": [0]}',
        },
    ),
)
def test_odd_profiles(text: str, video: Video, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "me.json").write_text(text)
    answer = video(clip, "--csv", tmp_path / "a.csv", "--profile", tmp_path / "me.json")
    answer.is_one_line(2, "me.json")
    assert len(answer.err) < 500
    assert (tmp_path / "me.json").read_text() == text


HEADER = "frame,box_x,box_y,box_w,box_h\n"


@pytest.mark.parametrize(
    "text",
    cases(
        "configuration",
        ONE_LINE,
        {
            "boxes: 100,000 in one frame": HEADER + "0,1,1,20,20\n" * 100_000,
            "boxes: no number": HEADER + "0,left,1,20,20\n",
            "boxes: not finite": HEADER + "0,nan,1,20,20\n",
            "boxes: 1e300 px wide": HEADER + "0,1,1,1e300,20\n",
            "boxes: no width": HEADER + "0,1,1,0,20\n",
            "boxes: a frame of -1": HEADER + "-1,1,1,20,20\n",
            "boxes: a field of a million characters": HEADER + "0," + "1" * 1_000_000 + ",1,20,20\n",
            "boxes: a NUL character": HEADER + "0,1\0,1,20,20\n",
        },
    ),
)
def test_odd_boxes(text: str, video: Video, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(text)
    answer = video(clip, "--csv", tmp_path / "a.csv", "--boxes", tmp_path / "b.csv")
    answer.is_one_line(2, "b.csv")
    assert len(answer.err) < 500


@pytest.mark.parametrize(
    "words",
    cases(
        "configuration",
        ONE_LINE,
        {
            "--start 1e300": ["--start", "1e300"],
            "--start 99999999:00:00": ["--start", "99999999:00:00"],
            "--end inf": ["--end", "inf"],
            "--start -1": ["--start=-1"],
            "--start nan": ["--start", "nan"],
            "--end before --start": ["--start", "2", "--end", "1"],
            "--fov of 400 degrees": ["--fov", "400"],
            "--max-faces 0": ["--max-faces", "0"],
        },
    ),
)
def test_odd_options(words: list[str], video: Video, clip: Path, tmp_path: Path) -> None:
    video(clip, "--csv", tmp_path / "a.csv", *words).is_one_line(2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "time",
    cases(
        "configuration",
        "a ValueError that says what a time is",
        {
            "t=1e300 in Python": 1e300,
            "t=nan in Python": float("nan"),
            "t=10**400 in Python": 10**400,
            "t='now' in Python": "now",
        },
    ),
)
def test_odd_times(time: Any) -> None:
    with pytest.raises(r3d.UsageError, match="t must be a"):
        seconds_to_ns(time)


@fault("configuration", "pictures in Python with times of 1e300", "a ValueError that says what a time is")
def test_odd_times_of_pictures() -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    with pytest.raises(r3d.UsageError, match="finite seconds"), r3d.open_source([(1e300, picture)]) as source:
        list(source)
