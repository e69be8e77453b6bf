"""Builds `models/face_model.npz` from ICT Face Model Light: scans of people, two levels of detail, one layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.eyes import SIDES
from realtime3d.face.landmarks import SurfacePoints
from realtime3d.face.mesh import packed
from realtime3d.files import whole
from realtime3d.geometry import euler_to_matrix
from realtime3d.training.model.expressions import (
    MOTION_WEIGHT,
    expression_combination,
    region_weights,
    retarget_matrices,
)
from realtime3d.training.model.ict_actions import ARKIT_NAMES, EXTRA_NAMES, GAZE_DEG, arkit_actions, eyeball
from realtime3d.training.model.ict_landmarks import JAW_DOWN, LiveHead, find_landmarks, label_regions
from realtime3d.training.model.ict_source import IctSource
from realtime3d.training.model.layout import Layout, lay_out
from realtime3d.training.model.levels import LiveMesh, live_mesh
from realtime3d.training.model.regions import NAMES
from realtime3d.types import Array

Log = Callable[[str], None]

FORMAT = 2
# The scans' heads look ahead in their own axes; people who face a camera upright fit them at this pitch (the median of
# studio portraits). Turning the model makes a frontal upright face R = I.
FRONTAL_PITCH_DEG = -1.6
# mm between neighbouring values of the full head's vertices that the live head lacks: thinner ones would not be seen.
GOALS = {"eyeBlink": 0.985}  # lids that lack a twentieth of their way are open
SHAPE_STEP, MOTION_STEP = 0.008, 0.008


@dataclass(frozen=True)
class Built:
    """What the builder hands over: the file's arrays and what training needs beside them."""

    arrays: dict[str, NDArray]
    spread_mm: Array  # (478,) how far each landmark's place can be trusted


def build(source: IctSource, seed: int = 0, log: Log = lambda line: None) -> Built:
    """Make the face model: a minute on a CPU; deterministic for a seed."""
    source = settled(source)
    log(f"laying out {len(source.faces)} faces, thinning {len(source.neutral)} vertices")
    layout = lay_out(source)
    live = live_mesh(source, layout)
    actions, extras = arkit_actions(source)
    kept = np.unique(live.triangles).astype(np.intp)
    own = np.searchsorted(kept, live.triangles).astype(np.int32)
    opened = (source.neutral + JAW_DOWN * source.expression["jawOpen"])[kept]
    head = LiveHead(source, kept, own, opened)
    log(f"finding landmarks on {len(kept)} vertices with MediaPipe's mesh on renders")
    points = find_landmarks(head, seed)
    region = label_regions(source, points.mediapipe478.on(head.mean))
    log("components of expression")
    motion_weight = region_weights(region[kept], MOTION_WEIGHT)
    combination = expression_combination(actions[:, kept], ARKIT_NAMES, motion_weight, seed, GOALS)
    motion = np.concatenate([np.einsum("ak,avc->kvc", combination, actions), extras])
    order = np.concatenate([kept, np.setdiff1d(np.arange(len(source.neutral)), kept)])
    fields = {"mean": source.neutral[order], "shape": source.identity[:, order], "motion": motion[:, order]}
    arrays = {
        "format": np.array(FORMAT),
        "licence": np.array(source.licence),
        "region_names": np.array(NAMES),
        "extra_names": np.array(EXTRA_NAMES),
        "arkit_names": np.array(ARKIT_NAMES),
        **_live_arrays(fields, own, region[kept], live, layout),
        **_eye_arrays(source, kept),
        **_full_arrays(fields, order, region, source, layout, len(kept)),
        **retarget_matrices(actions[:, kept], motion[:, kept], region[kept]),
        **landmark_arrays("mediapipe478", points.mediapipe478),
        **landmark_arrays("ibug68", points.ibug68),
    }
    return Built(arrays, points.spread_mm)


def settled(source: IctSource) -> IctSource:
    """Upright, with the origin between eyeballs that look ahead, and identities that leave the head where it is."""
    upright = euler_to_matrix(np.radians(FRONTAL_PITCH_DEG), 0, 0).T
    expression = {name: field @ upright for name, field in source.expression.items()}
    source = replace(
        source, neutral=source.neutral @ upright, identity=source.identity @ upright, expression=expression
    )
    neutral, middles = source.neutral.copy(), []
    for side in SIDES:
        mask, middle = eyeball(source, side)
        neutral[mask] = (neutral[mask] - middle) @ ahead(neutral[mask] - middle).T + middle
        middles.append(middle)
    neutral -= np.mean(middles, axis=0)
    front = source.authors_vertex < 6706
    return replace(source, neutral=neutral, identity=without_rigid(source.identity, neutral, front))


def ahead(ball: Array) -> Array:
    """The rotation that lets a ball look ahead: the scans' eyes diverge by 6 degrees. Its pole is the vertex farthest
    from its middle, where the clear front is."""
    pole = ball[np.argmax(np.linalg.norm(ball, axis=1))]
    yaw, pitch = np.arctan2(pole[0], -pole[2]), np.arcsin(pole[1] / np.linalg.norm(pole))
    return euler_to_matrix(-pitch, 0, 0) @ euler_to_matrix(0, yaw, 0)


def without_rigid(modes: Array, rest: Array, mask: NDArray[np.bool_]) -> Array:
    """(K, V, 3) less what moving and turning the whole head explains on `mask`."""
    moves = [np.broadcast_to(axis, rest.shape) for axis in np.eye(3)] + [np.cross(axis, rest) for axis in np.eye(3)]
    rigid = np.stack(moves)
    inner = rigid[:, mask].reshape(6, -1)
    fitted = np.linalg.lstsq(inner.T, modes[:, mask].reshape(len(modes), -1).T, rcond=None)[0]
    return modes - np.tensordot(fitted.T, rigid, 1)


def _live_arrays(
    fields: dict[str, Array], own: NDArray, region: NDArray, live: LiveMesh, layout: Layout
) -> dict[str, NDArray]:
    n = len(region)
    rows = np.unique(live.uv_triangles)
    kept = np.unique(live.triangles).astype(np.intp)
    n_expression = len(fields["motion"]) - len(EXTRA_NAMES)
    return {
        "mean": fields["mean"][:n].astype(np.float32),
        "shape_basis": fields["shape"][:, :n].astype(np.float16),
        "expression_basis": fields["motion"][:n_expression, :n].astype(np.float16),
        "extra_basis": fields["motion"][n_expression:, :n].astype(np.float16),
        "triangles": own.astype(np.uint16),
        "region": region,
        "uv": layout.uv[rows].astype(np.float32),
        "uv_vertex": np.searchsorted(kept, layout.vertex[rows]).astype(np.uint16),
        "uv_triangles": np.searchsorted(rows, live.uv_triangles).astype(np.uint16),
    }


def _eye_arrays(source: IctSource, kept: NDArray[np.intp]) -> dict[str, NDArray]:
    """Weights of each ball's live vertices whose sum is its middle, the smallest ones, and how far a look turns it."""
    out = {"eye_sine": np.array(np.sin(np.radians(GAZE_DEG)))}
    for side in SIDES:
        mask, middle = eyeball(source, side)
        points = source.neutral[kept][mask[kept]]
        equations = np.column_stack([points, np.ones(len(points))]).T
        out[f"eye_weights_{side}"] = np.linalg.lstsq(equations, np.append(middle, 1.0), rcond=None)[0].astype(
            np.float32
        )
    return out


def _full_arrays(
    fields: dict[str, Array], order: NDArray, region: NDArray, source: IctSource, layout: Layout, n: int
) -> dict[str, NDArray]:
    """The full head: its first `n` vertices are the live one's and not written again."""
    place = np.empty(len(order) + 1, dtype=np.int32)
    place[order], place[-1] = np.arange(len(order)), -1
    return {
        "full_mean": fields["mean"][n:].astype(np.float32),
        "full_shape": packed(fields["shape"][:, n:], SHAPE_STEP),
        "full_motion": packed(fields["motion"][:, n:], MOTION_STEP),
        "full_steps_mm": np.array([SHAPE_STEP, MOTION_STEP]),
        "full_faces": place[source.faces],
        "full_region": region[order],
        "full_uv": layout.uv.astype(np.float32),
        "full_uv_vertex": place[layout.vertex],
        "full_uv_faces": layout.faces,
        "full_authors_vertex": source.authors_vertex[order].astype(np.int32),
    }


def landmark_arrays(name: str, points: SurfacePoints) -> dict[str, NDArray]:
    return {
        f"landmarks_{name}_vertices": points.vertices.astype(np.uint16),
        f"landmarks_{name}_weights": points.weights.astype(np.float32),
    }


def save(arrays: dict[str, Any], path: Path) -> None:
    """Write the model file atomically: an interrupted build leaves the old one."""
    with whole(path, make_folder=True) as draft:
        np.savez_compressed(draft, **arrays)
