"""Who does what next: tasks go to whoever is free, what has ended goes into the manifest.

What the driver keeps in memory does not grow with the number of films.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from realtime3d.batch.base import Crew
from realtime3d.batch.manifest import Chunk, Counts, Film, Manifest
from realtime3d.batch.plan import BatchJob, Paths, Task
from realtime3d.batch.pulse import Watch
from realtime3d.errors import MissingError, OutputError, Realtime3dError
from realtime3d.workers import Ended

TICK_S = 0.5  # between looks at the clock, and at Ctrl-C
IN_A_ROW = 3  # workers that die while they start, or outputs that fail: then it is nothing about a film
STALLED = "it got no further for {:g} s, and was ended"
DIED = "the process that worked on it died: it may take too much memory, or crash a library"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class BatchSummary:
    """What a run did, and how far the batch is."""

    out: Path
    counts: Counts = field(default_factory=Counts)
    kept: int = 0  # films that an earlier run had done
    frames: int = 0  # of this run
    rows: int = 0
    failures: int = 0  # tries that failed
    seconds: float = 0.0
    workers: int = 0
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is, for whoever watches."""

    counts: Counts
    under_way: int
    left_s: float | None  # a forecast


Observe = Callable[[Progress], None]


class Driver:
    """One run over what is left of a batch."""

    def __init__(
        self,
        job: BatchJob,
        manifest: Manifest,
        crew: Crew,
        summary: BatchSummary,
        observe: Observe,
        interrupted: Callable[[], bool],
    ) -> None:
        self._job, self._manifest, self._crew, self._summary = job, manifest, crew, summary
        self._observe, self._interrupted = observe, interrupted
        self._under_way: dict[int, Task] = {}  # by the identity of the object
        self._later: list[tuple[float, int, Task]] = []  # tries that wait for their time
        self._parts: deque[Task] = deque()  # of films in several parts
        self._films: Iterator[Film] = iter(())
        self._same = manifest.facts().get("same")
        self._start, self._begun = time.monotonic(), replace(summary.counts)
        self._watch, self._stalled = Watch(Paths(job.out).work, job.stall_s), set[int]()
        self._opening = self._unwritten = self._tries = 0

    def run(self) -> None:
        """Until everything is done, or somebody interrupts."""
        self._films = self._manifest.waiting()
        for film, chunks in self._manifest.split():
            self._queue_parts(film, chunks)
        self._give()
        while (self._under_way or self._later) and not self._interrupted():
            if self._under_way:
                ended = self._crew.wait(self._pause_s())
            else:
                ended = []
                time.sleep(self._pause_s())
            self._give()  # first, so that nobody waits for the disk of the manifest
            self._take(ended)
            self._give()
            for task in self._watch.stalled(self._under_way.values()):
                self._stalled.add(id(task))
                self._crew.stop(task)
            self._observe(Progress(self._summary.counts, len(self._under_way), self._left_s()))

    # -- giving -------------------------------------------------------------------------------------------------------

    def _pause_s(self) -> float:
        """How long to wait for an answer."""
        next_s = self._later[0][0] - time.monotonic() if self._later else TICK_S
        return min(TICK_S, max(0.01, next_s))

    def _give(self) -> None:
        for _ in range(self._crew.free):
            task = self._next()
            if task is None:
                return
            self._under_way[id(task)] = task
            self._crew.give(task)

    def _next(self) -> Task | None:
        """Parts of films that are begun come before others: they wait on the disk until they are together."""
        if self._later and self._later[0][0] <= time.monotonic():
            return heapq.heappop(self._later)[2]
        if self._parts:
            return self._parts.popleft()
        film = next(self._films, None)
        return None if film is None else Task(film)

    def _queue_parts(self, film: Film, chunks: Sequence[Chunk]) -> None:
        """The parts of a film that are not done, or its last task."""
        if chunks:
            self._parts.extend(Task(film, chunk) for chunk in chunks)
        else:
            self._parts.append(Task(film, notes=self._manifest.chunk_notes(film)))

    # -- taking -------------------------------------------------------------------------------------------------------

    def _take(self, ended: Sequence[Ended]) -> None:
        """Write into the manifest what has ended, in one transaction."""
        if not ended:
            return
        self._manifest.begin()
        try:
            for one in ended:
                task: Task = one.task
                del self._under_way[id(task)]
                if one.died or one.error is not None:
                    self._failed(task, one)
                else:
                    self._opening = self._unwritten = 0
                    self._done(task, one.result)
            self._manifest.commit()
        finally:
            self._manifest.roll_back()

    def _done(self, task: Task, notes: dict[str, object]) -> None:
        if "same" in notes:
            self._check_same(str(notes.pop("same")))
        if not task.notes:
            self._summary.frames += int(str(notes.get("frames", 0)))
            self._summary.rows += int(str(notes.get("rows", 0)))
        if "bounds" in notes:
            self._manifest.divide(task.film, notes.pop("bounds"), notes)  # type: ignore[arg-type]
            self._queue_parts(task.film, self._manifest.chunks_waiting(task.film))
        elif task.chunk:
            self._manifest.chunk_done(task.chunk, notes)
            if not self._manifest.chunks_left(task.film):
                self._queue_parts(task.film, ())
        else:
            self._manifest.done(task.film, notes)
            self._summary.counts.end(task.film.bytes, aside=False)

    def _check_same(self, same: str) -> None:
        """Nets and columns of all workers, now and before."""
        if self._same is None:
            self._same = same
            self._manifest.state_fact("same", same)
        elif same != self._same:
            raise OutputError(
                f"{self._job.out} was begun with other nets or columns than a worker has now: install the same "
                "version and models everywhere, or name another folder"
            )

    def _failed(self, task: Task, ended: Ended) -> None:
        """Try again after a while, or set the film aside."""
        stalled = id(task) in self._stalled
        self._stalled.discard(id(task))
        if ended.opening and not stalled:
            self._opening += 1
            if ended.error is not None:
                raise ended.error
            if self._opening >= IN_A_ROW:
                raise MissingError("workers die while they start: `realtime3d doctor` says what is missing")
            self._parts.appendleft(task)
            return
        if isinstance(ended.error, OutputError):
            self._unwritten += 1
            if self._unwritten >= IN_A_ROW:
                raise ended.error
        reason = str(ended.error) if ended.error else STALLED.format(self._job.stall_s) if stalled else DIED
        if not isinstance(ended.error, (Realtime3dError, type(None))):
            _log.debug("%s: %s", task.film.address, ended.trace)
        self._summary.failures += 1
        tries = task.place.tries + 1
        aside = tries >= self._job.tries
        self._manifest.failed(task.place, tries, reason, aside=aside)
        if aside:
            self._parts = deque(other for other in self._parts if other.film.id != task.film.id)
            self._summary.counts.end(task.film.bytes, aside=True)
            _log.warning("%s is set aside after %d tries: %s", task.film.address, tries, reason)
            return
        self._tries += 1
        after_s = self._job.backoff_s * 2 ** (tries - 1)
        heapq.heappush(self._later, (time.monotonic() + after_s, self._tries, task.again()))

    # -- forecast -----------------------------------------------------------------------------------------------------

    def _left_s(self) -> float | None:
        """From the films of this run: by their size where it is known, else by their number."""
        counts, begun = self._summary.counts, self._begun
        seconds = time.monotonic() - self._start
        if begun.unknown_left == 0 and begun.bytes_left > counts.bytes_left:
            return seconds * counts.bytes_left / (begun.bytes_left - counts.bytes_left)
        return seconds * counts.left / (begun.left - counts.left) if begun.left > counts.left else None
