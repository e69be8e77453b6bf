"""Which outputs a run can have: one row for each kind. A new file format is a row here and a file beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.errors import UsageError
from realtime3d.sinks.more import NOTHING_MORE, MoreColumns

if TYPE_CHECKING:
    from realtime3d.face.model import FaceModel
    from realtime3d.sinks.base import Sink
    from realtime3d.sinks.livelink_csv import Values
    from realtime3d.sinks.resume import ResumePoint
    from realtime3d.sinks.tables import TableOptions
    from realtime3d.sources.base import SourceInfo


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """What a run tells every one of its outputs."""

    model: FaceModel
    info: SourceInfo
    start_s: float = 0.0  # where the run was asked to start, before any resume
    end_s: float | None = None
    every: int = 1
    blendshapes: bool = False
    raw: bool = False
    mesh_every: int = 1
    mesh_level: str | None = None
    resume: ResumePoint | None = None
    more: MoreColumns = NOTHING_MORE
    profile: Path | None = None  # of the person whose detail is kept
    live_link: Values | None = None  # of a Live Link Face take; None: the lowest id, measured

    @property
    def table(self) -> TableOptions:
        """The same for tables."""
        from realtime3d.sinks.tables import TableOptions

        resume_s = self.resume.timestamp_s if self.resume else None
        return TableOptions(self.model, self.info.zero_ns, self.blendshapes, self.raw, resume_s, self.more)


@dataclass(frozen=True, slots=True)
class Output:
    """One kind of output."""

    suffix: str  # of a file that is made in a folder
    help: str  # of the option `--KIND`
    make: Callable[[Path, SinkOptions], Sink]
    last: Callable[[Path, float], float | None]  # time of a killed run's last frame in it; gets the run's start
    suffixes: tuple[str, ...] = ()  # that a file may have, where there are others
    folder: bool = False  # whether it is a folder of files
    live: bool = True  # whether a camera's run can have it
    per_face: bool = False  # whether other faces get files `NAME_ID` beside it

    def check_name(self, kind: str, path: Path) -> None:
        """Refuse a file name that would not be read as what it is."""
        if path.suffix.lower() not in (self.suffixes or (self.suffix,)):
            raise UsageError(
                f"--{kind} {path}: this output is a {self.suffix} file: name it {path.with_suffix(self.suffix)}"
            )


def _csv(path: Path, options: SinkOptions) -> Sink:
    from realtime3d.sinks.tables import CsvSink

    return CsvSink(path, options.table)


def _jsonl(path: Path, options: SinkOptions) -> Sink:
    from realtime3d.sinks.tables import JsonlSink

    return JsonlSink(path, options.table)


def _text_end(path: Path, start_s: float) -> float | None:
    from realtime3d.sinks.tables import last_time

    return last_time(path)


def _parquet(path: Path, options: SinkOptions) -> Sink:
    from realtime3d.sinks.parquet import ParquetSink

    return ParquetSink(path, options.table)


def _parquet_end(path: Path, start_s: float) -> float | None:
    from realtime3d.sinks.parquet import last_part_time

    return last_part_time(path)


def _live_link(path: Path, options: SinkOptions) -> Sink:
    from realtime3d.sinks.livelink_csv import LiveLinkCsvSink, measured

    resume_s = options.resume.timestamp_s if options.resume else None
    values = options.live_link or measured
    return LiveLinkCsvSink(path, zero_ns=options.info.zero_ns, resume_s=resume_s, values=values)


def _live_link_end(path: Path, start_s: float) -> float | None:
    from realtime3d.sinks.livelink_csv import rows

    found = rows(path)
    return found[-1][1] if found else None


def _overlay(path: Path, options: SinkOptions) -> Sink:
    from realtime3d.clock import to_ns
    from realtime3d.sinks.video import VideoOptions, VideoSink

    info = options.info
    return VideoSink(
        path,
        VideoOptions(
            fps=info.fps / options.every if info.fps else None,
            zero_ns=info.zero_ns + to_ns(options.start_s),
            sound=info.path if info.has_audio else None,
            sound_start_s=options.start_s,
            sound_end_s=options.end_s,
            resume_s=options.resume.video_s if options.resume else None,
        ),
    )


def _overlay_end(path: Path, start_s: float) -> float | None:
    from realtime3d.sinks.killed_video import last_frame_s

    video_s = last_frame_s(path)
    return None if video_s is None else video_s + start_s


def _meshes(path: Path, options: SinkOptions) -> Sink:
    from realtime3d.sinks.mesh_runs import MeshFolderSink

    return MeshFolderSink(path, options.model, options.mesh_every, options.mesh_level)


def _animation(path: Path, options: SinkOptions) -> Sink:
    from realtime3d.sinks.mesh_runs import AnimationSink

    return AnimationSink(path, options.model, options.mesh_level)


def _detail(path: Path, options: SinkOptions) -> Sink:
    from realtime3d.sinks.film_detail import FilmDetailSink

    return FilmDetailSink(path, options.model, options.profile)


def _from_the_start(path: Path, start_s: float) -> float | None:
    """What cannot be taken up half-way is made again."""
    return None


OUTPUTS: Mapping[str, Output] = {
    "csv": Output(".csv", "table of every face in every frame", _csv, _text_end),
    "parquet": Output(".parquet", "the same table, typed (needs the [parquet] extra)", _parquet, _parquet_end),
    "jsonl": Output(".jsonl", "one JSON object a frame", _jsonl, _text_end, suffixes=(".jsonl", ".ndjson")),
    "livelink-csv": Output(
        ".livelink.csv", "one face as a take of Live Link Face", _live_link, _live_link_end, suffixes=(".csv",)
    ),
    "overlay": Output(
        ".mp4",
        "the video with what was found drawn over it (H.264)",
        _overlay,
        _overlay_end,
        suffixes=(".mp4", ".m4v", ".mov"),  # the last one is nearly the same, and players agree
    ),
    "meshes": Output("", "folder of PLY meshes: 000123_ID.ply, frame and face", _meshes, _from_the_start, folder=True),
    "glb": Output(
        ".glb",
        "the head as it moved, with the picture's colours",
        _animation,
        _from_the_start,
        suffixes=(".glb",),
        per_face=True,
    ),
    "detail": Output(
        "",
        "folder of wrinkles and folds: the person's own, those of expressions, a head that has both",
        _detail,
        _from_the_start,
        folder=True,
        live=False,
    ),
}


def sidecar_of(kind: str, output: Path) -> Path:
    """The JSON file beside an output that explains it."""
    return output.with_name(f"{output.name}.json") if OUTPUTS[kind].folder else output.with_suffix(".json")


def lock_of(sidecar: Path) -> Path:
    """What a run holds while it writes the outputs of a sidecar."""
    return sidecar.with_name(f".{sidecar.stem}.lock")


def by_sidecar(outputs: Mapping[str, Path]) -> dict[Path, dict[str, Path]]:
    """The sidecars of a run, each with the outputs that it explains: those of one name share theirs."""
    found: dict[Path, dict[str, Path]] = {}
    for kind, path in outputs.items():
        found.setdefault(sidecar_of(kind, path), {})[kind] = path
    return found
