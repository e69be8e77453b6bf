"""Live Link Face's take as a file: header, timecodes, values, and going on with a killed run's."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import pytest

from realtime3d.face.arkit import NAMES, PASCAL
from realtime3d.sinks.livelink_csv import HEADER, LiveLinkCsvSink, rows, seconds_of, timecode
from tests.helpers.avatars import counted, moment, tracked

APP = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,"
    "MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,"
    "BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)


def test_the_header_is_the_apps() -> None:
    assert ",".join(HEADER) == APP and len(HEADER) == 2 + 61


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (0.0, "00:00:00:00.000"),
        (1.0, "00:00:01:00.000"),
        (1 / 60, "00:00:00:01.000"),
        (0.04, "00:00:00:02.400"),
        (59.999999, "00:01:00:00.000"),
        (3725.5, "01:02:05:30.000"),
        (-1.0, "00:00:00:00.000"),
    ],
)
def test_timecodes(seconds: float, code: str) -> None:
    assert timecode(seconds) == code
    assert seconds_of(code) == pytest.approx(max(seconds, 0.0), abs=1e-5)


def test_timecodes_rise_with_any_frame_rate() -> None:
    for rate in (24000 / 1001, 25, 30000 / 1001, 60, 120):
        times = [seconds_of(timecode(i / rate)) for i in range(1000)]
        assert all(b > a for a, b in itertools.pairwise(times))
        assert max(abs(t - i / rate) for i, t in enumerate(times)) < 1e-5


def test_values_stand_under_their_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with LiveLinkCsvSink(path) as sink:
        sink.write(moment(0.5, tracked(counted(), turn=(10, 20, -5)), tracked(face_id=7)), None)
        sink.write(moment(0.6), None)  # nobody: no row
        sink.write(moment(0.7, tracked(face_id=7)), None)
    with open(path, newline="", encoding="ascii") as file:
        first, second = csv.DictReader(file)
    assert first["Timecode"] == "00:00:00:30.000" and first["BlendShapeCount"] == "61"
    assert second["Timecode"] == "00:00:00:42.000"
    assert [float(first[PASCAL[n]]) for n in NAMES] == pytest.approx([counted()[n] for n in NAMES], abs=1e-8)
    angles = [float(first[f"Head{part}"]) for part in ("Yaw", "Pitch", "Roll")]
    assert angles == pytest.approx([math.radians(a) for a in (20, 10, -5)], abs=1e-7)
    assert float(second["JawOpen"]) == 0


def test_a_killed_runs_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with LiveLinkCsvSink(path) as sink:
        for i in range(10):
            sink.write(moment(i / 25, tracked()), None)
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])  # the last row is cut off
    assert len(rows(path)) == 9
    with LiveLinkCsvSink(path, resume_s=9 / 25) as sink:
        sink.write(moment(9 / 25, tracked()), None)
    assert path.read_bytes() == whole
    path.write_bytes(b"something else\n1,2,3\n")
    with LiveLinkCsvSink(path, resume_s=1.0) as sink:
        sink.write(moment(1.0, tracked()), None)
    assert len(rows(path)) == 1
