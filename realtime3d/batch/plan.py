"""A batch as plain data, and where its files lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from realtime3d.batch.manifest import Chunk, Film
from realtime3d.errors import UsageError
from realtime3d.jobs import Job

if TYPE_CHECKING:
    from realtime3d.tracker import FaceTracker

TRIES = 3  # then a film is set aside
SHARES = 1.5  # a film shorter than so many chunks is not divided


@dataclass(frozen=True, slots=True)
class BatchJob:
    """Many films and what is made of each."""

    inputs: Sequence[str]
    out: Path
    each: Job = field(default_factory=lambda: Job(""))  # settings and columns; source and outputs are filled in
    overlay: bool = False  # films with what was found drawn over them
    glb: bool = False  # heads as they moved
    chunk_s: float = 600.0  # longer films are divided into parts of about so many seconds; 0: never
    overlap_s: float = 15.0  # before its part, a chunk follows the faces for so long: longer than the tracker remembers
    workers: int = 0  # processes; 0: one for each core
    ray: str | None = None  # address of a cluster, or "local"
    gpu_share: float = 0.0  # of a GPU, for each worker of a cluster
    people: bool = False  # the same person in many films gets one label
    tries: int = TRIES
    backoff_s: float = 1.0  # before the second try; doubled each time
    stall_s: float = 600.0  # a worker that gets no further for so long is ended
    retry: bool = False  # films that were set aside are tried again
    overwrite: bool = False  # begin anew

    def __post_init__(self) -> None:
        if self.chunk_s and self.chunk_s < 2 * self.overlap_s:
            raise UsageError(f"chunks of {self.chunk_s:g} s are too short: take {2 * self.overlap_s:g} or more")
        if self.workers < 0:
            raise UsageError(f"workers must be at least 1, not {self.workers}")
        if not 0 <= self.gpu_share <= 1:
            raise UsageError(f"the share of a GPU lies between 0 and 1, not {self.gpu_share:g}")

    @property
    def divides(self) -> bool:
        """Whether long films are done in parts. An overlay and a moving head are one file: then they are not."""
        return self.chunk_s > 0 and not (self.overlay or self.glb)

    @property
    def first_end_s(self) -> float | None:
        """Where the first part of a film ends at the latest."""
        return SHARES * self.chunk_s if self.divides else None

    def tracker(self) -> FaceTracker:
        """One for all films; it looks at eyes only where a column, an overlay or a head that moves shows them."""
        made = ("overlay",) * self.overlay + ("glb",) * self.glb + ("parquet",)
        return replace(self.each, outputs={kind: self.out / kind for kind in made}).tracker()

    def alone(self) -> BatchJob:
        """The same for a worker among others: it takes one core."""
        one = self.each.config.updated({"models": {"threads": 1}})
        return replace(self, each=replace(self.each, config=one), inputs=())


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker does in one go: a film or the first part of it, another part, or putting the parts together."""

    film: Film
    chunk: Chunk | None = None
    notes: Sequence[dict[str, object]] = ()  # of the parts that are put together

    @property
    def place(self) -> Film | Chunk:
        """What the manifest counts tries of."""
        return self.chunk or self.film

    def again(self) -> Task:
        """The next try."""
        if self.chunk:
            return replace(self, chunk=replace(self.chunk, tries=self.chunk.tries + 1))
        return replace(self, film=replace(self.film, tries=self.film.tries + 1))


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of a batch."""

    out: Path

    @property
    def manifest(self) -> Path:
        return self.out / "manifest.sqlite"

    @property
    def summary(self) -> Path:
        return self.out / "summary.html"

    @property
    def films(self) -> Path:
        return self.out / "films.csv"

    @property
    def people(self) -> Path:
        return self.out / "people.csv"

    @property
    def table(self) -> Path:
        """The data set: one folder for each film."""
        return self.out / "table"

    @property
    def beside(self) -> Path:
        """Sidecars and what else is made of each film."""
        return self.out / "films"

    @property
    def chunks(self) -> Path:
        """Parts of long films that are not together yet."""
        return self.out / "chunks"

    @property
    def work(self) -> Path:
        """What is being written."""
        return self.out / "work"

    def rows_of(self, film: Film) -> Path:
        return self.table / f"film={film.name}"

    def chunk(self, film: Film, number: int) -> Path:
        """The folder of one of them."""
        return self.chunks / film.name / f"{number:04d}"


def bounds(first_end_s: float, chunk_s: float, duration_s: float | None) -> list[tuple[float, float | None]]:
    """Start and end of the parts of a film, of which the first is done to `first_end_s`.

    The last one has no end: what a film's header says of its length need not be so.
    """
    starts = [0.0, first_end_s]
    if duration_s is not None:
        while duration_s - starts[-1] > SHARES * chunk_s:
            starts.append(starts[-1] + chunk_s)
    ends: list[float | None] = [*starts[1:], None]
    return list(zip(starts, ends, strict=True))
