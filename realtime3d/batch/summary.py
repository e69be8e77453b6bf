"""What a batch came to: `films.csv`, a row a film, and `summary.html`, a page to look at."""

from __future__ import annotations

import csv
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from realtime3d.batch.manifest import Manifest
from realtime3d.batch.page import Bars, Rows, page
from realtime3d.batch.plan import Paths
from realtime3d.batch.tally import BINS
from realtime3d.files import whole, write_whole

COLUMNS = ("film", "address", "state", "frames", "frames_with_face", "faces", "rows", "confidence", "seconds", "reason")
SHOWN = 20  # rows of each table
RATES = 15  # bins of the speed
_FEWEST = 1e-9


@dataclass(slots=True)
class _Sums:
    """Added up over all films, one after the other."""

    films: int = 0
    aside: int = 0
    left: int = 0
    frames: int = 0
    rows: int = 0
    with_face: int = 0
    faces: int = 0
    film_s: float = 0.0  # that the films last
    worked_s: float = 0.0  # of all workers together
    confidence: list[int] = field(default_factory=lambda: [0] * BINS)
    found: list[int] = field(default_factory=lambda: [0] * 10)  # films by the share of their frames with a face
    rates: dict[int, int] = field(default_factory=dict)  # films by the logarithm of frames a second
    slowest: list[tuple[float, str]] = field(default_factory=list)
    emptiest: list[tuple[float, str]] = field(default_factory=list)
    warned: list[tuple[str, str]] = field(default_factory=list)

    def add(self, film: str, notes: dict[str, Any]) -> None:
        frames, seconds = notes["frames"], notes["seconds"]
        self.films += 1
        self.frames += frames
        self.rows += notes["rows"]
        self.with_face += notes["with_face"]
        self.faces += len(notes["faces"])
        self.film_s += notes["duration_s"] or 0.0
        self.worked_s += seconds
        self.confidence = [a + b for a, b in zip(self.confidence, notes["confidence"], strict=True)]
        share = notes["with_face"] / max(frames, 1)
        self.found[min(int(10 * share), 9)] += 1
        rate = frames / max(seconds, _FEWEST)
        step = math.floor(RATES / 5 * math.log10(max(rate, 1e-3)))
        self.rates[step] = self.rates.get(step, 0) + 1
        _keep(self.slowest, (-rate, film))
        _keep(self.emptiest, (-share, film))
        if len(self.warned) < SHOWN:
            self.warned += [(film, text) for text in notes.get("warnings", ())][: SHOWN - len(self.warned)]


def _keep(heap: list[tuple[float, str]], entry: tuple[float, str]) -> None:
    """The films with the largest values."""
    if len(heap) < SHOWN:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)


def write_summary(paths: Paths, manifest: Manifest, where: str, people: Rows | None = None) -> list[Path]:
    """Write both files; they say what the manifest says."""
    sums = _Sums()
    with whole(paths.films) as draft, open(draft, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        _write_films(file, manifest, sums)
    counts = manifest.counts()
    sums.aside, sums.left = counts.aside, counts.left
    aside = [(film, address, str(tries), why) for film, address, tries, why in islice(manifest.set_aside(), SHOWN)]
    tables = [
        Rows("Set aside", ("film", "address", " tries", "why"), aside, "Nothing: every film could be read."),
        Rows("Fewest faces", ("film", " frames with a face"), [
            (film, f"{-share:.0%}") for share, film in sorted(sums.emptiest, reverse=True) if share > -1
        ], "In every film there is a face in every frame."),
        Rows("Slowest", ("film", " frames/s"), [(f, f"{-rate:.1f}") for rate, f in sorted(sums.slowest, reverse=True)],
             "No film is done."),
        Rows("Warnings", ("film", "what"), sums.warned, "None."),
    ]  # fmt: skip
    text = page("Faces in many films", where, _numbers(sums), _plots(sums), [*([people] if people else []), *tables])
    write_whole(paths.summary, text.encode("utf-8", "backslashreplace"))
    return [paths.films, paths.summary]


def _write_films(file: TextIO, manifest: Manifest, sums: _Sums) -> None:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    for film, address, notes in manifest.finished():
        sums.add(film, notes)
        table.writerow((film, address, "done", notes["frames"], notes["with_face"], len(notes["faces"]),
                        notes["rows"], _mean(notes["confidence"]), notes["seconds"], ""))  # fmt: skip
    for film, address, _, why in manifest.set_aside():
        table.writerow((film, address, "aside", "", "", "", "", "", "", why))


def _mean(confidence: list[int]) -> str:
    """From the histogram: the middle of each bin."""
    rows = sum(confidence)
    return f"{sum((i + 0.5) * n for i, n in enumerate(confidence)) / BINS / rows:.3f}" if rows else ""


def _numbers(sums: _Sums) -> Iterator[tuple[str, str]]:
    yield "films done", f"{sums.films:,}"
    if sums.left:
        yield "still to do", f"{sums.left:,}"
    yield "set aside", f"{sums.aside:,}"
    yield "film", _time(sums.film_s)
    yield "frames", f"{sums.frames:,}"
    yield "with a face", f"{sums.with_face / max(sums.frames, 1):.1%}"
    yield "faces followed", f"{sums.faces:,}"
    yield "rows", f"{sums.rows:,}"
    yield "mean confidence", _mean(sums.confidence) or "-"
    yield "frames/s of one worker", f"{sums.frames / max(sums.worked_s, _FEWEST):,.0f}"
    yield "work", _time(sums.worked_s)


def _time(seconds: float) -> str:
    """In the unit that fits."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:,.1f} h"


def _plots(sums: _Sums) -> Iterator[Bars]:
    tenths = [i / 10 for i in range(11)]
    yield Bars("Found faces", sums.found, tenths, "share of a film's frames with a face", "films")
    yield Bars("Confidence", sums.confidence, [i / BINS for i in range(BINS + 1)], "confidence of a face", "rows")
    if sums.rates:
        steps = range(min(sums.rates), max(sums.rates) + 1)
        edges = [10 ** (5 * i / RATES) for i in range(steps.start, steps.stop + 1)]
        yield Bars("Time", [sums.rates.get(i, 0) for i in steps], edges, "frames/s of one worker", "films")
