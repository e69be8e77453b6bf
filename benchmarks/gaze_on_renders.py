"""How far off are gaze and blinks on rendered people who are not trained on? Truth is exact.

    python benchmarks/gaze_on_renders.py PHOTOS --fits FITS.npz --models compact [--people 40] [--out FILE.json]

FITS come from `realtime3d training fit PHOTOS --model models/face_model.npz`. Each set is measured with its net on the
eyes' pixels and without it. Heads are turned by up to 50 degrees; the angles are those by which the eyeballs of the
face model turn, so only sets that answer for it have angles to compare; others have correlations.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import realtime3d as r3d
from realtime3d.face.gaze import direction_of
from realtime3d.face.model import FaceModel
from realtime3d.training.eyes.renders import SIZE, draw_target, view
from realtime3d.training.labels.borders import without_mirrored_borders
from realtime3d.training.labels.fits import Fits
from realtime3d.training.samples.photo import HeadParts, build_scene, worth_turning
from realtime3d.training.samples.render_samples import Target, render
from realtime3d.types import Image

MODEL = Path("models/face_model.npz")
FACING_DEG = 35.0
BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
OPEN, SHUT = 0.2, 0.95  # of a blink's action


def shots(
    model: FaceModel, to_motion: NDArray, photos: Path, fits: Fits, people: int, each: int
) -> Iterator[tuple[Image, Target, NDArray]]:
    """Pictures with their targets and the true weights; each second one is the one before with both eyes shut."""
    rng, top = np.random.default_rng(17), HeadParts.of(model)
    facing = np.degrees(np.arccos(fits.R[:, 2, 2].clip(-1, 1))) < FACING_DEG
    good = np.flatnonzero(facing & worth_turning(model, fits.residual, fits.alpha, fits.motion))
    back, backdrop = np.linalg.pinv(to_motion), np.full((SIZE, SIZE, 3), 120, np.uint8)
    blink = [list(model.arkit_names).index(name) for name in BLINKS]
    for i in rng.permutation(good)[:people].tolist():
        image = cv2.imread(str(photos / fits.files[i]))
        photo = fits.photo(i, image)
        scene = build_scene(top, replace(photo, image=without_mirrored_borders(image)))
        for _ in range(each):
            target = draw_target(model, to_motion, photo, rng)
            actions = (back @ target.motion).clip(0, 1)
            for shut in (0.0, 1.0):
                weights = actions.copy()
                weights[blink] = shut
                moved = target.motion + to_motion @ (weights - actions)
                now = replace(target, motion=moved.astype(np.float32), light=np.zeros(3, np.float32))
                yield render(top, scene, now, backdrop, SIZE, np.random.default_rng(5)), now, weights


def true_box(model: FaceModel, target: Target) -> NDArray:
    camera, pose = view(target, SIZE)
    parts = np.split(target.motion, [model.n_expression])
    points = camera.project(model.face_landmarks("ibug68", target.alpha, *parts) @ pose.R.T + pose.t)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def measured(models: str, eyes: bool, model: FaceModel, pictures: list[tuple[Image, Target, NDArray]]) -> dict:
    with r3d.FaceTracker(models=models, eyes=eyes, threads=1) as tracker:
        faces = [tracker.process_boxes(image, [true_box(model, t)]).faces[0] for image, t, _ in pictures]
    opened, shut = slice(0, None, 2), slice(1, None, 2)
    found = np.array([[face.gaze_deg()[side] for side in ("left", "right")] for face in faces])
    true = np.array([[angles(model, side, t) for side in (0, 1)] for _, t, _ in pictures])
    facing = np.degrees(np.arccos([t.R[2, 2] for _, t, _ in pictures[opened]])) < FACING_DEG
    off = np.array([[between(a, b) for a, b in zip(*pair, strict=True)] for pair in zip(found, true, strict=True)])
    blinks = np.array([[face.blendshapes()[name] for name in BLINKS] for face in faces])
    ahead = np.array([[between((0.0, 0.0), b) for b in row] for row in true])
    sure = np.array([face.gaze_deg()["confidence"] for face in faces])
    turns = [
        np.degrees(np.arccos(((a.pose.R * b.pose.R).sum() - 1) / 2))
        for a, b in zip(faces[opened], faces[shut], strict=True)
    ]
    return {
        "pictures": len(pictures) // 2,
        "gaze_deg": float(off[opened][facing].mean()),
        "gaze_deg_of_looking_ahead": float(ahead[opened][facing].mean()),
        "gaze_deg_all_poses": float(off[opened].mean()),
        "yaw_r": correlation(found[opened][facing, :, 1], true[opened][facing, :, 1]),
        "pitch_r": correlation(found[opened][facing, :, 0], true[opened][facing, :, 0]),
        "blink_open_median": float(np.median(blinks[opened][facing])),
        "blink_open_p90": float(np.percentile(blinks[opened][facing], 90)),
        "blink_shut_median": float(np.median(blinks[shut][facing])),
        "blink_shut_p10": float(np.percentile(blinks[shut][facing], 10)),
        "confidence_open_median": float(np.median(sure[opened][facing])),
        "confidence_shut_median": float(np.median(sure[shut][facing])),
        "head_turned_by_blink_deg": float(np.mean(turns)),
    }


def angles(model: FaceModel, side: int, target: Target) -> tuple[float, float]:
    from realtime3d.face.gaze import angles_of

    return angles_of(model.eye_turns.direction(side, target.motion[model.n_expression :]))


def between(a: NDArray | tuple[float, float], b: NDArray | tuple[float, float]) -> float:
    return float(np.degrees(np.arccos(np.clip(direction_of(*a) @ direction_of(*b), -1, 1))))


def correlation(a: NDArray, b: NDArray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--fits", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=["compact"])
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    model = FaceModel.load(MODEL)
    with np.load(MODEL) as data:
        to_motion = data["arkit_to_motion"]
    pictures = list(shots(model, to_motion, args.photos, Fits.load(args.fits), args.people, args.each))
    results = {}
    for models in args.models:
        for eyes in (False, True):
            name = f"{models} {'with' if eyes else 'without'} eyes"
            results[name] = measured(models, eyes, model, pictures)
            print(name, json.dumps(results[name], indent=1), flush=True)
    if args.out:
        args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
