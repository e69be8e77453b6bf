"""What a run costs beside what it is made of, as ratios taken in turn: they mean something on a busy machine, too.

    python -m benchmarks.ratios                 # all parts; writes benchmarks/results/ratios.json
    python -m benchmarks.ratios start mesh      # these only

start   the first second of a track against the steady rate, stage by stage
film    a 720p film to CSV, and to CSV and H.264 with overlay, against decoding alone and tracking alone
mesh    blocks of about 20 frames at 480p, ours and MediaPipe's refined mesh in turn, so that each finds cold caches
        (REALTIME3D_FACE_MESH names its environment)
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import realtime3d as r3d
from realtime3d import FaceTracker
from realtime3d.bench import scenes
from realtime3d.bench.files import _write_video
from realtime3d.bench.machine import commit, load, machine
from realtime3d.bench.measure import block
from realtime3d.bench.peers.client import Frames, PeerProcess
from realtime3d.bench.peers.spec import face_mesh
from realtime3d.bench.pipeline import Walk
from realtime3d.sources.choose import open_source

RESULTS = Path(__file__).with_name("results") / "ratios.json"
FIRST, STEADY, ROUNDS = 30, 60, 7  # frames of the first second, of the steady rate; tracks
FILM_FRAMES, FILM_ROUNDS = 120, 3
MESH_BLOCK_S, MESH_ROUNDS = 0.2, 30
Values = dict[str, Any]


def start() -> Values:
    """Processor time of each of a track's first 30 frames and of frames whose identity is frozen, and by stage."""
    images = scenes.clip_frames()
    firsts, steadies, frozen_at = [], [], []
    stages: dict[str, list[tuple[float, float]]] = {}
    with FaceTracker(max_faces=1) as tracker:
        Walk(tracker, images).step()  # opens everything
        for _ in range(ROUNDS):
            tracker.reset()
            costs, parts, frozen = _followed(tracker, images)
            frozen_at.append(frozen)
            begun = slice(frozen + 1, frozen + 1 + STEADY)
            firsts.append(float(np.sum(costs[:FIRST])))
            steadies.append(float(np.sum(costs[begun])) * FIRST / STEADY)
            for name in parts[0]:
                took = [part.get(name, 0.0) for part in parts]
                stages.setdefault(name, []).append((sum(took[:FIRST]), sum(took[begun]) * FIRST / STEADY))
    return {
        "first_second_over_steady": _spread(np.divide(firsts, steadies)),
        "ms_a_frame_in_the_first_second": _spread(1e3 * np.array(firsts) / FIRST),
        "ms_a_frame_steady": _spread(1e3 * np.array(steadies) / FIRST),
        "frozen_at_frame": frozen_at,
        "stages_ms": {
            name: [round(1e3 * float(v) / FIRST, 2) for v in np.median(pairs, axis=0)] for name, pairs in stages.items()
        },
    }


def _followed(tracker: FaceTracker, images: tuple[Any, ...]) -> tuple[list[float], list[dict[str, float]], int]:
    """Processor seconds of each frame, its stages, and the frame with which the identity was frozen."""
    frames = scenes.Endless(images)
    costs: list[float] = []
    parts: list[dict[str, float]] = []
    frozen = None
    while frozen is None or len(costs) < max(FIRST, frozen + 1 + STEADY):
        frame, began = frames.next(), time.process_time()
        result = tracker.process_frame(frame)
        costs.append(time.process_time() - began)
        parts.append(dict(result.timings))
        if frozen is None and result.faces and result.faces[0].identity.frozen:
            frozen = len(costs) - 1
    return costs, parts, frozen


def film() -> Values:
    """Frames a second and processor time a frame of the same 720p film, decoded, tracked, and run with its outputs."""
    images = scenes.sized(scenes.clip_frames(), *scenes.SIZES["720p"])
    with FaceTracker() as tracker, TemporaryDirectory() as name:
        clip, folder = Path(name) / "in.mp4", Path(name)
        _write_video(clip, images, FILM_FRAMES)

        def run(**outputs: str) -> None:
            r3d.run(clip, tracker=tracker, overwrite=True, **outputs)  # type: ignore[arg-type]

        def track() -> None:
            tracker.reset()
            walk = Walk(tracker, images)
            for _ in range(FILM_FRAMES):
                walk.step()

        jobs: dict[str, Callable[[], None]] = {
            "decoding alone": lambda: _read(clip),
            "tracking alone": track,
            "CSV": lambda: run(csv=str(folder / "a.csv")),
            "CSV and overlay": lambda: run(csv=str(folder / "b.csv"), overlay=str(folder / "b.mp4")),
        }
        taken = _in_turn(jobs, FILM_ROUNDS)
    wall = {name: np.array([w for w, _ in found]) for name, found in taken.items()}
    cpu = {name: np.array([c for _, c in found]) for name, found in taken.items()}
    slower = np.maximum(wall["decoding alone"], wall["tracking alone"])
    both = cpu["decoding alone"] + cpu["tracking alone"]
    return {
        "fps": {name: _spread(FILM_FRAMES / values) for name, values in wall.items()},
        "cpu_ms_a_frame": {name: _spread(1e3 * values / FILM_FRAMES) for name, values in cpu.items()},
        "rate_of_csv_over_the_slower_of_both_alone": _spread(slower / wall["CSV"]),
        "cpu_of_both_alone_over_csv": _spread(both / cpu["CSV"]),
        "rate_of_csv_and_overlay_over_decoding_alone": _spread(wall["decoding alone"] / wall["CSV and overlay"]),
    }


def _read(clip: Path) -> None:
    with open_source(str(clip)) as source:
        for _ in source:
            pass


def _in_turn(jobs: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """(seconds, processor seconds) of each job in each round; the first round is not counted."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            job()
            if number:
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return taken


def mesh() -> Values:
    """Both follow one face in 640x480; ours waits while the mesh works, and the other way round."""
    images = scenes.clip_frames()
    with (
        FaceTracker(max_faces=1) as tracker,
        closing(Frames(images, np.zeros((len(images), 4), np.float32))) as frames,
        closing(PeerProcess(face_mesh(), frames)) as other,
    ):
        walk = Walk(tracker, images)
        for _ in range(90):
            walk.step()
        pairs = list(_blocks(partial(block, walk.step), other.block))
    ours, theirs = (np.array([[np.median(times), cpu] for times, cpu in side]) for side in zip(*pairs, strict=True))
    return {
        "times_the_meshs_rate": _spread(theirs[:, 0] / ours[:, 0]),
        "its_cpu_over_ours": _spread(theirs[:, 1] / ours[:, 1]),
        "ours_ms": _spread(ours[:, 0]),
        "mesh_ms": _spread(theirs[:, 0]),
        "frames_of_a_block": [float(np.median([len(side[0]) for side in pair])) for pair in zip(*pairs, strict=True)],
        "versions": other.versions,
    }


def _blocks(ours: Callable[[float], Any], theirs: Callable[[float], Any]) -> Iterator[tuple[Any, Any]]:
    for number in range(MESH_ROUNDS + 2):
        pair = ours(MESH_BLOCK_S), theirs(MESH_BLOCK_S)
        if number > 1:
            yield pair


def _spread(values: Any) -> Values:
    return {
        "median": round(float(np.median(values)), 3),
        "from_to": [round(float(f(values)), 3) for f in (np.min, np.max)],
    }


PARTS: dict[str, Callable[[], Values]] = {"start": start, "film": film, "mesh": mesh}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.add_argument("--json", type=Path, default=RESULTS)
    args = parser.parse_args()
    found = json.loads(args.json.read_text()) if args.json.exists() else {}
    for name in args.parts or PARTS:
        before = load()
        found[name] = {**PARTS[name](), "commit": commit(), "load": [before, load()]}
        print(name, json.dumps(found[name], indent=1, default=str), flush=True)
    found["machine"] = machine()
    args.json.write_text(json.dumps(found, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
