"""Every kind of output, and how much a reader finds in it, for the tests of sinks."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realtime3d.sinks.base import Sink
from realtime3d.sinks.livelink_csv import LiveLinkCsvSink
from realtime3d.sinks.sidecar import SidecarSink
from realtime3d.sinks.tables import CsvSink, JsonlSink, TableOptions
from realtime3d.sinks.video import VideoOptions, VideoSink
from realtime3d.sources.choose import open_source
from realtime3d.types import Frame
from tests.helpers.io_faces import face, result, tiny_model
from tests.helpers.io_media import numbered

HAS_ARROW = importlib.util.find_spec("pyarrow") is not None
needs_arrow = pytest.mark.skipif(not HAS_ARROW, reason="pyarrow is not installed (the parquet extra)")
TABLE = TableOptions(tiny_model())
POSE = ("pose_Tx", "pose_Ty", "pose_Tz", "pose_Rx", "pose_Ry", "pose_Rz")
OPENFACE = ["frame", "face_id", "timestamp", "confidence", "success", *POSE]
CONTRACT = [
    *OPENFACE,
    *("box_x", "box_y", "box_w", "box_h"),
    *("pose_qw", "pose_qx", "pose_qy", "pose_qz", "head_pitch", "head_yaw", "head_roll"),
    *(f"exp_{i}" for i in range(29)),
    *(f"id_{i}" for i in range(99)),
]


def parquet_sink(path: Path) -> Sink:
    from realtime3d.sinks.parquet import ParquetSink

    return ParquetSink(path, TABLE)


KINDS: dict[str, tuple[str, Callable[[Path], Sink]]] = {
    "csv": ("a.csv", lambda path: CsvSink(path, TABLE)),
    "jsonl": ("a.jsonl", lambda path: JsonlSink(path, TABLE)),
    "parquet": ("a.parquet", parquet_sink),
    "livelink-csv": ("a.livelink.csv", LiveLinkCsvSink),
    "sidecar": ("a.json", lambda path: SidecarSink(path, {})),
    "video": ("a.mp4", lambda path: VideoSink(path, VideoOptions())),
}
every_sink = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=needs_arrow if kind == "parquet" else ()) for kind in KINDS]
)


def make(kind: str, folder: Path) -> tuple[Path, Sink]:
    name, factory = KINDS[kind]
    return folder / name, factory(folder / name)


def feed(sink: Sink, count: int = 10, first: int = 0) -> None:
    for i in range(first, first + count):
        image = numbered(i)
        sink.write(result(i, i / 25, face(0, i), image=image), image if sink.needs_image else None)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system that is soon full."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount on this system")
    if done.returncode != 0:
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # a reader may still map a file


def rows_in(kind: str, path: Path) -> int:
    """How many frames a reader finds."""
    if kind == "video":
        with open_source(path) as source:
            return sum(1 for _ in source)
    if kind == "parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).num_rows
    if kind == "sidecar":
        return json.loads(path.read_text())["frames"]["read"]
    return len(path.read_text().splitlines()) - (kind in ("csv", "livelink-csv"))


def video_frames(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return [item for item in source if isinstance(item, Frame)]
