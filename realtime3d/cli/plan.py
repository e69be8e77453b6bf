"""From inputs and output options to jobs: everything is checked before the first frame is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime3d.errors import SourceError, UsageError
from realtime3d.files import check_output, output_error
from realtime3d.sources.choose import is_file_name

SUFFIXES = {"csv": ".csv", "parquet": ".parquet", "jsonl": ".jsonl", "overlay": ".mp4"}
MP4 = (".mp4", ".m4v", ".mov")  # the last one is nearly the same, and players agree
TABLES = ("csv", "parquet")


def sidecar_of(table: Path) -> Path:
    """The JSON file beside a table."""
    return table.with_suffix(".json")


@dataclass(frozen=True, slots=True)
class Job:
    """One input and the files made from it."""

    source: str
    outputs: Mapping[str, Path]  # kind, as in SUFFIXES -> file


def plan_jobs(inputs: Sequence[str], outputs: Mapping[str, Path], *, replace: bool) -> list[Job]:
    """One job an input. `outputs` names a file a kind, or a folder where there are several inputs.

    Folders are made. Files that are there already are an error unless `replace`.
    """
    for source in inputs:
        _check_input(source)
    jobs = [Job(source, _files_for(source, outputs, many=len(inputs) > 1)) for source in inputs]
    _check_distinct(jobs)
    files = [Path(job.source) for job in jobs if is_file_name(job.source)]
    for job in jobs:
        for path in job.outputs.values():
            check_output(path, replace, files)
    return jobs


def _check_input(source: str) -> None:
    try:
        missing = is_file_name(source) and not Path(source).exists()
    except (OSError, ValueError) as error:  # too long, or a NUL character
        raise SourceError(f"{source[:60]!r} is no file name ({error}): check it") from error
    if missing:
        raise SourceError(f"{source} does not exist: check the name and the folder ({Path.cwd()})")


def _files_for(source: str, outputs: Mapping[str, Path], *, many: bool) -> dict[str, Path]:
    files = {}
    for kind, path in outputs.items():
        folder = many or path.is_dir() or str(path).endswith("/")
        if many and path.suffix == SUFFIXES[kind] and not path.is_dir():
            raise UsageError(f"--{kind} {path}: with several inputs name a folder, not a file")
        if folder:
            _make_folder(path)
        elif kind == "overlay" and path.suffix.lower() not in MP4:
            raise UsageError(f"--overlay {path}: the overlay is an MP4 file: name it {path.with_suffix('.mp4')}")
        files[kind] = path / (_stem(source) + SUFFIXES[kind]) if folder else path
    return files


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def _stem(source: str) -> str:
    """A file name for what is made of `source`."""
    name = Path(source.rstrip("/").rpartition("/")[2]).stem
    return "".join(c if c not in '%*?[]<>:"|\\' else "_" for c in name) or "output"


def _check_distinct(jobs: Sequence[Job]) -> None:
    """No file is written twice; the tables of one job share their sidecar."""
    taken: dict[Path, str] = {}
    for job in jobs:
        sidecars = {sidecar_of(path): kind for kind, path in job.outputs.items() if kind in TABLES}
        for path, kind in [*((path, kind) for kind, path in job.outputs.items()), *sidecars.items()]:
            if path.resolve() in taken:
                raise UsageError(f"--{kind} would write {path}, which is {taken[path.resolve()]} as well: name another")
            taken[path.resolve()] = f"written for {job.source}"
