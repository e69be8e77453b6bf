"""What the look at detail beside a live run costs: its own rate, and the tracker's with it over that without.

python -m benchmarks.live_detail           # writes results/live_detail.json and prints it

The bundled clip at 720p, tracked as fast as it goes, in turns with and without the look, in one run: whatever else the
machine does, it does to both.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from realtime3d.bench import machine
from realtime3d.demo import clip_path
from realtime3d.sources.choose import open_source
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image
from realtime3d.view.live_detail import LiveDetail

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "benchmarks" / "results" / "live_detail.json"
SIZE = (1280, 720)
ROUNDS, FRAMES = 8, 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("--pace", type=float, help="frames a second, as a camera gives them; else as fast as it goes")
    args = parser.parse_args()
    frames = pictures()
    rates: dict[str, list[float]] = {"without": [], "with": []}
    looks = []
    with FaceTracker() as tracker:
        tracked(tracker, frames, None, args.pace)  # what is compiled at first
        for _ in range(ROUNDS):
            rates["without"].append(tracked(tracker, frames, None, args.pace)[0])
            fps, made = tracked(tracker, frames, LiveDetail(), args.pace)
            rates["with"].append(fps)
            looks.append(made)
    middle = {key: float(np.median(values)) for key, values in rates.items()}
    ratio = float(np.median([a / b for a, b in zip(rates["with"], rates["without"], strict=True)]))
    found = {
        "size": "x".join(map(str, SIZE)), "pace": args.pace, "rounds": ROUNDS, "frames": FRAMES,
        "tracking_fps_without": round(middle["without"], 2), "tracking_fps_with": round(middle["with"], 2),
        "tracking_rate_kept": round(ratio, 3), "looks_per_second": round(float(np.median(looks)), 2),
    }  # fmt: skip
    print(json.dumps(found, indent=1))
    if not args.dry:
        TARGET.write_text(json.dumps({"machine": machine.machine(), **found}, indent=1) + "\n")
    return 0


def pictures() -> list[Image]:
    """The clip's face as large as a camera shows one that sits before it."""
    found = []
    with open_source(clip_path()) as source:
        for frame in source:
            image = cv2.resize(frame.image, None, fx=SIZE[1] / frame.image.shape[0], fy=SIZE[1] / frame.image.shape[0])
            side = (SIZE[0] - image.shape[1]) // 2
            if side >= 0:
                image = cv2.copyMakeBorder(image, 0, 0, side, SIZE[0] - image.shape[1] - side, cv2.BORDER_REPLICATE)
            found.append(np.ascontiguousarray(image[:, : SIZE[0]], np.uint8))
            if len(found) == FRAMES:
                break
    return found


def tracked(
    tracker: FaceTracker, frames: Sequence[Image], look: LiveDetail | None, pace: float | None
) -> tuple[float, float]:
    """Frames a second, and looks a second."""
    tracker.reset()
    start = time.perf_counter()
    with look or _Nothing():
        for number, image in enumerate(frames):
            if pace:
                time.sleep(max(0.0, start + number / pace - time.perf_counter()))
            result = tracker.process(image, number / 30)
            if look is not None:
                look.see(result)
        seconds = time.perf_counter() - start
        made = look.made if look is not None else 0
    return len(frames) / seconds, made / seconds


class _Nothing:
    def __enter__(self) -> None: ...
    def __exit__(self, *failure: object) -> None: ...


if __name__ == "__main__":
    raise SystemExit(main())
