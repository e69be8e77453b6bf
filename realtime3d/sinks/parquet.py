"""Parquet, written as complete small files while the run goes on and put together at its end.

A Parquet file without its last bytes cannot be read at all, so a single growing file would be lost with a killed run.
Instead, every `rows_per_part` rows or `seconds_per_part` seconds a whole file goes into the folder
`NAME.parquet.parts`, which any reader opens as a data set (`pandas.read_parquet("NAME.parquet.parts")`). The end of
the run makes `NAME.parquet` of them, one row group after the other, and removes the folder.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from realtime3d.errors import OutputError, first_line, require
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.files import leftovers, output_error, whole
from realtime3d.sinks.columns import NO_FACE, Group, groups_of, timestamp
from realtime3d.sinks.sidecar import CONVENTIONS
from realtime3d.sinks.tables import RESUME_SLACK_S, TableOptions
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

ROWS_PER_GROUP = 8_000  # all of them are in memory when parts are put together
_OURS = re.compile(r"\d+\.parquet|\.\d+\.\d+-[0-9a-f]{8}\.parquet|whole\.tmp")  # parts, and drafts of parts
_FIXED = (("frame", "int64"), ("face_id", "int32"), ("timestamp", "float64"))


def parts_folder(path: Path) -> Path:
    """Where the parts of a running (or killed) run's Parquet file are."""
    return leftovers(path)[0]


class ParquetSink:
    """The CSV's columns, typed; see this module's text for what a killed run leaves."""

    needs_image = False

    def __init__(
        self,
        path: Path,
        options: TableOptions,
        rows_per_part: int = 2_000,
        seconds_per_part: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._arrow = require("pyarrow", "parquet", "a Parquet table")
        self._parquet = require("pyarrow.parquet", "parquet", "a Parquet table")
        self._compute = require("pyarrow.compute", "parquet", "a Parquet table")
        self._path, self._parts, self._options = path, parts_folder(path), options
        self._limits, self._clock = (rows_per_part, seconds_per_part), clock
        self._groups = groups_of(options)
        self._columns = [*_FIXED, *((name, group.kind) for group in self._groups for name in group.names)]
        fields = [self._arrow.field(name, self._arrow.from_numpy_dtype(np.dtype(kind))) for name, kind in self._columns]
        notes = {f"realtime3d.{key}": text for key, text in CONVENTIONS.items()}
        self._schema = self._arrow.schema(fields, metadata=notes)
        self._rows: list[list[float | None]] = []
        self._since = 0.0

    def __enter__(self) -> Self:
        try:
            if self._options.resume_s is None:
                self._parts.mkdir()
            else:
                self._parts.mkdir(exist_ok=True)
                self._cut(self._options.resume_s)
        except OSError as error:
            raise output_error(self._parts, error) from error
        self._number = max((int(part.stem) for part in part_files(self._path)), default=-1) + 1
        self._since = self._clock()
        return self

    def _cut(self, resume_s: float) -> None:
        """Drop the rows of the frames from `resume_s` on; a finished file becomes the first part again."""
        if self._path.exists():  # parts beside it were about to be removed
            remove_parts(self._path)
            self._parts.mkdir()
            os.replace(self._path, self._parts / _part_name(0))
        for part in part_files(self._path):
            table = _read(part)
            self._refuse_other_columns(table, part)
            kept = table.filter(self._compute.less(table["timestamp"], resume_s - RESUME_SLACK_S))
            if kept.num_rows == 0:
                part.unlink()
            elif kept.num_rows < table.num_rows:
                write_table(kept, part)

    def _refuse_other_columns(self, table: Any, part: Path) -> None:
        if not table.schema.equals(self._schema, check_metadata=False):
            raise OutputError(
                f"{part} has other columns than this run: resume with the options of the first run, or --overwrite"
            )

    def write(self, result: FrameResult, image: Image | None) -> None:
        time_s = timestamp(result, self._options.zero_ns)
        faces = result.faces or ((None,) if self._options.more.all_frames else ())
        self._rows += [self._row(result.frame.index, time_s, face) for face in faces]
        rows, seconds = self._limits
        if len(self._rows) >= rows or (self._rows and self._clock() - self._since >= seconds):
            self._flush()

    def _row(self, frame: int, time_s: float, face: FaceState | None) -> list[float | None]:
        row: list[float | None] = [frame, NO_FACE if face is None else face.id, time_s]
        for group in self._groups:
            row += _cells(group, face)
        return row

    def _flush(self) -> None:
        """Whole parts only: a part appears under its name when it is complete."""
        columns = zip(*self._rows, strict=True)
        arrays = [self._array(values, kind) for values, (_, kind) in zip(columns, self._columns, strict=True)]
        write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema), self._parts / _part_name(self._number))
        self._number += 1
        self._rows, self._since = [], self._clock()

    def _array(self, values: tuple[float | None, ...], kind: str) -> Any:
        """A typed column: null where a value is None; NaN stays NaN."""
        missing = np.array([value is None for value in values])
        return self._arrow.array(np.array([0 if v is None else v for v in values], dtype=kind), mask=missing)

    def __exit__(self, *failure: object) -> None:
        if self._rows:
            self._flush()
        self._join()

    def _join(self) -> None:
        """Make one file of the parts; until it is complete, the parts stay."""
        draft = self._parts / "whole.tmp"
        try:
            with open(draft, "wb") as file, self._parquet.ParquetWriter(file, self._schema) as writer:
                waiting: list[Any] = []
                for part in part_files(self._path):
                    waiting.append(_read(part).cast(self._schema))
                    if sum(table.num_rows for table in waiting) >= ROWS_PER_GROUP:
                        writer.write_table(self._arrow.concat_tables(waiting))
                        waiting = []
                if waiting:
                    writer.write_table(self._arrow.concat_tables(waiting))
            os.replace(draft, self._path)
            remove_parts(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise output_error(self._path, error) from error


def _part_name(number: int) -> str:
    return f"{number:06d}.parquet"


def remove_parts(path: Path) -> None:
    """Remove the folder of parts; where it holds anything that is not ours, that is an OSError."""
    folder = parts_folder(path)
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        if _OURS.fullmatch(file.name):
            file.unlink()
    folder.rmdir()


def part_files(path: Path) -> list[Path]:
    """The whole parts of a running or killed run, in order."""
    return sorted(parts_folder(path).glob("[0-9]*.parquet"))


def last_part_time(path: Path) -> float | None:
    """The last timestamp in what a killed run left; None where there are no rows."""
    tables = parts_in_order(path, ["timestamp", "face_id"])
    return max((max(table["timestamp"].to_pylist()) for table in tables if table.num_rows), default=None)


def parts_in_order(path: Path, columns: list[str] | None = None) -> list[Any]:
    """What a killed or finished run left, as tables."""
    files = part_files(path) or [file for file in [path] if file.exists()]
    return [_read(file, columns) for file in files]


def _read(file: Path, columns: list[str] | None = None) -> Any:
    """A part as a table; OutputError where it is none of ours."""
    arrow = require("pyarrow", "parquet", "a Parquet table")
    try:
        table = read_table(file, columns)
        times, ids = table["timestamp"], table["face_id"]
    except unreadable() as error:
        raise _damaged(file, first_line(error)) from error
    known = arrow.types.is_floating(times.type) and arrow.types.is_integer(ids.type)
    if not known or times.null_count or ids.null_count or not np.isfinite(times.to_numpy()).all():
        raise _damaged(file, "its times or ids are none")
    return table


def read_table(path: Path, columns: list[str] | None = None) -> Any:
    """A file's table as pyarrow has it; one of `unreadable()` where it is none."""
    parquet = require("pyarrow.parquet", "parquet", "a Parquet table")
    with open(path, "rb") as file:  # pyarrow itself takes no names with bytes that are no text
        return parquet.read_table(file, columns=columns, partitioning=None)


def write_table(table: Any, path: Path) -> None:
    """Replace a file in one step."""
    parquet = require("pyarrow.parquet", "parquet", "a Parquet table")
    with whole(path) as draft, open(draft, "wb") as file:
        parquet.write_table(table, file)


def unreadable() -> tuple[type[Exception], ...]:
    """What pyarrow says of a file that is damaged, or none, and of columns of another kind."""
    arrow = require("pyarrow", "parquet", "a Parquet table")
    return (arrow.ArrowException, OSError, KeyError, ValueError, TypeError, OverflowError)


def _damaged(file: Path, why: str) -> OutputError:
    return OutputError(f"{file} cannot be continued ({why}): delete it, or add --overwrite to start anew")


def _cells(group: Group, face: FaceState | None) -> list[float | None]:
    values = group.of(face)
    return (
        [None] * len(group.names) if values is None else [None if value is None else float(value) for value in values]
    )


def check_installed() -> None:
    """Refuse a run that could not write its table at the end."""
    require("pyarrow.csv", "parquet", "a Parquet table")


def from_csv(table: Path, path: Path, kinds: Mapping[str, str]) -> None:
    """A finished CSV table as Parquet; `kinds` are the NumPy types of columns that are no measurements."""
    arrow: Any = require("pyarrow", "parquet", "a Parquet table")
    arrow_csv: Any = require("pyarrow.csv", "parquet", "a Parquet table")
    with open(table, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    exact = ("pose_", "raw_pose_", "head_")
    known = {name: "float64" if name.startswith(exact) else "float32" for name in names} | dict(kinds)
    numbers = {name: arrow.from_numpy_dtype(np.dtype(kind)) for name, kind in known.items() if kind != "str"}
    types = {name: numbers.get(name, arrow.string()) for name in known}
    with open(table, "rb") as content:
        read = arrow_csv.read_csv(
            content,
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(column_types=types),
        )
    notes = {f"realtime3d.{key}": text for key, text in CONVENTIONS.items()}
    write_table(read.replace_schema_metadata(notes), path)
