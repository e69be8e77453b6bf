"""One task of a batch: a film, a part of one, or putting a film's parts together.

Everything is written in a folder of its own under `DIR/work` and takes its place in one step: a reader of the table
sees all rows of a film or none, whatever is killed. What a second try finds in its place it replaces.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from realtime3d.batch.join import join
from realtime3d.batch.manifest import Chunk, Film
from realtime3d.batch.plan import BatchJob, Paths, Task, bounds
from realtime3d.batch.pulse import Pulse, label
from realtime3d.batch.tally import TallySink
from realtime3d.files import make_folder, output_error, write_whole
from realtime3d.jobs import Job
from realtime3d.running import open_run
from realtime3d.sinks.facts import same_in_one_run
from realtime3d.sources.base import EndsEarlier, SourceOptions
from realtime3d.sources.remote import Fetched
from realtime3d.tracker import FaceTracker

Notes: TypeAlias = "dict[str, Any]"
SAME = ("models", "settings", "columns")  # of all films of a batch


@contextmanager
def open_worker(job: BatchJob) -> Iterator[Callable[[Task], Notes]]:
    """A tracker that stays open, and what does one task after the other with it."""
    with job.tracker() as tracker, Fetched() as fetched:
        yield Worker(job, tracker, fetched)


class Worker:
    """Does tasks; nets and detector are loaded once."""

    def __init__(self, job: BatchJob, tracker: FaceTracker, fetched: Fetched) -> None:
        self._job, self._paths = job, Paths(job.out)
        self._tracker, self._fetched = tracker, fetched
        self._same = ""

    def __call__(self, task: Task) -> Notes:
        start = time.perf_counter()
        with self._folder(task) as folder:
            if task.notes:
                notes = self._join(task, folder)
            elif task.chunk:
                notes = self._chunk(task.chunk, folder)
            else:
                notes = self._film(task.film, folder)
        notes["seconds"] = round(time.perf_counter() - start, 4)
        return notes

    def _film(self, film: Film, folder: Path) -> Notes:
        """A whole film; or the first part of one that turns out to be long."""
        job, paths, beside = self._job, self._paths, folder / film.name
        end_s = job.first_end_s
        made = self._follow(film, beside, SourceOptions(end_s=end_s))
        if end_s is not None and _goes_on(made, end_s):
            made["bounds"] = bounds(end_s, job.chunk_s, made["duration_s"])
            _install(beside, paths.chunk(film, 0))
            return made
        rows = folder / paths.rows_of(film).name
        make_folder(rows)
        os.replace(beside / f"{film.name}.parquet", rows / "part-0000.parquet")
        _install(beside, paths.beside / film.name)
        _install(rows, paths.rows_of(film))
        return made

    def _chunk(self, chunk: Chunk, folder: Path) -> Notes:
        """A later part of a long film, with the seconds before it, by which it is joined to the part before."""
        start_s = max(0.0, chunk.start_s - self._job.overlap_s)
        read = SourceOptions(start_s=start_s, end_s=chunk.end_s)
        try:
            made = self._follow(chunk.film, folder / "part", read, chunk.start_s)
        except EndsEarlier:  # the film is shorter than it says
            return {"empty": True}
        _install(folder / "part", self._paths.chunk(chunk.film, chunk.number))
        return made

    def _join(self, task: Task, folder: Path) -> Notes:
        film, paths = task.film, self._paths
        rows, beside = folder / paths.rows_of(film).name, folder / film.name
        make_folder(rows)
        there = [(paths.chunk(film, i), notes) for i, notes in enumerate(task.notes) if not notes.get("empty")]
        made, sidecar = join([part for part, _ in there], [notes for _, notes in there], rows)
        text = json.dumps(sidecar, indent=2, ensure_ascii=False)
        write_whole(beside / f"{film.name}.json", text.encode(errors="backslashreplace") + b"\n", make_folder=True)
        _install(beside, paths.beside / film.name)
        _install(rows, paths.rows_of(film))
        shutil.rmtree(paths.chunks / film.name, ignore_errors=True)
        return made

    def _follow(self, film: Film, folder: Path, read: SourceOptions, from_s: float = 0.0) -> Notes:
        """Follow the faces of a film, or of a part, into files of its name in `folder`."""
        make_folder(folder)
        outputs = {"parquet": folder / f"{film.name}.parquet"}
        if self._job.overlay:
            outputs["overlay"] = folder / f"{film.name}.mp4"
        if self._job.glb:
            outputs["glb"] = folder / f"{film.name}.glb"
        source = self._fetched(film.address)
        job = replace(self._job.each, source=source, outputs=outputs, read=replace(read, live=False))
        with open_run(job, self._tracker) as run:
            tally = TallySink(from_s, run.info.zero_ns)
            run.follow(sinks=[tally], observe=self._pulse.beat)
            warnings, duration_s = run.source.status.warnings, run.info.duration_s
        notes = {**tally.notes(), "duration_s": duration_s, "start_s": from_s, "same": self._facts(job)}
        if warnings:
            notes["warnings"] = list(warnings)
        return notes

    def _facts(self, job: Job) -> str:
        """What must be the same for all films, as a few letters."""
        if not self._same:
            facts = same_in_one_run(replace(job, source=()), self._tracker)
            text = json.dumps({name: facts[name] for name in SAME}, sort_keys=True, default=str)
            self._same = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._same

    @contextmanager
    def _folder(self, task: Task) -> Iterator[Path]:
        """A folder for what is being written; gone afterwards."""
        folder = self._paths.work / f"{label(task)}~{os.getpid()}-{uuid.uuid4().hex[:8]}"
        make_folder(folder)
        self._pulse = Pulse(folder / "pulse")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _goes_on(made: Notes, end_s: float) -> bool:
    """Whether a film is longer than its first part; where its header does not tell, one that is as long may be."""
    duration_s: float | None = made["duration_s"]
    return made["last_s"] > end_s / 2 if duration_s is None else duration_s > end_s


def _install(made: Path, place: Path) -> None:
    """Put a file or folder where it belongs; what an earlier try left there goes."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        os.replace(made, place)
    except OSError as error:
        raise output_error(place, error) from error
