"""A rendered film of a head whose wrinkles are known: some always there, others as deep as an expression is strong.

python -m benchmarks.detail.films                # writes results/detail_films.json and prints one table
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.detail import drawing
from realtime3d.bench import machine
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera, euler_to_matrix
from realtime3d.raster import interpolate, rasterize, vertex_normals
from realtime3d.surface.activations import ACTIVATIONS, activations
from realtime3d.surface.best_frames import BestFrames
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.film import FilmDetail, detail_of_film
from realtime3d.surface.layout import Layout
from realtime3d.surface.solve import band
from realtime3d.types import FaceCoeffs, FloatArray, IdentityState, Image, Pose

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "benchmarks" / "results" / "detail_films.json"
FRAMES, SIDE, MM_PER_PX = 60, 640, 0.5
SKIN = np.array([0.20, 0.28, 0.45], np.float32)  # linear BGR
JITTER_DEG, JITTER_MM, JITTER_ETA = 0.6, 0.6, 0.1  # what a tracker is off by


@dataclass(frozen=True)
class Truth:
    """Displacement in mm, (h, w) of the layout's window."""

    person: FloatArray
    folds: Mapping[str, FloatArray]
    grain: FloatArray  # logarithm of the skin's brightness

    def at(self, shown: FloatArray) -> FloatArray:
        out = self.person.copy()
        for name, a in zip(ACTIVATIONS, shown, strict=True):
            if name in self.folds:
                out += a * self.folds[name]
        return out


def truth_of(layout: Layout, rng: np.random.Generator) -> Truth:
    """Grooves at places where faces have them."""
    at = layout.on_front(layout.head.mean)  # y down
    x, y = at[..., 0], at[..., 1]

    def line(away: FloatArray, along: FloatArray, deep: float, wide: float) -> FloatArray:
        taper = np.clip((1 - np.abs(along)) * 4, 0, 1)
        return np.asarray(-deep * np.exp(-4 * np.log(2) * (away / wide) ** 2) * taper * layout.inside, np.float32)

    brow = sum(line(y + 34 + 7 * k + 0.002 * x**2, x / 38, 0.45, 2.4) for k in range(3))
    crow = sum(line(y + 4 - 9 * k - 0.5 * k * (np.abs(x) - 52), (np.abs(x) - 56) / 9, 0.35, 1.8) for k in (-1, 0, 1))
    cheek = line(np.abs(x) - 26 - 0.35 * (y - 30), (y - 36) / 14, 0.5, 3.0)
    always = line(np.abs(np.abs(x) - 5), (y + 26) / 9, 0.3, 2.0)
    always = always + line(y - 70 - 0.01 * x**2, x / 22, 0.35, 2.6)
    always = always + 0.8 * drawing.wrinkles(rng, layout.inside, layout.texel_mm, (1.5, 3.0))
    folds = {"brows_up": brow, "squint": crow, "smile": cheek}
    grain = drawing.grain(rng, layout.inside.shape, layout.texel_mm)
    return Truth(np.asarray(always, np.float32), {k: np.asarray(v, np.float32) for k, v in folds.items()}, grain)


def wanted_at(frame: int) -> dict[str, float]:
    """What the face does, as shares of ACTIVATIONS."""
    turn = 2 * np.pi * frame / FRAMES
    return {
        "brows_up": 0.4 + 0.4 * np.sin(2 * turn), "squint": max(0.0, 0.6 * np.sin(3 * turn + 1)),
        "smile": max(0.0, 0.8 * np.sin(turn + 2)), "open": max(0.0, 0.3 * np.sin(5 * turn)),
    }  # fmt: skip


def acted(model: FaceModel, frame: int, wanted: Mapping[str, float]) -> FaceState:
    """The head as it is in a frame."""
    turn = 2 * np.pi * frame / FRAMES
    strength = {part: amount for name, amount in wanted.items() for part in ACTIVATIONS[name]}
    weights = np.array([strength.get(name, 0.0) for name in model.arkit_names], np.float32)
    assert model.arkit_to_motion is not None
    eta, extras = np.split((model.arkit_to_motion @ weights).astype(np.float32), [model.n_expression])
    angles = np.radians([10 * np.sin(turn + 0.5), 16 * np.sin(2 * turn), 4 * np.sin(3 * turn)])
    camera = Camera.from_fov(SIDE, SIDE, 24)
    pose = Pose(euler_to_matrix(*angles), np.array([0, -15, camera.fx * MM_PER_PX]))
    shape = np.zeros(model.n_shape, np.float32)
    raw = FaceCoeffs(pose, eta, extras, 1.0, 1.0, shape)
    return FaceState(1, "tracked", 1.0, pose, eta, extras, shape, raw, IdentityState(shape, True, 60), model, camera)


def tracked(face: FaceState, rng: np.random.Generator) -> FaceState:
    """The same as a tracker would give it: a little off."""
    turn = euler_to_matrix(*np.radians(rng.normal(0, JITTER_DEG, 3)))
    t = face.pose.t + rng.normal(0, JITTER_MM, 3) * (1, 1, 4)
    eta = face.expression + rng.normal(0, JITTER_ETA, len(face.expression)).astype(np.float32)
    return replace(face, pose=Pose(face.pose.R @ turn, t), expression=eta)


def photographed(face: FaceState, layout: Layout, truth: Truth, relief: FloatArray, rng: np.random.Generator) -> Image:
    """The frame: skin with grain under a lamp and a sky, the wrinkles in its normals."""
    head, camera = layout.head, face.camera
    R, t = face.pose.R.astype(np.float32), face.pose.t.astype(np.float32)
    vertices = face.vertices_at(layout.level) @ R.T + t
    split = np.concatenate([vertices, vertex_normals(vertices, head.triangles)], axis=1)[head.uv_vertex]
    values = np.ascontiguousarray(np.concatenate([split, head.uv], axis=1), dtype=np.float32)
    triangles = np.ascontiguousarray(head.uv_triangles)
    ids, bary, _ = rasterize(camera.project(values[:, :3]), values[:, 2], triangles, SIDE, SIDE, cull=True)
    at = np.zeros((SIDE, SIDE, 8), np.float32)
    interpolate(ids, bary, triangles, values, at)
    normals = at[..., 3:6] / np.maximum(np.linalg.norm(at[..., 3:6], axis=-1, keepdims=True), 1e-6)
    uv = at[..., 6:].reshape(-1, 2)
    high, paint = (layout.sampled(layout.whole(part), uv).reshape(SIDE, SIDE) for part in (relief, truth.grain))
    points = np.where((ids >= 0)[..., None], at[..., :3], np.float32(np.nan))
    folded, sky = drawing.raised(points, normals, high), drawing.open_sky(high, MM_PER_PX)
    light = SKIN * (drawing.LAMPS["left"].shade(folded, sky) * np.exp(paint))[..., None]
    return drawing.photographed(rng, np.where((ids >= 0)[..., None], light, np.float32(0.1)))


def measured(model: FaceModel) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    maker = DetailMaker(model)
    layout = maker.layout
    truth = truth_of(layout, rng)
    kept, last = BestFrames(), None
    seconds, shown = 0.0, []
    for frame in range(FRAMES):
        wanted = wanted_at(frame)
        face = acted(model, frame, wanted)
        relief = truth.at(np.array([wanted.get(name, 0.0) for name in ACTIVATIONS], np.float32))
        image = photographed(face, layout, truth, relief, rng)
        last = tracked(face, rng)
        start = time.process_time()
        kept.see(last, image)
        seconds += time.process_time() - start
        shown.append((activations(last.blendshapes()), relief))
    assert last is not None
    start = time.process_time()
    film = detail_of_film(maker, kept.shots, last)
    solving = time.process_time() - start
    return {
        **_compared(layout, maker, film, truth, shown, kept, last), "kept": len(kept.shots), "known": list(film.known),
        "see_cpu_ms": 1000 * seconds / FRAMES, "solve_cpu_s": solving,
    }  # fmt: skip


def _compared(
    layout: Layout, maker: DetailMaker, film: FilmDetail, truth: Truth, shown: list[tuple[FloatArray, FloatArray]],
    kept: BestFrames, last: FaceState,
) -> dict[str, Any]:  # fmt: skip
    span = layout.texel_mm

    def r(found: FloatArray, real: FloatArray, where: np.ndarray) -> float:
        a, b = found[where], band(real, span)[where]
        return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-9))

    def near(real: FloatArray) -> np.ndarray:
        side = 2 * max(1, round(2 / span)) + 1
        close = cv2.dilate((real < -0.02).astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        return np.asarray(close & layout.inside & (film.seen > 0.9), bool)

    mean = np.mean([relief for _, relief in shown], axis=0)
    best = maker.look(replace(kept.shots[0].face, shape=last.shape), kept.shots[0].image)
    assert best is not None
    out: dict[str, Any] = {"person_r": r(film.person, mean, near(mean))}
    for k, name in enumerate(ACTIVATIONS):
        if name in truth.folds:
            out[f"fold_r_{name}"] = r(film.folds[k], truth.folds[name], near(truth.folds[name]))
    everywhere = near(np.min([relief for _, relief in shown], axis=0))
    folded = near(sum(truth.folds.values(), np.zeros_like(mean)))
    for zone, where in (("", everywhere), ("_in_folds", folded)):
        for name, guess in (
            ("film", film.at), ("mean_of_frames", lambda a: film.person), ("best_frame", lambda a: best.raw),
        ):  # fmt: skip
            out[f"each_frame_r{zone}_{name}"] = float(np.mean([r(guess(a), relief, where) for a, relief in shown]))
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=TARGET)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    args = parser.parse_args()
    models = {"face_model": "models/face_model.npz"}
    found = {name: measured(FaceModel.load(ROOT / file)) for name, file in models.items()}
    rounded = {
        name: {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for name, row in found.items()
    }
    print(json.dumps(rounded, indent=1))
    if not args.dry:
        args.json.write_text(json.dumps({"machine": machine.machine(), **rounded}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
