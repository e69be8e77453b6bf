"""What two versions of MediaPipe find in the same pictures: boxes of one into a file, then two files side by side.

    python tools/detector_boxes.py find OUT.json PICTURES... [--every N]
    python tools/detector_boxes.py compare OLD.json NEW.json

`find` asks MediaPipe's `solutions` where it still has them (0.10.21 and before; realtime3d is not needed there), else
the detector as realtime3d runs it. PICTURES are pictures, videos (every Nth frame) and folders of them; give frames as
pictures where both environments shall see the same, because decoders differ.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

KINDS = {"short": "face_detection_short_range.tflite", "full": "face_detection_full_range_sparse.tflite"}
VIDEOS = (".mp4", ".mov", ".avi", ".mkv")
PICTURES = (".jpg", ".jpeg", ".png")
SAME_IOU = 0.5

Search = Callable[[np.ndarray], "list[list[float]]"]  # RGB -> [x0, y0, x1, y1, score]


def by_solutions(kind: str, module: Any) -> Search:
    net = module.FaceDetection(0.5, model_selection=list(KINDS).index(kind))

    def search(rgb: np.ndarray) -> list[list[float]]:
        height, width = rgb.shape[:2]
        found = []
        for one in net.process(rgb).detections or ():
            box = one.location_data.relative_bounding_box
            x, y, w, h = box.xmin * width, box.ymin * height, box.width * width, box.height * height
            found.append([x, y, x + w, y + h, float(one.score[0])])
        return found

    return search


def by_tasks(kind: str) -> Search:
    from realtime3d.detect import tasks, weights

    look, _ = tasks.opened(kind, weights.read()[kind], 0.5)
    return lambda rgb: [[*map(float, square), score] for square, score in look(rgb)]


def pictures(path: Path, every: int) -> Iterator[tuple[str, np.ndarray]]:
    """Names and RGB pictures of a file or a folder."""
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.suffix.lower() in (*VIDEOS, *PICTURES):
                yield from pictures(file, every)
    elif path.suffix.lower() in VIDEOS:
        video = cv2.VideoCapture(str(path))
        index = 0
        while (read := video.read())[0]:
            if index % every == 0:
                yield f"{path.name}:{index}", cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
            index += 1
    else:
        yield path.name, cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def find(args: argparse.Namespace) -> None:
    import mediapipe

    try:
        from mediapipe.python.solutions import face_detection

        searches = {kind: by_solutions(kind, face_detection) for kind in KINDS}
    except ImportError:
        searches = {kind: by_tasks(kind) for kind in KINDS}
    for search in searches.values():
        search(np.zeros((64, 64, 3), np.uint8))
    found: dict[str, dict[str, list[list[float]]]] = {}
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for path in args.pictures:
        for name, rgb in pictures(path, args.every):
            found[f"{path.name}/{name}"] = {}
            for kind, search in searches.items():
                start = time.perf_counter()
                found[f"{path.name}/{name}"][kind] = search(rgb)
                times[kind].append((time.perf_counter() - start) * 1e3)
    print(mediapipe.__version__, {kind: round(statistics.median(t), 3) for kind, t in times.items()}, "ms, median")
    args.out.write_text(json.dumps({"version": mediapipe.__version__, "times_ms": times, "found": found}))


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0) * max(height, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def compare(args: argparse.Namespace) -> None:
    old, new = (json.loads(path.read_text()) for path in (args.old, args.new))
    groups = sorted({name.partition("/")[0] for name in old["found"]})
    print(f"{old['version']} against {new['version']}")
    print("| pictures | range | boxes old, new | in both | only old, their best score | only new, their best score "
          "| edges apart, share of the side: median, 99 %, most | scores apart, most |")  # fmt: skip
    for group in groups:
        for kind in KINDS:
            print(row(group, kind, old["found"], new["found"]))


def row(group: str, kind: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    names = [name for name in old if name.startswith(f"{group}/")]
    apart, scores = [], []
    lone: tuple[list[float], list[float]] = ([], [])
    for name in names:
        left = list(new[name][kind])
        for box in old[name][kind]:
            twin = max(left, key=lambda other: overlap(box, other), default=None)
            if twin is None or overlap(box, twin) < SAME_IOU:
                lone[0].append(box[4])
                continue
            left.remove(twin)
            apart.append(max(abs(a - b) for a, b in zip(box[:4], twin[:4], strict=True)) / (box[2] - box[0]))
            scores.append(abs(box[4] - twin[4]))
        lone[1].extend(box[4] for box in left)
    totals = [sum(len(found[name][kind]) for name in names) for found in (old, new)]
    alone = " | ".join(f"{len(s)}" + (f" ({max(s):.2f})" if s else "") for s in lone)
    spread = (
        " | ".join([f"{np.median(apart):.4f}, {np.quantile(apart, 0.99):.4f}, {max(apart):.4f}", f"{max(scores):.3f}"])
        if apart
        else "- | -"
    )
    return f"| {group} ({len(names)}) | {kind} | {totals[0]}, {totals[1]} | {len(apart)} | {alone} | {spread} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("find")
    one.add_argument("out", type=Path)
    one.add_argument("pictures", type=Path, nargs="+")
    one.add_argument("--every", type=int, default=5)
    one.set_defaults(run=find)
    two = commands.add_parser("compare")
    two.add_argument("old", type=Path)
    two.add_argument("new", type=Path)
    two.set_defaults(run=compare)
    args = parser.parse_args(sys.argv[1:])
    args.run(args)


if __name__ == "__main__":
    main()
