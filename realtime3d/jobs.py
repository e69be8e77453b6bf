"""A run as plain data: what to read, what to write, with which settings. Everything that starts a run goes through it.

    summary = r3d.run("clip.mp4", csv="clip.csv", overlay="clip-overlay.mp4")
    print(summary.frames, summary.files)

`plan` checks jobs before the first frame is read, `open_run` opens one, `run` does one from open to summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.config import Config
from realtime3d.errors import SourceError, UsageError
from realtime3d.files import check_folder, check_output, make_folder, stem_for
from realtime3d.sinks.choose import OUTPUTS, SinkOptions, sidecar_of, sidecars_of
from realtime3d.sources.base import SourceOptions, SourceSpec
from realtime3d.sources.choose import is_file_name, open_source

if TYPE_CHECKING:
    from realtime3d.face.state import FrameResult
    from realtime3d.pipeline import Summary, Window
    from realtime3d.render.base import Renderer
    from realtime3d.sinks.base import Sink
    from realtime3d.sinks.resume import ResumePoint
    from realtime3d.sources.base import Source, SourceInfo
    from realtime3d.tracker import FaceTracker


@dataclass(frozen=True, slots=True)
class Job:
    """One input and what is made of it. With a named source it can be pickled and sent to another machine."""

    source: SourceSpec
    outputs: Mapping[str, Path] = field(default_factory=dict)  # kind, as in `sinks.choose.OUTPUTS` -> file
    read: SourceOptions = field(default_factory=SourceOptions)
    config: Config = field(default_factory=Config)
    boxes: str | Path | None = None  # a CSV with face boxes instead of the detector
    profile: str | Path | None = None  # one person's identity: used where it exists, else written at the end
    blendshapes: bool = False  # tables also get ARKit's 52 weights
    raw: bool = False  # tables also get the values before smoothing
    mesh_every: int = 1  # frames between meshes in a folder
    mesh_level: str | None = None  # "live" or "full"; None: PLY and OBJ full, GLB live
    send: SendOptions = field(default_factory=SendOptions)  # to which programs, and how shaped
    resume: bool = False  # continue where a killed run of this job stopped
    overwrite: bool = False  # replace files that are there already

    def files(self) -> list[Path]:
        """Every file that the run writes."""
        return list(dict.fromkeys([*self.outputs.values(), *sidecars_of(self.outputs)]))

    def tracker(self) -> FaceTracker:
        """A tracker with the job's settings; it opens with `with`."""
        from realtime3d.tracker import FaceTracker

        if self.profile:
            check_output(Path(self.profile), overwrite=True)  # now, and not when the person has been learned
        return FaceTracker(config=self.config, boxes=self.boxes, profile=self.profile)


# -- planning ---------------------------------------------------------------------------------------------------------


def plan(inputs: Sequence[str], outputs: Mapping[str, Path], template: Job) -> list[Job]:
    """One job for each input, everything else as in `template`. Where there are several, `outputs` names folders.

    Folders are made. What cannot work is refused here: missing inputs, files that are there already (unless the job
    may overwrite or resumes), two outputs of one name.
    """
    many = len(inputs) > 1
    jobs = [replace(template, source=source, outputs=_files_for(source, outputs, many=many)) for source in inputs]
    check(jobs)
    return jobs


def check(jobs: Sequence[Job]) -> None:
    """Refuse jobs that cannot work, before anything is opened or written."""
    for job in jobs:
        _check_input(job.source)
        job.send.check()
    _check_distinct(jobs)
    files = [Path(str(job.source)) for job in jobs if _is_file(job.source)]
    for job in jobs:
        for kind, path in job.outputs.items():
            OUTPUTS[kind].check_name(kind, path)
            (check_folder if OUTPUTS[kind].folder else check_output)(path, job.overwrite or job.resume, files)


def _is_file(source: SourceSpec) -> bool:
    return isinstance(source, Path) or (isinstance(source, str) and is_file_name(source))


def _check_input(source: SourceSpec) -> None:
    try:
        missing = _is_file(source) and not Path(str(source)).exists()
    except (OSError, ValueError) as error:  # too long, or a NUL character
        raise SourceError(f"{str(source)[:60]!r} is no file name ({error}): check it") from error
    if missing:
        raise SourceError(f"{source} does not exist: check the name and the folder ({Path.cwd()})")


def _files_for(source: str, outputs: Mapping[str, Path], *, many: bool) -> dict[str, Path]:
    files = {}
    for kind, path in outputs.items():
        suffix, is_folder = OUTPUTS[kind].suffix, OUTPUTS[kind].folder
        folder = many or (not is_folder and (path.is_dir() or str(path).endswith("/")))
        if many and not is_folder and path.suffix == suffix and not path.is_dir():
            raise UsageError(f"--{kind} {path}: with several inputs name a folder, not a file")
        if folder:
            make_folder(path)
        files[kind] = path / (stem_for(source) + suffix) if folder else path
    return files


def _check_distinct(jobs: Sequence[Job]) -> None:
    """No file is written twice; the tables of one job share their sidecar."""
    taken: dict[Path, str] = {}
    for job in jobs:
        sidecars = {sidecar_of(path): kind for kind, path in job.outputs.items() if OUTPUTS[kind].sidecar}
        for path, kind in [*((path, kind) for kind, path in job.outputs.items()), *sidecars.items()]:
            if path.resolve() in taken:
                raise UsageError(f"--{kind} would write {path}, which is {taken[path.resolve()]} as well: name another")
            taken[path.resolve()] = f"written for {job.source}"


# -- running ----------------------------------------------------------------------------------------------------------


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

        every = [*self.sinks_of(self.job, interrupted), *self.sending.senders, *sinks]
        until = self.sending.paced(until)
        summary = pipeline.run(
            self.source, self.tracker, every, self.renderer, window=window, until=until, observe=observe
        )
        self.sending.learner.end()
        summary.sent = self.sending.lines()
        summary.source, summary.files = self.info.name, [path for path in self.job.files() if path.exists()]
        return summary

    def sinks_of(self, job: Job, interrupted: Callable[[], bool] = lambda: False) -> list[Sink]:
        """What writes the outputs of a job; of another than this run's, for what begins while the run goes on."""
        from realtime3d.sinks.columns import table_columns
        from realtime3d.sinks.sidecar import SidecarSink

        options = SinkOptions(
            model=self.tracker.model,
            info=self.info,
            start_s=job.read.start_s,
            end_s=job.read.end_s,
            every=job.read.every,
            blendshapes=job.blendshapes,
            raw=job.raw,
            mesh_every=job.mesh_every,
            mesh_level=job.mesh_level,
            resume=self._resume,
            live_link=self.sending.take(self.info.zero_ns),
        )
        sinks = [OUTPUTS[kind].make(path, options) for kind, path in job.outputs.items()]
        facts = {**self._facts(job), "columns": table_columns(options.table)}
        sidecars: list[Sink] = [
            SidecarSink(
                path,
                facts,
                zero_ns=self.info.zero_ns,
                every=job.read.every,
                resume=self._resume is not None,
                interrupted=interrupted,
            )
            for path in sidecars_of(job.outputs)
        ]
        return [*sinks, *sidecars]

    def _facts(self, job: Job) -> Mapping[str, Any]:
        """What a run knows from the start: source, models with their hashes, settings, outputs."""
        info, models = self.info, self.tracker.model_set
        return {
            "source": {
                "name": info.name, "width": info.width, "height": info.height, "fps": info.fps, "live": info.live
            },
            "models": {
                "set": models.name,
                "status": models.status,
                "files": {part: {"file": f.path.name, "sha256": f.sha256} for part, f in models.files.items()},
            },
            "backend": {"name": self.tracker.backend.name, "device": self.tracker.backend.device},
            "settings": self.tracker.config.as_dict(),
            "outputs": {kind: path.name for kind, path in job.outputs.items()},
            **self.sending.facts(),
        }  # fmt: skip


@contextmanager
def open_run(job: Job, tracker: FaceTracker) -> Iterator[Run]:
    """Open the source of a job that `plan` or `check` has seen. The tracker begins a new stream."""
    from realtime3d.render.choose import create_renderer
    from realtime3d.sinks.resume import find_resume_point

    read = job.read
    point = find_resume_point(job.outputs, read.start_s) if job.resume else None
    if point:
        read = replace(read, start_s=max(read.start_s, point.source_start_s))
    tracker.reset(point.next_face_id if point else 0)
    with open_source(job.source, read) as source, closing(create_renderer()) as renderer:
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
    mesh_every: int = 1,
    mesh_level: str | None = None,
    blendshapes: bool = False,
    raw: bool = False,
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
    - blendshapes, raw: tables also get ARKit's 52 weights, and the values before smoothing;
    - send: the URLs of programs that get the values (docs/how-to/avatars.md), or `SendOptions`;
    - start, end: the part of the source in seconds; every: only each n-th frame;
    - resume: continue a killed run of the same call; overwrite: replace files that are there;
    - tracker: one of your own, which stays open (its settings count), else one is made with `config`;
    - sinks: more places for results to go to, see `Sink`; observe: is called with each `FrameResult`.
    """
    wanted = {"csv": csv, "parquet": parquet, "jsonl": jsonl, "overlay": overlay, "meshes": meshes, "glb": glb}
    job = Job(
        source=str(source) if isinstance(source, Path) else source,
        outputs={kind: Path(path) for kind, path in wanted.items() if path is not None},
        read=SourceOptions(start_s=start, end_s=end, every=every),
        config=config if isinstance(config, Config) else Config.read(config) if config is not None else Config(),
        blendshapes=blendshapes,
        raw=raw,
        mesh_every=mesh_every,
        mesh_level=mesh_level,
        send=SendOptions.of(send),
        resume=resume,
        overwrite=overwrite,
    )
    check([job])
    with ExitStack() as opened:
        used = tracker or opened.enter_context(job.tracker())
        return opened.enter_context(open_run(job, used)).follow(sinks=sinks, observe=observe)
