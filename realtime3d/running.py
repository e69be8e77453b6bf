"""A job that is done: `open_run` opens one, `run` does one from open to summary.

summary = r3d.run("clip.mp4", csv="clip.csv", overlay="clip-overlay.mp4")
print(summary.frames, summary.files)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.config import Config
from realtime3d.jobs import Job, check
from realtime3d.render.base import OverlayStyle
from realtime3d.sinks.choose import OUTPUTS, SinkOptions, by_sidecar, lock_of
from realtime3d.sinks.facts import is_done, same_in_one_run
from realtime3d.sinks.more import MoreColumns
from realtime3d.sources.base import SourceOptions, SourceSpec
from realtime3d.sources.choose import open_source

if TYPE_CHECKING:
    from realtime3d.face.state import FrameResult
    from realtime3d.pipeline import Summary, Window
    from realtime3d.render.base import Renderer
    from realtime3d.sinks.base import Sink
    from realtime3d.sinks.resume import ResumePoint
    from realtime3d.sources.base import Source, SourceInfo
    from realtime3d.tracker import FaceTracker

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Run:
    """A job whose source is open."""

    job: Job
    tracker: FaceTracker
    source: Source
    renderer: Renderer
    read: SourceOptions  # of the source, as it was opened: behind what a killed run had
    sending: Sending
    _resume: ResumePoint | None

    @property
    def info(self) -> SourceInfo:
        """What is known of the source."""
        return self.source.info

    def follow(
        self,
        *,
        sinks: Sequence[Sink] = (),
        window: Window | None = None,
        until: Callable[[Iterable[Any]], Iterable[Any]] = iter,
        observe: Callable[[FrameResult], None] | None = None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Summary:
        """Follow the faces to the end of the source; `sinks` get what the job's files get.

        The hooks are those of `pipeline.run`; `interrupted` says at the end whether somebody ended the run early.
        """
        from realtime3d import pipeline

        every: list[Sink] = [*self.sinks_of(self.job, interrupted), *self.sending.sinks, *sinks]
        if self.job.virtual_camera:
            from realtime3d.sinks.virtual_camera import VirtualCamera

            every.append(VirtualCamera(self.info))
        until = self.sending.paced(until, watched=self.job.virtual_camera)
        summary = pipeline.run(
            self.source, self.tracker, every, self.renderer, window=window, until=until, observe=observe
        )
        self.sending.learner.end()
        summary.sent = self.sending.lines()
        summary.source, summary.files = self.info.name, self.job.existing()
        return summary

    def sinks_of(self, job: Job, interrupted: Callable[[], bool] = lambda: False) -> list[Sink]:
        """What writes the outputs of a job; of another than this run's, for what begins while the run goes on."""
        return [self._files(job, interrupted)] if job.outputs else []

    def _files(self, job: Job, interrupted: Callable[[], bool]) -> Sink:
        """A job's files as one sink."""
        from realtime3d.sinks.run_files import RunFiles
        from realtime3d.sinks.sidecar import SidecarSink

        resumed = self._resume is not None and job is self.job
        options = SinkOptions(
            model=self.tracker.model,
            info=self.info,
            start_s=job.read.start_s,
            end_s=job.read.end_s,
            every=job.read.every,
            blendshapes=job.blendshapes,
            raw=job.raw,
            more=job.more,
            mesh_every=job.mesh_every,
            mesh_level=job.mesh_level,
            resume=self._resume if resumed else None,
            profile=None if job.profile is None else Path(job.profile),
            live_link=self.sending.take(self.info.zero_ns),
        )
        sinks = [OUTPUTS[kind].make(path, options) for kind, path in job.outputs.items()]
        facts = self._facts(job)
        sidecars = [
            SidecarSink(
                path,
                {**facts, "outputs": {kind: file.name for kind, file in explained.items()}},
                zero_ns=self.info.zero_ns,
                every=job.read.every,
                resume=resumed,
                interrupted=interrupted,
                outputs=explained,
            )
            for path, explained in by_sidecar(job.outputs).items()
        ]
        return RunFiles(sinks, sidecars, [] if resumed else job.files())

    def _facts(self, job: Job) -> dict[str, Any]:
        """What a run knows from the start: source, models with their hashes, settings."""
        info = self.info
        return {
            "source": {
                "name": info.name, "width": info.width, "height": info.height, "fps": info.fps, "live": info.live
            },
            **same_in_one_run(job, self.tracker),
            "backend": {"name": self.tracker.backend.name, "device": self.tracker.backend.device},
            **self.sending.facts(),
        }  # fmt: skip


@contextmanager
def open_run(job: Job, tracker: FaceTracker) -> Iterator[Run]:
    """Open the source of a job that `plan` or `check` has seen. The tracker begins a new stream."""
    from realtime3d.render.choose import create_renderer
    from realtime3d.seam import continued
    from realtime3d.sinks.lock import Lock
    from realtime3d.sinks.resume import find_resume_point

    with ExitStack() as opened:
        for sidecar, explained in by_sidecar(job.outputs).items():
            lock = Lock(lock_of(sidecar), " and ".join(map(str, explained.values())))
            opened.callback(lock.close)
        point = find_resume_point(job.outputs, job.read.start_s) if job.resume else None
        tracker.reset()
        if point and point.timestamp_s > job.read.start_s:
            read = replace(job.read, start_s=point.source_start_s)
            source: Source = opened.enter_context(continued(job.source, job.read, job.outputs, point, tracker))
        else:
            read, source = job.read, opened.enter_context(open_source(job.source, job.read))
        renderer = opened.enter_context(closing(create_renderer(job.renderer, job.style, tracker.masker())))
        sending = Sending(job.send, zero_ns=source.info.zero_ns, live=source.info.live)
        yield Run(job, tracker, source, renderer, read, sending, point)


def run(
    source: SourceSpec,
    *,
    csv: str | Path | None = None,
    parquet: str | Path | None = None,
    jsonl: str | Path | None = None,
    overlay: str | Path | None = None,
    meshes: str | Path | None = None,
    glb: str | Path | None = None,
    detail: str | Path | None = None,
    mesh_every: int = 1,
    mesh_level: str | None = None,
    blendshapes: bool = False,
    raw: bool = False,
    gaze: bool = False,
    action_units: bool = False,
    emotions: bool = False,
    landmarks: str | None = None,
    all_frames: bool = False,
    style: OverlayStyle | None = None,
    renderer: str = "software",
    send: SendOptions | str | Sequence[str] = (),
    start: float = 0.0,
    end: float | None = None,
    every: int = 1,
    resume: bool = False,
    overwrite: bool = False,
    tracker: FaceTracker | None = None,
    config: Config | str | Path | None = None,
    sinks: Sequence[Sink] = (),
    observe: Callable[[FrameResult], None] | None = None,
) -> Summary:
    """Follow the faces of a whole source into files, as `realtime3d video` does; gives what was done.

    >>> summary = r3d.run(clip, csv="faces.csv", end=0.5)
    >>> summary.frames, [path.name for path in summary.files]
    (13, ['faces.csv', 'faces.json'])

    - source: a file, a folder or list of pictures, a camera number, a URL, or an iterable of pictures;
    - csv, parquet, jsonl, overlay, glb: files to write; meshes: a folder, with every `mesh_every`-th frame;
    - detail: a folder for wrinkles and folds (docs/how-to/detail.md);
    - blendshapes, raw: tables also get ARKit's 52 weights, and the values before smoothing;
    - gaze, action_units, emotions: tables also get where the eyes look, FACS's intensities, and seven emotions;
    - landmarks: tables also get "ibug68" or "mediapipe478"; all_frames: a row for each frame without faces, too;
    - style, renderer: how the overlay looks, and what draws it ("software" or "pyrender");
    - send: the URLs of programs that get the values (docs/how-to/avatars.md), or `SendOptions`;
    - start, end: the part of the source in seconds; every: only each n-th frame;
    - resume: continue a killed run of the same call; overwrite: replace files that are there;
    - tracker: one of your own, which stays open (its settings count), else one is made with `config`;
    - sinks: more places for results to go to, see `Sink`; observe: is called with each `FrameResult`.
    """
    wanted = {"csv": csv, "parquet": parquet, "jsonl": jsonl, "overlay": overlay, "meshes": meshes, "glb": glb}
    wanted["detail"] = detail
    sending = SendOptions.of(send)
    more = MoreColumns(gaze, action_units, emotions, landmarks, all_frames, sending.neutral())
    job = Job(
        source=str(source) if isinstance(source, Path) else source,
        outputs={kind: Path(path) for kind, path in wanted.items() if path is not None},
        read=SourceOptions(start_s=start, end_s=end, every=every),
        config=config if isinstance(config, Config) else Config.read(config) if config is not None else Config(),
        blendshapes=blendshapes,
        raw=raw,
        more=more,
        mesh_every=mesh_every,
        mesh_level=mesh_level,
        style=style or OverlayStyle(),
        renderer=renderer,
        send=sending,
        resume=resume,
        overwrite=overwrite,
    )
    return _done(job, tracker, sinks, observe)


def _done(
    job: Job, tracker: FaceTracker | None, sinks: Sequence[Sink], observe: Callable[[FrameResult], None] | None
) -> Summary:
    """A job from its check to its summary, with a tracker of the caller's or one of its own."""
    from realtime3d.pipeline import Summary

    check([job])
    with ExitStack() as opened:
        used = tracker or opened.enter_context(job.tracker())
        if is_done(job, used):
            _log.warning("%s is finished: there is nothing to resume", job.source)
            return Summary(source=str(job.source), files=job.existing())
        return opened.enter_context(open_run(job, used)).follow(sinks=sinks, observe=observe)
