"""The truth about a batch: which films there are, what is done, what was set aside and why.

`DIR/manifest.sqlite` is written by the driver alone, one transaction for all that has ended since the last one. A part
of the table counts only when its film is done here; what was killed before is made again under the same name.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime3d.batch.cells import stored, text_of, told
from realtime3d.errors import OutputError, first_line
from realtime3d.outside import from_json

if TYPE_CHECKING:
    from typing_extensions import Self

FORMAT = 1
WAITING, SPLIT, DONE, ASIDE = "waiting", "split", "done", "aside"
BLOCK = 1_000  # films that are in memory at once
_BROKEN = (
    sqlite3.Error,
    ValueError,
    OverflowError,
    MemoryError,
)  # a damaged file: no text, no number
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS films (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,
    film TEXT NOT NULL UNIQUE,       -- its name in the table's folders
    bytes INTEGER,                   -- of the file, where that is known without opening it
    changed_ns INTEGER,
    state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '', -- why the last try failed
    frames INTEGER, face_rows INTEGER, seconds REAL, notes TEXT
);
CREATE INDEX IF NOT EXISTS films_by_state ON films (state, id);
CREATE TABLE IF NOT EXISTS chunks (  -- of films that are in several
    film_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    start_s REAL NOT NULL,
    end_s REAL,                      -- none: to the end
    state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    notes TEXT,
    PRIMARY KEY (film_id, number)
);
"""


@dataclass(frozen=True, slots=True)
class Film:
    """A film as the manifest knows it."""

    id: int
    address: str
    name: str  # in the table's folders
    bytes: int | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a long film."""

    film: Film
    number: int
    start_s: float
    end_s: float | None
    tries: int = 0


@dataclass(slots=True)
class Counts:
    """How far a batch is."""

    films: int = 0
    done: int = 0
    aside: int = 0
    bytes: int = 0  # of films whose size is known
    bytes_left: int = 0
    unknown_left: int = 0  # films to do whose size is not known

    @property
    def left(self) -> int:
        return self.films - self.done - self.aside

    def end(self, size: int | None, *, aside: bool) -> None:
        """One film less to do."""
        self.done += not aside
        self.aside += aside
        self.bytes_left -= size or 0
        self.unknown_left -= size is None


class Manifest:
    """One file, opened by `with`. Only one process may have it open, which the batch's lock sees to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_TABLES)
        except _BROKEN as error:
            raise self._failed(error) from error
        return self

    def __exit__(self, *failure: object) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _run(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        assert self._db is not None, "opened with `with`"
        try:
            return self._db.execute(statement, tuple(map(stored, values)))
        except _BROKEN as error:
            raise self._failed(error) from error

    def _rows(self, statement: str, values: Iterable[Any] = ()) -> list[Any]:
        """All rows that a statement finds."""
        cursor = self._run(statement, values)
        try:
            return [tuple(map(told, row)) for row in cursor.fetchall()]
        except _BROKEN as error:
            raise self._failed(error) from error

    def _notes(self, text: Any) -> dict[str, Any]:
        try:
            notes = from_json(text)
        except (TypeError, ValueError) as error:
            raise self._failed(error) from error
        if not isinstance(notes, dict):
            raise self._failed(ValueError("notes of a film are missing"))
        return notes

    def _film(self, row: Sequence[Any]) -> Film:
        film = Film(*row)
        if not (isinstance(film.address, str) and isinstance(film.name, str) and isinstance(film.tries, int)):
            raise self._failed(ValueError("a film has no name"))
        return film

    def _failed(self, error: Exception) -> OutputError:
        return OutputError(
            f"{self.path} cannot be used ({first_line(error)}): make room, or name another folder if it is damaged"
        )

    def begin(self) -> None:
        """What follows is written as a whole, by `commit`, or not at all."""
        self._run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._run("COMMIT")

    def roll_back(self) -> None:
        if self._db is not None and self._db.in_transaction:
            self._run("ROLLBACK")

    # -- facts and films ----------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        """What is the same for all films of the batch."""
        return {name: self._notes(value).get("value") for name, value in self._rows("SELECT name, value FROM facts")}

    def state_fact(self, name: str, value: Any) -> None:
        text = json.dumps({"value": value}, ensure_ascii=False, default=str)
        self._run("INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                  (name, text))  # fmt: skip

    def add(self, address: str, name: str, size: int | None, changed_ns: int | None) -> None:
        """A film that is to be done; one that is known already is done again if its file has changed.

        `name` gets a number where another film has it.
        """
        for known in self._rows("SELECT id, bytes, changed_ns FROM films WHERE address = ?", (address,)):
            if (size, changed_ns) != known[1:]:
                self._run("DELETE FROM chunks WHERE film_id = ?", known[:1])
                self._run("UPDATE films SET bytes = ?, changed_ns = ?, state = 'waiting', tries = 0, reason = ''"
                          " WHERE id = ?", (size, changed_ns, known[0]))  # fmt: skip
            return
        free, number = name, 1
        while self._rows("SELECT 1 FROM films WHERE film = ?", (free,)):
            number += 1
            free = f"{name}-{number}"
        self._run("INSERT INTO films (address, film, bytes, changed_ns) VALUES (?, ?, ?, ?)",
                  (address, free, size, changed_ns))  # fmt: skip

    def try_again(self) -> None:
        """Films that were set aside get new tries."""
        self._run("DELETE FROM chunks WHERE film_id IN (SELECT id FROM films WHERE state = 'aside')")
        self._run("UPDATE films SET state = 'waiting', tries = 0 WHERE state = 'aside'")

    def counts(self) -> Counts:
        (row,) = self._rows(
            "SELECT count(*), sum(state = 'done'), sum(state = 'aside'), sum(bytes),"
            " sum(CASE WHEN state IN ('waiting', 'split') THEN bytes END),"
            " sum(state IN ('waiting', 'split') AND bytes IS NULL) FROM films"
        )
        try:
            return Counts(*(int(value or 0) for value in row))
        except _BROKEN as error:
            raise self._failed(error) from error

    # -- what is to be done -------------------------------------------------------------------------------------------

    def waiting(self, after_id: int = 0) -> Iterator[Film]:
        """Films that nobody has begun, in order, from memory-sized blocks; also those added meanwhile."""
        while True:
            rows = self._rows(
                "SELECT id, address, film, bytes, tries FROM films WHERE state = 'waiting' AND id > ?"
                " ORDER BY id LIMIT ?", (after_id, BLOCK)
            )  # fmt: skip
            if not rows:
                return
            yield from map(self._film, rows)
            after_id = rows[-1][0]

    def split(self) -> Iterator[tuple[Film, list[Chunk]]]:
        """Films in several parts that are not done, with their parts that wait: none where they can be joined."""
        for row in self._rows("SELECT id, address, film, bytes, tries FROM films WHERE state = 'split' ORDER BY id"):
            film = self._film(row)
            yield film, self.chunks_waiting(film)

    def chunks_waiting(self, film: Film) -> list[Chunk]:
        found = self._rows(
            "SELECT number, start_s, end_s, tries FROM chunks WHERE film_id = ? AND state = 'waiting' ORDER BY number",
            (film.id,),
        )
        return [Chunk(film, *row) for row in found]

    def chunks_left(self, film: Film) -> int:
        """How many of a film's parts are not done."""
        return len(self.chunks_waiting(film))

    def chunk_notes(self, film: Film) -> list[dict[str, Any]]:
        """What is known of a film's parts, in order."""
        found = self._rows("SELECT notes FROM chunks WHERE film_id = ? ORDER BY number", (film.id,))
        return [self._notes(row[0]) for row in found]

    # -- what has become of it ----------------------------------------------------------------------------------------

    def done(self, film: Film, notes: Mapping[str, Any]) -> None:
        self._run("UPDATE films SET state = 'done', reason = '', frames = ?, face_rows = ?, seconds = ?, notes = ?"
                  " WHERE id = ?",
                  (notes.get("frames"), notes.get("rows"), notes.get("seconds"), text_of(notes), film.id))  # fmt: skip
        self._run("DELETE FROM chunks WHERE film_id = ?", (film.id,))

    def divide(self, film: Film, bounds: Iterable[tuple[float, float | None]], first: Mapping[str, Any]) -> None:
        """The film is in several parts; the first of them is done."""
        self._run("UPDATE films SET state = 'split' WHERE id = ?", (film.id,))
        for number, (start_s, end_s) in enumerate(bounds):
            state, notes = (DONE, text_of(first)) if number == 0 else (WAITING, None)
            self._run("INSERT OR REPLACE INTO chunks (film_id, number, start_s, end_s, state, notes)"
                      " VALUES (?, ?, ?, ?, ?, ?)", (film.id, number, start_s, end_s, state, notes))  # fmt: skip

    def chunk_done(self, chunk: Chunk, notes: Mapping[str, Any]) -> None:
        self._run("UPDATE chunks SET state = 'done', notes = ? WHERE film_id = ? AND number = ?",
                  (text_of(notes), chunk.film.id, chunk.number))  # fmt: skip

    def failed(self, task: Film | Chunk, tries: int, reason: str, *, aside: bool) -> None:
        """A try that failed; with `aside` it was the last one, and the whole film is set aside."""
        film = task.film if isinstance(task, Chunk) else task
        if isinstance(task, Chunk):
            self._run("UPDATE chunks SET tries = ?, reason = ? WHERE film_id = ? AND number = ?",
                      (tries, reason, film.id, task.number))  # fmt: skip
            if not aside:
                return
        state = ASIDE if aside else WAITING if isinstance(task, Film) else SPLIT
        self._run("UPDATE films SET state = CASE WHEN state = 'split' AND ? != 'aside' THEN 'split' ELSE ? END,"
                  " tries = ?, reason = ? WHERE id = ?", (state, state, tries, reason, film.id))  # fmt: skip

    # -- reading ------------------------------------------------------------------------------------------------------

    def finished(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(name, address, notes) of every film that is done."""
        after = 0
        while rows := self._rows("SELECT id, film, address, notes FROM films WHERE state = 'done' AND id > ?"
                                " ORDER BY id LIMIT ?", (after, BLOCK)):  # fmt: skip
            yield from ((row[1], row[2], self._notes(row[3])) for row in rows)
            after = rows[-1][0]

    def set_aside(self) -> Iterator[tuple[str, str, int, str]]:
        """(name, address, tries, reason) of every film that was set aside."""
        yield from self._rows("SELECT film, address, tries, reason FROM films WHERE state = 'aside' ORDER BY id")
