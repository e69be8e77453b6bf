"""What a batch costs: films on two cores against one after the other, the cost of one more film, the driver's memory.

    python -m benchmarks.batch --json benchmarks/results/batch.json

Everything is made by the project: films are parts of the bundled clip, tiny ones are grey. The two ways of the first
measurement take turns, so that what else the machine does strikes both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np

import realtime3d as r3d
from realtime3d.batch.driver import Progress
from realtime3d.batch.plan import BatchJob
from realtime3d.batch.run import run_batch
from realtime3d.bench.machine import commit, machine
from realtime3d.config import Config
from realtime3d.demo import clip_path
from realtime3d.jobs import Job

SHORT, SECONDS, FPS = 24, 1.6, 25
QUICK = Config().updated({"models": {"backend": "fake", "threads": 1}})


def short_films(folder: Path, count: int) -> list[Path]:
    """Parts of the bundled clip."""
    with av.open(str(clip_path())) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    long = round(SECONDS * FPS)
    starts = np.linspace(0, len(frames) - long, count).astype(int)
    return [write(folder / f"take{i:04d}.mp4", frames[s : s + long]) for i, s in enumerate(starts)]


def tiny_films(folder: Path, count: int) -> None:
    """Two grey frames each, all the same: only what is around them is measured."""
    first = write(folder / "tiny0000.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 2)
    for number in range(1, count):
        os.link(first, folder / f"tiny{number:04d}.mp4")


def write(path: Path, frames: list[Any]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())
    return path


def one_process(films: list[Path], out: Path) -> float:
    """One tracker, one film after the other, as a program would do it."""
    with r3d.FaceTracker() as tracker:
        tracker.open()
        start = time.perf_counter()
        for film in films:
            r3d.run(film, parquet=out / f"{film.stem}.parquet", tracker=tracker)
        return time.perf_counter() - start


def batch_of(films: Path, out: Path, workers: int) -> float:
    """The same as a batch, without its first film: workers load their nets with it."""
    first: list[float] = []

    def observe(progress: Progress) -> None:
        if not first and progress.counts.done >= workers:
            first.extend([time.perf_counter(), progress.counts.done])

    run_batch(BatchJob([str(films)], out, workers=workers), observe=observe)
    seconds, done = time.perf_counter() - first[0], int(first[1])
    return seconds * SHORT / (SHORT - done)


def speed(folder: Path, rounds: int) -> dict[str, Any]:
    source = folder / "short"
    source.mkdir()
    films = short_films(source, SHORT)
    alone, two = [], []
    for number in range(rounds):
        out = folder / f"alone{number}"
        out.mkdir()
        alone.append(one_process(films, out))
        two.append(batch_of(source, folder / f"two{number}", 2))
    ratios = [a / b for a, b in zip(alone, two, strict=True)]
    return {
        "films": SHORT,
        "seconds_each": SECONDS,
        "one_process_s": [round(s, 2) for s in alone],
        "two_workers_s": [round(s, 2) for s in two],
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(r, 3) for r in ratios],
    }


def many(folder: Path, count: int) -> dict[str, Any]:
    """Tiny films with nets that cost nothing: the time of each, the driver's memory on the way."""
    source = folder / "tiny"
    source.mkdir()
    tiny_films(source, count)
    marks: list[tuple[int, float, float]] = []

    def observe(progress: Progress) -> None:
        marks.append((progress.counts.done, time.perf_counter(), memory_mb()))

    run_batch(BatchJob([str(source)], folder / "many", each=Job("", config=QUICK), workers=1), observe=observe)
    begin = next(mark for mark in marks if mark[0] >= 1)
    end = next(mark for mark in marks if mark[0] == count)
    tenth = next(mark for mark in marks if mark[0] >= count // 10)
    cpu = os.times()
    return {
        "films": count,
        "ms_a_film_after_the_first": round(1000 * (end[1] - begin[1]) / (end[0] - begin[0]), 1),
        "driver_cpu_ms_a_film": round(1000 * (cpu.user + cpu.system) / count, 2),
        "driver_mb_after_a_tenth": round(tenth[2], 1),
        "driver_mb_at_the_end": round(end[2], 1),
        "manifest_bytes_a_film": round((folder / "many" / "manifest.sqlite").stat().st_size / count),
    }


def memory_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--films", type=int, default=2000)
    parser.add_argument("--only", choices=("speed", "many"))
    args = parser.parse_args()

    result: dict[str, Any] = {"commit": commit(), "machine": machine(), "load_at_the_start": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as scratch:
        if args.only != "speed":
            result["many"] = many(Path(scratch), args.films)
            print(json.dumps(result["many"], indent=1), flush=True)
        if args.only != "many":
            result["speed"] = speed(Path(scratch), args.rounds)
            print(json.dumps(result["speed"], indent=1), flush=True)
    result["load_at_the_end"] = os.getloadavg()[0]
    if args.json:
        args.json.write_text(json.dumps(result, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
