"""Speed and memory of tracking, as ratios measured in one run: all parts see the same frames, turn by turn.

    python benchmarks/runtime.py CLIP                      # benchmarks/results/runtime.json
    python benchmarks/runtime.py CLIP --rounds 3 --memory-frames 0 --out -   # a quick look, nothing written

The clip should show one face. Its frames are scaled to 720p and decoded before anything is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from realtime3d import FaceTracker
from realtime3d.face import FrameResult
from realtime3d.io.base import Frame
from realtime3d.io.sources import open_source
from realtime3d.render.base import create_renderer
from realtime3d.types import Image

ROOT = Path(__file__).resolve().parent.parent
SIZE = 1280, 720
BLOCK = 50  # frames of one part before it is the next one's turn
OTHERS = ("detect", "nets", "shape")  # stages that are not the loop's own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--models", default="default")
    parser.add_argument("--rounds", type=int, default=10, help=f"blocks of {BLOCK} frames of each part")
    parser.add_argument("--memory-frames", type=int, default=10_000)
    parser.add_argument("--out", default=str(ROOT / "benchmarks" / "results" / "runtime.json"))
    args = parser.parse_args()
    frames = read_frames(args.clip)
    report = {
        "machine": machine(),
        "commit": git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", "realtime3d") else ""),
        "workload": {
            "clip": args.clip.name,
            "frames": len(frames),
            "size": SIZE,
            "block": BLOCK,
            "rounds": args.rounds,
        },
        "models": args.models,
        **speed(frames, args.models, args.rounds),
        "detect_every": detector_cadence(frames, args.models),
        "faces": further_faces(frames, args.models, args.rounds),
    }
    if args.memory_frames:
        report["memory"] = memory(frames, args.models, args.memory_frames)
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.out != "-":
        Path(args.out).write_text(text, encoding="utf-8")


def read_frames(clip: Path, most: int = 300) -> list[Image]:
    with open_source(clip) as source:
        pictures = [item.image for _, item in zip(range(most), source, strict=False) if isinstance(item, Frame)]
    return [cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA) for picture in pictures]


def there_and_back(frames: list[Image]) -> Iterator[tuple[float, Image]]:
    """The frames for ever, without a jump, with their times."""
    order = [*frames, *frames[-2:0:-1]]
    i = 0
    while True:
        yield i / 30, order[i % len(order)]
        i += 1


def speed(frames: list[Image], models: str, rounds: int) -> dict[str, Any]:
    """End to end against MediaPipe's face mesh, with and without overlay; what the loop itself takes."""
    own: list[float] = []
    with FaceTracker(models=models, max_faces=1) as tracker:
        renderer = create_renderer()
        plain, drawn = there_and_back(frames), there_and_back(frames)

        def track() -> None:
            t, image = next(plain)
            start = time.perf_counter()
            result = tracker.process(image, t)
            own.append(time.perf_counter() - start - sum(result.timings.get(stage, 0.0) for stage in OTHERS))

        with FaceTracker(models=models, max_faces=1) as second:

            def track_and_draw() -> None:
                t, image = next(drawn)
                renderer.draw(image, second.process(image, t))

            parts = {"track": track, "track_and_draw": track_and_draw, "mediapipe_mesh": mediapipe_mesh(frames)}
            seconds = take_turns(parts, rounds)
        renderer.close()
    fps = {name: 1 / median(each) for name, each in seconds.items()}
    ratios = [theirs / ours for ours, theirs in zip(seconds["track"], seconds["mediapipe_mesh"], strict=True)]
    return {
        "fps": {name: round(value, 1) for name, value in fps.items()},
        "fps_over_mediapipe_mesh": round(median(ratios), 2),
        "own_overhead_ms": {"median": round(median(own) * 1e3, 3), "p10": round(float(np.quantile(own, 0.1)) * 1e3, 3)},
    }


def take_turns(parts: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds per call of each part, one figure a round; one round more is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for turn in range(rounds + 1):
        for name, call in parts.items():
            start = time.perf_counter()
            for _ in range(BLOCK):
                call()
            if turn:
                seconds[name].append((time.perf_counter() - start) / BLOCK)
    return seconds


def mediapipe_mesh(frames: list[Image]) -> Callable[[], None]:
    """MediaPipe's face mesh with refinement, as a video tracker, from the same BGR pictures."""
    from mediapipe.python.solutions.face_mesh import FaceMesh

    mesh = FaceMesh(max_num_faces=1, refine_landmarks=True)
    pictures = there_and_back(frames)

    def follow() -> None:
        _, image = next(pictures)
        mesh.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))

    return follow


def detector_cadence(frames: list[Image], models: str) -> dict[str, dict[str, float]]:
    """What looking for faces costs and gains, by `detect_every`: ms a frame, frames without the face, ids."""
    found = {}
    for every in (1, 5, 10, 15, 30, 60):
        with FaceTracker(models=models, max_faces=1, detect_every=every) as tracker:
            results: list[FrameResult] = []
            start = time.perf_counter()
            for i, image in enumerate(frames):
                results.append(tracker.process(image, i / 30))
            spent = time.perf_counter() - start
        tracked = [face.id for r in results for face in r.faces if face.status == "tracked"]
        detecting = median([r.timings["detect"] for r in results if r.timings["detect"] > 2e-4] or [0.0])
        found[str(every)] = {
            "ms": round(spent / len(frames) * 1e3, 2),
            "detector_run_ms": round(detecting * 1e3, 2),
            "frames_without": len(frames) - len(tracked),
            "ids": len(set(tracked)),
        }
    return found


def further_faces(frames: list[Image], models: str, rounds: int) -> dict[str, float]:
    """The cost of each further face as a part of the first one's: the picture beside itself once, twice, four times."""
    half = [cv2.resize(frame, (640, 360), interpolation=cv2.INTER_AREA) for frame in frames]
    grey = np.full_like(half[0], 110)
    seconds: dict[int, list[float]] = {}
    trackers = {}
    for count in (1, 2, 4):
        tiles = [[f if k < count else grey for k in range(4)] for f in half]
        pictures = there_and_back([np.vstack([np.hstack(t[:2]), np.hstack(t[2:])]) for t in tiles])
        trackers[count] = (FaceTracker(models=models).open(), pictures)
        seconds[count] = []
    faces = {}
    for turn in range(rounds + 1):
        for count, (tracker, pictures) in trackers.items():
            start = time.perf_counter()
            for _ in range(BLOCK):
                t, image = next(pictures)
                faces[count] = len(tracker.process(image, t).faces)
            if turn:
                seconds[count].append((time.perf_counter() - start) / BLOCK)
    for tracker, _ in trackers.values():
        tracker.close()
    further = [(four - one) / 3 / one for one, four in zip(seconds[1], seconds[4], strict=True)]
    return {"faces_at_the_end": list(faces.values()), "further_over_first": round(median(further), 2)}  # type: ignore[dict-item]


def memory(frames: list[Image], models: str, count: int) -> dict[str, float]:
    """Resident megabytes over a long run, in a process of its own."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import runtime; runtime.run_long(sys.argv[2], int(sys.argv[3]))"
    )
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"runtime-{os.getpid()}.npy"
    np.save(folder, np.stack(frames[:30]))
    try:
        command = [sys.executable, "-c", script, str(Path(__file__).parent), str(folder), str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "MODELS": models})
    finally:
        folder.unlink()
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def run_long(pictures: str, count: int) -> None:
    """The long run of `memory`."""
    frames = list(np.load(pictures))
    sizes: dict[int, float] = {}
    with FaceTracker(models=os.environ["MODELS"], max_faces=1) as tracker:
        for i, (t, image) in zip(range(count), there_and_back(frames), strict=False):
            tracker.process(image, t)
            if i in (500, count - 1):
                sizes[i] = resident_mb()
    growth = sizes[count - 1] - sizes[min(sizes)]
    json.dump({"frames": count, "peak_mb": round(peak_mb()), "growth_after_500_mb": round(growth, 2)}, sys.stdout)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def machine() -> dict[str, Any]:
    libraries = ("numpy", "onnxruntime", "mediapipe", "opencv-contrib-python")
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in libraries},
    }


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def git(*command: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
