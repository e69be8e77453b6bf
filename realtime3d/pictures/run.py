"""The run over all pictures: the tables grow as it goes, a killed run is taken up where it stopped."""

from __future__ import annotations

import csv
import glob
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from realtime3d.errors import OutputError, SourceError
from realtime3d.files import AppendFile, check_output, output_error, write_whole
from realtime3d.pictures.plan import (
    ERRORS,
    FACTS,
    NO_DETAIL,
    NO_FACE,
    PARQUET,
    SHEET,
    TABLE,
    PicturesJob,
    Problem,
    Task,
    plan,
)
from realtime3d.pictures.pool import Pool
from realtime3d.pictures.sheet import read_faces, write_sheet
from realtime3d.pictures.work import FIXED, Done, PictureWorker
from realtime3d.sinks.parquet import check_installed, from_csv
from realtime3d.sinks.sidecar import CONVENTIONS, read_sidecar, versions
from realtime3d.tracker import FaceTracker

SAME_IN_ONE_RUN = ("models", "settings", "columns", "prior")
ERROR_COLUMNS = ("id", "file", "line", "problem")


@dataclass(slots=True)
class PicturesSummary:
    """What a run did."""

    out: Path
    pictures: int = 0  # looked at
    faces: int = 0
    without: int = 0  # pictures in which no face was found
    without_detail: int = 0  # faces that are too small for it
    errors: int = 0  # everything else in errors.csv
    kept: int = 0  # pictures that an earlier run had done
    moved_mm: list[float] = field(default_factory=list)  # by the prior, of each face
    seconds: float = 0.0
    files: list[Path] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.pictures / self.seconds if self.seconds else 0.0


def run_pictures(
    job: PicturesJob,
    *,
    until: Callable[[Iterable[Any]], Iterable[Any]] = iter,
    expect: Callable[[int], None] = lambda count: None,
    observe: Callable[[Done], None] = lambda done: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> PicturesSummary:
    """Do a job. `expect` is told how many pictures there are, `observe` of each that is done; `until` may end early."""
    planned = plan(job.inputs, job.out)
    if not planned:
        raise SourceError(f"{', '.join(map(str, job.inputs))} names no picture: check the list")
    paths = {name: job.out / name for name in (TABLE, ERRORS, SHEET, FACTS, PARQUET)}
    _check_outputs(job, planned, paths)
    if job.parquet:
        check_installed()
    ids = {item.id for item in planned if isinstance(item, Task)}
    summary = PicturesSummary(job.out)
    with ExitStack() as opened:
        tracker = opened.enter_context(closing(FaceTracker(config=job.config)))  # its detector opens if it is needed
        here = opened.enter_context(PictureWorker(job, ids, tracker))
        header = ",".join(here.columns()).encode() + b"\n"
        facts = _facts(job, tracker, here.columns())
        end, done_before = _done_before(paths[TABLE], header, ids) if job.resume else (0, set())
        if end:
            _refuse_other_run(paths[FACTS], facts)
        summary.kept = len(done_before)
        table = opened.enter_context(closing(AppendFile(paths[TABLE], end)))
        errors = opened.enter_context(closing(AppendFile(paths[ERRORS], 0)))
        if not end:
            table.append(header)
        errors.append(_line(ERROR_COLUMNS))
        _write_facts(paths[FACTS], facts, "running", summary)
        todo = [item for item in planned if isinstance(item, Problem) or item.id not in done_before]
        expect(len(todo))
        start = time.perf_counter()
        for done in until(_results(job, here, ids, todo)):
            _take(done, table, errors, summary)
            observe(done)
        summary.seconds = time.perf_counter() - start
    _finish(job, paths, summary)
    _write_facts(paths[FACTS], facts, "interrupted" if interrupted() else "complete", summary)
    return summary


def _check_outputs(job: PicturesJob, planned: Sequence[Task | Problem], paths: Mapping[str, Path]) -> None:
    """Refuse to write over what is there, unless that is wanted."""
    inputs = [Path(name) for name in job.inputs if not glob.has_magic(name)]
    for path in paths.values():
        check_output(path, job.overwrite or job.resume, inputs)
    if not (job.overwrite or job.resume):
        ending = "_final_frontal.ply" if job.layout == "extreme-3d" else ""
        wanted = (job.out / (task.id + ending) for task in planned if isinstance(task, Task))
        there = next((path for path in wanted if path.exists()), None)
        if there is not None:
            raise OutputError(f"{there} is there already: add --overwrite, or name another folder")


def _results(job: PicturesJob, here: PictureWorker, ids: set[str], todo: Sequence[Task | Problem]) -> Iterator[Done]:
    """What becomes of every item, in order."""
    tasks = [item for item in todo if isinstance(item, Task)]
    pool = Pool(job, ids) if job.workers > 1 and len(tasks) > 1 else None
    results = pool.map(tasks) if pool else map(here.do, tasks)
    for item in todo:
        yield Done(item, problems=(item,)) if isinstance(item, Problem) else next(results)


def _take(done: Done, table: AppendFile, errors: AppendFile, summary: PicturesSummary) -> None:
    if done.rows:
        table.append(done.rows.encode("utf-8", "backslashreplace"))
    for problem in done.problems:
        errors.append(_line((problem.id, str(problem.file), problem.where, problem.text)))
    none = sum(problem.text == NO_FACE for problem in done.problems)
    small = sum(problem.text.startswith(NO_DETAIL) for problem in done.problems)
    summary.pictures += isinstance(done.task, Task)
    summary.faces += done.faces
    summary.moved_mm += done.moved_mm
    summary.without += none
    summary.without_detail += small
    summary.errors += len(done.problems) - none - small


def _line(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _finish(job: PicturesJob, paths: Mapping[str, Path], summary: PicturesSummary) -> None:
    """What is made of the whole table."""
    summary.files = [paths[TABLE], paths[FACTS], paths[ERRORS]]
    if job.overlay and write_sheet(paths[SHEET], job.out, read_faces(paths[TABLE])):
        summary.files.append(paths[SHEET])
    if job.parquet:
        from_csv(paths[TABLE], paths[PARQUET], {"id": "str", "file": "str", "face": "int32", "success": "int8"})
        summary.files.append(paths[PARQUET])


# -- going on where a killed run stopped ------------------------------------------------------------------------------


def _done_before(table: Path, header: bytes, ids: set[str]) -> tuple[int, set[str]]:
    """How many bytes of the table stay, and which tasks they are; the last task is done again, it may lack faces."""
    ends: list[tuple[str, int]] = []  # of each task, the offset behind its rows
    try:
        with open(table, "rb") as file:
            if file.readline() != header:
                if table.stat().st_size == 0:
                    return 0, set()
                raise OutputError(
                    f"{table} has other columns than this run: resume with the options of the first run, or --overwrite"
                )
            for name, size in _whole_rows(file, header.count(b",") + 1):
                if name in ids or not ends:
                    ends.append((name, len(header) + size))
                else:  # another face of the same picture
                    ends[-1] = (ends[-1][0], len(header) + size)
    except FileNotFoundError:
        return 0, set()
    except OSError as error:
        raise output_error(table, error) from error
    kept = ends[:-1]
    return (kept[-1][1] if kept else len(header)), {name for name, _ in kept}


def _whole_rows(file: Iterable[bytes], columns: int) -> Iterator[tuple[str, int]]:
    """The id of each row, and the bytes up to its end; until the first that is cut off, or is none of ours."""
    read, line = 0, b""

    def texts() -> Iterator[str]:
        nonlocal read, line
        for line in file:
            read += len(line)
            yield line.decode("utf-8", "surrogateescape")

    rows = csv.reader(texts(), strict=True)  # a name may hold a line's end
    while True:
        try:
            cells = next(rows, [])
            _ = [float(cell) for cell in cells[len(FIXED) :] if cell]
        except (csv.Error, ValueError):
            return
        if len(cells) != columns or not line.endswith(b"\n"):
            return
        yield cells[0], read


def _refuse_other_run(path: Path, facts: Mapping[str, Any]) -> None:
    """One table holds the results of one set of nets and settings."""
    old, now = read_sidecar(path), json.loads(json.dumps(facts, default=str))
    for key in SAME_IN_ONE_RUN:
        if old is not None and old.get(key) != now[key]:
            raise OutputError(
                f"{path} says that the killed run had other {key}: resume with the command of the first run, "
                "or add --overwrite to start anew"
            )


def _facts(job: PicturesJob, tracker: FaceTracker, columns: Sequence[str]) -> dict[str, Any]:
    models = tracker.model_set
    return {
        "format": 1,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "conventions": {
            **{key: text for key, text in CONVENTIONS.items() if key not in ("frame", "timestamp")},
            **dict(zip(FIXED, ("the face; its files lie in the folder of this name", "the picture", "its number in "
                               "the picture, 1 for the largest or only one"), strict=True)),
        },
        "models": {
            "set": models.name,
            "status": models.status,
            "files": {part: {"file": f.path.name, "sha256": f.sha256} for part, f in models.files.items()},
        },
        "backend": {"name": tracker.backend.name, "device": tracker.backend.device},
        "settings": job.config.as_dict(),
        "columns": list(columns),
        "prior": job.prior,
    }  # fmt: skip


def _write_facts(path: Path, facts: Mapping[str, Any], state: str, summary: PicturesSummary) -> None:
    counts = {name: getattr(summary, name) for name in ("pictures", "faces", "without", "errors", "kept")}
    content = {**facts, "state": state, "counts": counts}
    write_whole(
        path, json.dumps(content, indent=2, ensure_ascii=False, default=str).encode(errors="backslashreplace") + b"\n"
    )
