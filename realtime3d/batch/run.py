"""The run over all films: what is to be done goes to whoever is free, what has ended goes into the manifest."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from realtime3d.batch.base import Crew
from realtime3d.batch.choose import hire
from realtime3d.batch.driver import BatchSummary, Driver, Observe
from realtime3d.batch.inputs import find_films
from realtime3d.batch.manifest import BLOCK, FORMAT, Manifest
from realtime3d.batch.plan import BatchJob, Paths
from realtime3d.batch.summary import write_summary
from realtime3d.errors import OutputError
from realtime3d.files import make_folder, output_error
from realtime3d.sinks.lock import Lock
from realtime3d.sinks.parquet import check_installed


def run_batch(
    job: BatchJob,
    *,
    observe: Observe = lambda progress: None,
    interrupted: Callable[[], bool] = lambda: False,
    crew: Crew | None = None,
) -> BatchSummary:
    """Do a job, or go on with it. `interrupted` is asked twice a second; `crew`: somebody else's workers."""
    paths, summary = Paths(job.out), BatchSummary(job.out)
    check_installed()
    make_folder(job.out)
    with ExitStack() as opened:
        opened.enter_context(closing(Lock(job.out / ".manifest.lock", str(job.out))))
        if job.overwrite:
            forget(paths)
        _clear(paths.work)
        manifest = opened.enter_context(Manifest(paths.manifest))
        register(job, manifest)
        summary.counts = manifest.counts()
        summary.kept = summary.counts.done
        start = time.perf_counter()
        if summary.counts.left:
            with crew or hire(job) as workers:
                summary.workers = workers.size
                Driver(job, manifest, workers, summary, observe, interrupted).run()
        summary.seconds = time.perf_counter() - start
        summary.counts = manifest.counts()
        summary.files = [paths.table, *_finish(job, paths, manifest)]
        _clear(paths.work)
    return summary


def _finish(job: BatchJob, paths: Paths, manifest: Manifest) -> list[Path]:
    """What is made of the whole batch."""
    where = str(job.out.resolve())
    if not job.people:
        return write_summary(paths, manifest, where)
    from realtime3d.batch.people import faces_of, name_people, people_rows, write_people

    with job.tracker() as tracker:
        labels = name_people(faces_of(manifest), tracker.model)
    write_people(paths.people, labels)
    return [*write_summary(paths, manifest, where, people_rows(labels)), paths.people]


def register(job: BatchJob, manifest: Manifest) -> None:
    """Write the films into the manifest, block by block; refuse to go on with another batch."""
    facts = {"format": FORMAT, "settings": _settings(job), "made": _made(job)}
    known = manifest.facts()
    for name, value in facts.items():
        if known and known.get(name) != _as_read(value):
            raise OutputError(
                f"{manifest.path} is of a batch with other {name}: go on with the options of the first run, name "
                "another folder, or add --overwrite to start anew"
            )
    manifest.begin()
    try:
        for name, value in facts.items():
            manifest.state_fact(name, value)
        if job.retry:
            manifest.try_again()
        for number, film in enumerate(find_films(job.inputs, job.out), start=1):
            manifest.add(film.address, film.name, film.bytes, film.changed_ns)
            if number % BLOCK == 0:
                manifest.commit()
                manifest.begin()
        manifest.commit()
    finally:
        manifest.roll_back()


def _settings(job: BatchJob) -> dict[str, Any]:
    settings = job.each.config.as_dict()
    settings["models"].pop("threads")  # how many cores work on it changes nothing
    return settings


def _made(job: BatchJob) -> dict[str, Any]:
    return {
        "blendshapes": job.each.blendshapes,
        "raw": job.each.raw,
        "overlay": job.overlay,
        "glb": job.glb,
        "chunk_s": job.chunk_s if job.divides else None,
    }


def _as_read(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def forget(paths: Paths) -> None:
    """Remove everything of an earlier batch, and nothing else."""
    for folder in (paths.table, paths.beside, paths.chunks):
        _clear(folder)
    for file in (paths.manifest, paths.manifest.with_name(paths.manifest.name + "-journal"), paths.summary,
                 paths.films, paths.people):  # fmt: skip
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(file, error) from error


def _clear(folder: Path) -> None:
    if folder.is_symlink():
        raise OutputError(f"{folder} is a symbolic link: name another folder")
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise output_error(folder, error) from error
