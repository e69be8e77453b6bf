"""A run as plain data: what to read, what to write, with which settings. Everything that starts a run goes through it.

`plan` checks jobs before the first frame is read; `running.open_run` opens one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.avatar.options import SendOptions
from realtime3d.config import Config
from realtime3d.errors import UsageError
from realtime3d.render.base import OverlayStyle
from realtime3d.sinks.check import Files, check_files
from realtime3d.sinks.more import NOTHING_MORE, MoreColumns
from realtime3d.sinks.names import files_for
from realtime3d.sources.base import STDIN, SourceOptions, SourceSpec
from realtime3d.sources.inputs import check_input, input_files

if TYPE_CHECKING:
    from realtime3d.tracker import FaceTracker

PLAIN = ("csv", "parquet", "jsonl")  # outputs that show no more of the eyes than their columns


@dataclass(frozen=True, slots=True)
class Job:
    """One input and what is made of it. With a named source it can be pickled and sent to another machine."""

    source: SourceSpec  # what `open_source` takes
    outputs: Mapping[str, Path] = field(default_factory=dict)  # kind, as in `sinks.choose.OUTPUTS` -> file
    read: SourceOptions = field(default_factory=SourceOptions)  # which part of it, and how
    config: Config = field(default_factory=Config)  # of the tracker
    boxes: str | Path | None = None  # a CSV with face boxes instead of the detector
    profile: str | Path | None = None  # one person's identity: used where it exists, else written at the end
    blendshapes: bool = False  # tables also get ARKit's 52 weights
    raw: bool = False  # tables also get the values before smoothing
    more: MoreColumns = NOTHING_MORE  # what else tables get
    mesh_every: int = 1  # frames between meshes in a folder
    mesh_level: str | None = None  # "live" or "full"; None: PLY and OBJ full, GLB live
    style: OverlayStyle = field(default_factory=OverlayStyle)  # of the overlay
    renderer: str = "software"  # what draws it, as in `render.choose.RENDERERS`
    virtual_camera: bool = False  # the drawn picture as a camera for other programs
    send: SendOptions = field(default_factory=SendOptions)  # to which programs, and how shaped
    shown: bool = False  # in a window, while it runs
    resume: bool = False  # continue where a killed run of this job stopped
    overwrite: bool = False  # replace files that are there already
    reads: tuple[Path, ...] = ()  # files that the settings came from: no output may replace them

    def files(self) -> list[Path]:
        """The files that are there after the run: outputs and the sidecars that explain them."""
        return self.everything().results()

    def existing(self) -> list[Path]:
        """Those that are there."""
        return [path for path in self.files() if path.exists()]

    def everything(self) -> Files:
        """Every file that the run reads beside its source, and writes."""
        settings = (self.boxes, self.config.camera.intrinsics, self.config.detector.model_file)
        read = (*self.reads, *(Path(file) for file in settings if file))
        kept = {"--profile": self.profile, "--learn": self.send.calibration if self.send.learn else None}
        if self.send.calibration and not self.send.learn:
            read = (*read, self.send.calibration)
        return Files(
            self.outputs,
            {option: Path(path) for option, path in kept.items() if path},
            read,
            str(self.source),
            replaces=self.overwrite or self.resume,
        )

    @property
    def wants_eyes(self) -> bool:
        """Whether anything that it makes shows where the eyes look, or a weight: plain tables do not."""
        more = self.more
        columns = self.blendshapes or more.gaze or more.action_units or more.emotions or bool(more.landmarks)
        plain = bool(self.outputs) and set(self.outputs) <= set(PLAIN) and not (self.send.targets or self.shown)
        return columns or self.virtual_camera or not plain

    def tracker(self) -> FaceTracker:
        """A tracker with the job's settings; it opens with `with`. It looks at eyes only where somebody wants that."""
        from realtime3d.tracker import FaceTracker

        config = self.config if self.wants_eyes else self.config.with_options({"eyes": False})
        return FaceTracker(config=config, boxes=self.boxes, profile=self.profile)


def plan(inputs: Sequence[str], outputs: Mapping[str, str | Path], template: Job) -> list[Job]:
    """One job for each input, everything else as in `template`. Where there are several, `outputs` names folders.

    Folders are made. What cannot work is refused here: missing inputs, files that are there already (unless the job
    may overwrite or resumes), two outputs of one name.
    """
    many = len(inputs) > 1
    jobs = [replace(template, source=source, outputs=files_for(source, outputs, many=many)) for source in inputs]
    check(jobs)
    return jobs


def check(jobs: Sequence[Job]) -> None:
    """Refuse jobs that cannot work, before anything is opened or written."""
    for job in jobs:
        check_input(job.source)
        job.send.check()
        if job.resume and job.overwrite:
            raise UsageError("--resume goes on with what is there, --overwrite replaces it: give one of them")
        if job.resume and job.source == STDIN:
            raise UsageError("--resume cannot go back in the standard input: give a file, or --overwrite")
    check_files([job.everything() for job in jobs], (file for job in jobs for file in input_files(job.source)))
