"""Do ARKit's weights follow faces in films? MediaPipe's mesh, which measures distances only, is the witness.

    python benchmarks/weights_on_clips.py CLIP... --models compact accurate [--every 2] [--out FILE.json]

It needs MediaPipe's face mesh in an environment of its own (docs/how-to/install.md). Each film is tracked without
smoothing, without the net on the eyes' pixels and with it; no frame is left out but those in which one of both sees no
face. Rows without enough movement are marked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import realtime3d as r3d
from realtime3d.training.model.solutions import FaceMesh

Table = dict[str, NDArray[np.float64]]
SHUT, OPEN = 0.12, 0.25  # lid gap over eye width
FRONTAL = 0.12  # how far the nose's tip may lie aside, in eye distances, where mouth and brows are compared
LEAST_MOVED = {"gaze": 0.02, "mouth": 0.01, "brows": 0.01, "jaw": 0.02}  # deviation of the witness's signal


def witness(points: NDArray) -> dict[str, float]:
    """What MediaPipe's (478, 2) points in px say, in eye distances; left and right are the person's own."""
    right, left = points[33], points[263]
    across = left - right
    unit = float(np.linalg.norm(across))
    x = across / unit
    y = np.array([-x[1], x[0]])

    def along(i: int, axis: NDArray = x) -> float:
        return float((points[i] - (right + left) / 2) @ axis) / unit

    def between(a: int, b: int) -> float:
        return float(np.linalg.norm(points[a] - points[b])) / unit

    def lids(upper: int, lower: int, outer: int, inner: int) -> float:
        return between(upper, lower) / max(between(outer, inner), 1e-6)

    def iris(middle: int, outer: int, inner: int) -> float:
        low, high = sorted((along(outer), along(inner)))
        return (along(middle) - (low + high) / 2) / max(high - low, 1e-6)

    brows = np.mean([along(i, y) for i in (105, 107, 66, 334, 336, 296)])
    return {
        "lid_right": lids(159, 145, 33, 133),
        "lid_left": lids(386, 374, 263, 362),
        "gaze": (iris(468, 33, 133) + iris(473, 263, 362)) / 2,
        "mouth": (along(61) + along(291)) / 2 - along(4),
        "brows": -float(brows),
        "jaw": between(13, 14),
        "nose": along(4),
    }


def frames(clip: Path, models: str, eyes: bool, every: int) -> Iterator[tuple[int, NDArray, r3d.FaceState | None]]:
    with r3d.FaceTracker(models=models, smooth=False, eyes=eyes) as tracker, r3d.open_source(clip) as source:
        for frame in source:
            faces = tracker.process_frame(frame).faces
            if frame.index % every == 0:
                yield frame.index, frame.image, (faces[0] if faces else None)


def seen_by_witness(clip: Path, every: int) -> dict[int, dict[str, float]]:
    found = {}
    with FaceMesh(0.5) as mesh, r3d.open_source(clip) as source:
        for frame in source:
            if frame.index % every == 0:
                points = mesh.points(np.ascontiguousarray(frame.image[..., ::-1]))
                if points is not None:
                    height, width = frame.image.shape[:2]
                    found[frame.index] = witness(points * (width, height))
    return found


def ours(face: r3d.FaceState) -> dict[str, float]:
    w = face.blendshapes()
    down = (w["browDownLeft"] + w["browDownRight"]) / 2
    up = (w["browOuterUpLeft"] + w["browOuterUpRight"]) / 2
    return {
        "blink_right": w["eyeBlinkRight"],
        "blink_left": w["eyeBlinkLeft"],
        "gaze": (w["eyeLookOutLeft"] - w["eyeLookInLeft"] + w["eyeLookInRight"] - w["eyeLookOutRight"]) / 2,
        "mouth": w["mouthLeft"] - w["mouthRight"],
        "brows": w["browInnerUp"] + up - down,
        "jaw": w["jawOpen"],
    }


def columns(rows: list[dict[str, float]]) -> Table:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def rows_of(true: Table, found: Table) -> dict[str, dict[str, float | None]]:
    """Each row's figure, with how many frames it was measured on."""
    lids = np.concatenate([true["lid_right"], true["lid_left"]])
    blinks = np.concatenate([found["blink_right"], found["blink_left"]])
    open_eyes = (true["lid_right"] > 0.15) & (true["lid_left"] > 0.15)
    frontal = np.abs(true["nose"] - np.median(true["nose"])) < FRONTAL
    everywhere = np.ones(len(frontal), bool)
    out: dict[str, dict[str, float | None]] = {
        "eyeBlink of shut eyes, median": _median(blinks[lids < SHUT]),
        "eyeBlink of open eyes, median": _median(blinks[lids > OPEN]),
    }
    for name, rows in (("gaze", open_eyes), ("mouth", frontal), ("brows", frontal), ("jaw", everywhere)):
        a, b = true[name][rows], found[name][rows]
        moves = len(a) > 10 and a.std() > LEAST_MOVED[name] and b.std() > 1e-9
        out[f"{name}, r"] = {"value": float(np.corrcoef(a, b)[0, 1]) if moves else None, "frames": float(len(a))}
    return out


def _median(values: NDArray) -> dict[str, float | None]:
    return {"value": float(np.median(values)) if len(values) else None, "frames": float(len(values))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--models", nargs="+", default=["compact"])
    parser.add_argument("--every", type=int, default=2, help="compare every so many frames")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    results: dict[str, dict[str, dict]] = {}
    for clip in args.clips:
        seen = seen_by_witness(clip, args.every)
        for models, eyes in ((name, eyes) for name in args.models for eyes in (False, True)):
            followed = frames(clip, models, eyes, args.every)
            pairs = [(seen[i], ours(face)) for i, _, face in followed if face and i in seen]
            if not pairs:
                continue
            found = rows_of(columns([a for a, _ in pairs]), columns([b for _, b in pairs]))
            title = f"{models} {'with' if eyes else 'without'} eyes"
            results.setdefault(clip.name, {})[title] = found
            print(clip.name, title, f"{len(pairs)} frames", flush=True)
            for name, figure in found.items():
                value = "does not move" if figure["value"] is None else f"{figure['value']:.2f}"
                print(f"  {name:32} {value}  ({figure['frames']:.0f})", flush=True)
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
