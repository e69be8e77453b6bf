"""Parquet tables of the parts of one film, each followed by itself, put together: with the ids of one run.

Every part but the first begins some seconds early. There its faces and those of the part before it are the same ones:
boxes that overlap in the same frames say who is who. Those seconds are then left out. An identity that was frozen in an
earlier part holds in all later ones, as it would in one run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import OutputError, first_line, require
from realtime3d.geometry import overlap
from realtime3d.sinks.columns import BOX
from realtime3d.sinks.parquet import read_table, unreadable, write_table

Array: TypeAlias = "NDArray[Any]"
SAME_BOX = 0.5  # overlap of the boxes of one face in two runs
SLACK_S = 2e-6  # of times, which are rounded to the microsecond


@dataclass(frozen=True, slots=True)
class Part:
    """The table of one part."""

    path: Path
    start_s: float  # rows before it belong to the part before
    frozen: frozenset[int] = frozenset()  # ids whose identity was frozen


@dataclass(slots=True)
class Seam:
    """How a part goes on where those before it ended."""

    start_s: float
    names: dict[int, int]  # id in the part -> id in the film
    agreeing: int = 0  # rows before the seam that say so


def join_tables(parts: Iterable[Part], folder: Path) -> list[Seam]:
    """Write `part-0000.parquet` and so on into `folder`; one part after the other is in memory."""
    joiner = _Joiner()
    return [joiner.take(part, folder / f"part-{i:04d}.parquet") for i, part in enumerate(parts)]


@dataclass(frozen=True, slots=True)
class _Faces:
    """The rows of a table, as far as it takes to know who is who."""

    frame: Array
    id: Array
    box: Array  # (N, 4) left, top, right, bottom


@dataclass(slots=True)
class _Joiner:
    """Takes the parts in order."""

    next_id: int = 0
    shapes: dict[int, Array] = field(default_factory=dict)  # frozen identities by the film's ids
    before: _Faces | None = None  # of the part before, in the film's ids

    def take(self, part: Part, target: Path) -> Seam:
        table = _read(part.path)
        kept = table["timestamp"].to_numpy() >= part.start_s - SLACK_S
        ids, box = table["face_id"].to_numpy(), _boxes(table)
        frames = table["frame"].to_numpy()
        seam = Seam(part.start_s, {})
        if self.before is not None:
            self._recognise(seam, _Faces(frames[~kept], ids[~kept], box[~kept]))
        for now in dict.fromkeys(ids[kept].tolist()):
            if now not in seam.names:
                seam.names[now] = self.next_id
                self.next_id += 1
        table, ids = table.filter(_arrow().array(kept)), ids[kept]
        names = np.array([seam.names[now] for now in ids.tolist()], dtype=np.int32)
        write_table(self._with(table, names), target)
        self.before = _Faces(frames[kept], names, box[kept])
        self._learn(part, seam, table, ids)
        return seam

    def _recognise(self, seam: Seam, now: _Faces) -> None:
        """Most votes first, everybody has one name."""
        assert self.before is not None
        votes = _votes(now, self.before)
        for (here, there), count in sorted(votes.items(), key=lambda vote: -vote[1]):
            if here not in seam.names and there not in seam.names.values():
                seam.names[here] = there
                seam.agreeing += count

    def _with(self, table: Any, names: Array) -> Any:
        """The table with the film's ids, and with the shapes that earlier parts have learned."""
        place = table.column_names.index("face_id")
        table = table.set_column(place, table.schema.field(place), _arrow().array(names))
        for known, shape in self.shapes.items():
            rows = names == known
            if rows.any():
                for column, value in zip(_shape_columns(table), shape, strict=True):
                    values = table.column(column).to_numpy().copy()
                    values[rows] = value
                    table = table.set_column(column, table.schema.field(column), _arrow().array(values))
        return table

    def _learn(self, part: Part, seam: Seam, table: Any, ids: Array) -> None:
        for now in sorted(part.frozen & seam.names.keys()):
            rows = np.flatnonzero(ids == now)
            if len(rows) and seam.names[now] not in self.shapes:
                last = table.slice(int(rows[-1]), 1)
                self.shapes[seam.names[now]] = np.array([last.column(i)[0].as_py() for i in _shape_columns(table)])


def _votes(now: _Faces, then: _Faces) -> dict[tuple[int, int], int]:
    """(id now, id then) -> frames in which their boxes agree."""
    votes: dict[tuple[int, int], int] = {}
    for frame in np.intersect1d(now.frame, then.frame):
        a, b = np.flatnonzero(now.frame == frame), np.flatnonzero(then.frame == frame)
        same = overlap(now.box[a], then.box[b])
        for i, row in enumerate(a):
            best = int(same[i].argmax())
            if same[i, best] > SAME_BOX:
                pair = int(now.id[row]), int(then.id[b[best]])
                votes[pair] = votes.get(pair, 0) + 1
    return votes


def _boxes(table: Any) -> Array:
    box = np.stack([table[name].to_numpy() for name in BOX], axis=1).astype(np.float64)
    box[:, 2:] += box[:, :2]
    return box


def _shape_columns(table: Any) -> list[int]:
    return [i for i, name in enumerate(table.column_names) if name.startswith("id_")]


def _arrow() -> Any:
    return require("pyarrow", "parquet", "a Parquet table")


def _read(path: Path) -> Any:
    try:
        return read_table(path)
    except unreadable() as error:
        raise OutputError(f"{path} cannot be read ({first_line(error)}): --overwrite starts anew") from error
