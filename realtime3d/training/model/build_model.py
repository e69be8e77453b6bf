"""Builds `models/face_model.npz`: mean, identity and expression bases, landmarks, regions and the map to ARKit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.landmarks import SurfacePoints
from realtime3d.files import whole
from realtime3d.geometry import euler_to_matrix
from realtime3d.training.model.correspondence import Correspondence, find_mediapipe, place_68
from realtime3d.training.model.expressions import (
    MOTION_WEIGHT,
    expression_combination,
    region_weights,
    retarget_matrices,
)
from realtime3d.training.model.head_source import HeadSource
from realtime3d.training.model.regions import NAMES, label_regions, visible_triangles
from realtime3d.training.model.rims import on_same_rims, on_the_lids, on_the_lips
from realtime3d.types import Array

N_SHAPE = 99
FORMAT = 1
LANDMARK_HEADS = 48  # rendered for MediaPipe beside the mean one
JAW_DOWN = 0.4  # opens the lips that are closed on the mean head
# anny's head looks down in its own axes: people who face a camera upright fit it at this pitch (median of 52 studio
# portraits). Turning the model makes a frontal upright face R = I.
FRONTAL_PITCH_DEG = -6.0
EXTRA_NAMES = ("gazeLeftYaw", "gazeLeftPitch", "gazeRightYaw", "gazeRightPitch", "tongueOut")
SHAPE_WEIGHT = {"scalp": 0.3, "neck": 0.15, "ears": 0.5, "eyes": 0.3, "tongue": 0.1, "mouth_inside": 0.3}


@dataclass(frozen=True)
class Built:
    """What the builder hands over: the file's arrays and what training needs beside them."""

    arrays: dict[str, NDArray]
    spread_mm: Array  # (478,) how far each landmark's place can be trusted


def build(heads: int = 1500, seed: int = 0, log: Callable[[str], None] = lambda line: None) -> Built:
    """Make the face model. Takes a few minutes on a CPU; deterministic for a seed."""
    source = HeadSource.load()
    rng = np.random.default_rng(seed)
    log(f"sampling {heads} heads of {len(source.template)} vertices")
    samples = align(source.sample(rng, heads), source)
    mean = samples.mean(axis=0)
    mean = (mean + mirror(mean, source)) / 2
    allowed = visible_triangles(mean, source.triangles, source.component)
    log("finding landmarks with MediaPipe's mesh on renders")
    upright = euler_to_matrix(np.radians(FRONTAL_PITCH_DEG), 0, 0).T
    eyeballs = np.where(np.isin(source.component, (2, 3)), source.component, 0)
    found_on = np.concatenate([mean[None], samples[:LANDMARK_HEADS]])
    correspondence = find_mediapipe(
        found_on, mean, source.triangles, allowed, eyeballs, upright @ (0.0, 0.0, -1.0), seed
    )
    points68 = place_68(correspondence.points, mean, source.triangles, allowed)
    region = label_regions(mean, source, correspondence.points)
    log("principal components of identity")
    shape_basis = principal_components(samples - mean, region_weights(region, SHAPE_WEIGHT), N_SHAPE)
    actions = source.actions()
    log("principal components of expression")
    motion_weight = region_weights(region, MOTION_WEIGHT)
    combination = expression_combination(actions, source.action_names, motion_weight, seed)
    expression_basis = np.einsum("ak,avc->kvc", combination, actions)
    extra_basis = extra_directions(actions, source.action_names)
    mean, shape_basis, actions = mean @ upright, shape_basis @ upright, actions @ upright
    expression_basis, extra_basis = expression_basis @ upright, extra_basis @ upright
    opened = mean + JAW_DOWN * actions[source.action_names.index("jawOpen")]
    rims478, rims68 = on_rims(correspondence.points, points68, mean, opened, source, region)
    arrays = {
        "format": np.array(FORMAT),
        "mean": mean.astype(np.float32),
        "shape_basis": shape_basis.astype(np.float16),
        "expression_basis": expression_basis.astype(np.float16),
        "extra_basis": extra_basis.astype(np.float16),
        "triangles": source.triangles.astype(np.uint16),
        "uv": source.uv.astype(np.float16),
        "region": region,
        "region_names": np.array(NAMES),
        "extra_names": np.array(EXTRA_NAMES),
        "arkit_names": np.array(source.action_names),
        **retarget_matrices(actions, np.concatenate([expression_basis, extra_basis]), region),
        **landmark_arrays("mediapipe478", rims478),
        **landmark_arrays("ibug68", rims68),
    }
    return Built(arrays, _floor(correspondence))


def _floor(correspondence: Correspondence) -> Array:
    return np.maximum(correspondence.spread_mm, 0.5)


def align(heads: Array, source: HeadSource, rounds: int = 3) -> Array:
    """Rigid Procrustes (no scale) on the front of the face; the origin is the mean head's point between the eyes."""
    front = _front_of_face(source)
    target = source.template
    for _ in range(rounds):
        heads = np.stack([_rigid(head, target, front) for head in heads])
        target = heads.mean(axis=0)
    eyes = [target[source.component == side] for side in (2, 3)]
    return heads - np.mean([(e.min(axis=0) + e.max(axis=0)) / 2 for e in eyes], axis=0)


def _front_of_face(source: HeadSource) -> NDArray[np.bool_]:
    eyes = source.template[source.component >= 2]
    relative = source.template - (eyes.min(axis=0) + eyes.max(axis=0)) / 2
    x, y, z = relative.T
    return (source.component == 0) & (z < 25) & (y > -35) & (y < 100) & (np.abs(x) < 75)


def _rigid(points: Array, target: Array, mask: NDArray[np.bool_]) -> Array:
    p, q = points[mask], target[mask]
    u, _, vt = np.linalg.svd((p - p.mean(axis=0)).T @ (q - q.mean(axis=0)))
    R = (u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt).T
    return (points - p.mean(axis=0)) @ R.T + q.mean(axis=0)


def mirror(vertices: Array, source: HeadSource) -> Array:
    """The head in a mirror with the same vertex order, so that the mean can be made exactly symmetric."""
    return vertices[mirror_index(source.template)] * (-1, 1, 1)


def mirror_index(template: Array) -> NDArray[np.intp]:
    """For each vertex its partner on the other side of the symmetric template."""
    keys = np.round(template, 2)
    lookup = {tuple(row): i for i, row in enumerate(keys + 0.0)}
    partner = [lookup.get(tuple(row + 0.0)) for row in keys * (-1, 1, 1)]
    if None not in partner:
        return np.array(partner, dtype=np.intp)
    flipped = template * (-1, 1, 1)
    return np.array([int(np.argmin(((template - row) ** 2).sum(1))) for row in flipped], dtype=np.intp)


def on_rims(
    points478: SurfacePoints,
    points68: SurfacePoints,
    mean: Array,
    opened: Array,
    source: HeadSource,
    region: NDArray,
) -> tuple[SurfacePoints, SurfacePoints]:
    """Both landmark sets with the points round the eyes moved from the eyeballs to the lids of the upright head, and
    those between the lips each to its own lip; `opened` is the head with its jaw down."""
    hidden = np.isin(region, [NAMES.index(name) for name in ("eyes", "tongue", "mouth_inside")])
    moved = on_the_lids(points478, mean, source.triangles, region == NAMES.index("eyes"), ~hidden)
    moved = on_the_lips(moved, mean, opened, source.triangles, ~hidden)
    return moved, on_same_rims(points68, moved)


def principal_components(offsets: Array, weight: Array, count: int) -> Array:
    """(count, V, 3): directions of largest weighted variance, in mm per standard deviation."""
    root = np.sqrt(weight)[:, None]
    flat = (offsets * root).reshape(len(offsets), -1)
    scores, _, _ = np.linalg.svd(flat, full_matrices=False)
    scores = scores[:, :count] * np.sqrt(len(offsets))  # unit variance
    # Regress the unweighted heads on the scores: low-weight parts follow the face as well as they can.
    basis = np.linalg.lstsq(scores, offsets.reshape(len(offsets), -1), rcond=None)[0]
    return basis.reshape(count, *offsets.shape[1:])


def extra_directions(actions: Array, names: tuple[str, ...]) -> Array:
    """(5, V, 3): gaze of each eye (yaw positive to the person's left, pitch positive down) and the tongue."""

    def axis(plus: str, minus: str) -> Array:
        """Both directions on one line; the weaker one (looking up) is scaled so that neither is lost."""
        forth, back = actions[names.index(plus)], actions[names.index(minus)]
        size = (np.linalg.norm(forth) + np.linalg.norm(back)) / 2
        return (forth / np.linalg.norm(forth) - back / np.linalg.norm(back)) / 2 * size

    return np.stack(
        [
            axis("eyeLookOutLeft", "eyeLookInLeft"),
            axis("eyeLookDownLeft", "eyeLookUpLeft"),
            axis("eyeLookInRight", "eyeLookOutRight"),
            axis("eyeLookDownRight", "eyeLookUpRight"),
            actions[names.index("tongueOut")],
        ]
    )


def landmark_arrays(name: str, points: SurfacePoints) -> dict[str, NDArray]:
    return {
        f"landmarks_{name}_vertices": points.vertices.astype(np.uint16),
        f"landmarks_{name}_weights": points.weights.astype(np.float32),
    }


def save(arrays: dict[str, Any], path: Path) -> None:
    """Write the model file atomically: an interrupted build leaves the old one."""
    with whole(path, make_folder=True) as draft:
        np.savez_compressed(draft, **arrays)
