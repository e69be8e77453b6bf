"""Which vertices the live head keeps: many where faces move, few where nobody looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.mesh import triangles_of
from realtime3d.training.model.decimate import thinned
from realtime3d.training.model.ict_source import IctSource, symmetric
from realtime3d.training.model.layout import Layout
from realtime3d.types import Array

# Parts that are thinned together, and the vertices left of them. Sockets and lashes are for the full head only.
TARGETS: tuple[tuple[tuple[str, ...], int], ...] = (
    (("face", "head", "mouth"), 3790),
    (("gums",), 310),
    (("teeth",), 560),
    (("left_eye", "right_eye"), 320),
)
MERIDIANS, EYE_RINGS_KEPT = 32, (0, 3, 5, 7, 8, 10, 13, 16, 21, 25)  # of an eyeball: pupil, iris and its edge, white
INNER_FACE = 6706  # the authors' narrow face: their first vertices
# Squared millimetres count this much: in the inner face, the rest of its part, and elsewhere.
IMPORTANCE = {"head": 0.01, "mouth": 0.01, "gums": 1.0, "teeth": 1.0, "left_eye": 1.0, "right_eye": 1.0}
TEETH = (17039, 19247, 21451)  # the authors' vertices: the upper row, the lower one, their end
ROOTS, FRONT_TEETH_MM = 0.5, 24.0  # of a row's height that the gums hide; how far back the front teeth reach
INNER, OUTER = 1.0, 0.07
POSES = (
    ("jawOpen",), ("jawForward",), ("jawLeft",), ("jawRight",), ("mouthLeft",), ("mouthRight",), ("mouthPucker",),
    ("mouthFunnel",), ("mouthRollLower", "mouthRollUpper"), ("mouthShrugLower", "mouthShrugUpper"),
    ("mouthSmile_L", "mouthSmile_R"), ("mouthFrown_L", "mouthFrown_R"), ("mouthStretch_L", "mouthStretch_R"),
    ("mouthUpperUp_L", "mouthUpperUp_R", "mouthLowerDown_L", "mouthLowerDown_R"), ("cheekPuff_L", "cheekPuff_R"),
    ("eyeBlink_L", "eyeBlink_R"), ("eyeSquint_L", "eyeSquint_R", "cheekSquint_L", "cheekSquint_R"),
    ("browDown_L", "browDown_R"), ("browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R"),
    ("noseSneer_L", "noseSneer_R"), ("eyeLookDown_L", "eyeLookDown_R"),
)  # fmt: skip
IDENTITIES = 6  # modes, each at two standard deviations


@dataclass(frozen=True)
class LiveMesh:
    triangles: NDArray[np.int32]  # (T, 3) vertices of the full head
    uv_triangles: NDArray[np.int32]  # (T, 3) rows of the layout


def live_mesh(source: IctSource, layout: Layout) -> LiveMesh:
    """Triangles of the live head in the numbers of the full one."""
    poses, importance = _poses(source), _importance(source)
    fixed = _eye_rings(source)
    fixed |= fixed[source.partner]
    parts = []
    for names, target in TARGETS:
        rows = np.isin(source.face_part, names)
        parts.append(
            thinned(
                poses,
                triangles_of(source.faces[rows]),
                triangles_of(layout.faces[rows]),
                layout.uv,
                source.partner,
                importance,
                fixed,
                target,
            )
        )
    return LiveMesh(*(np.concatenate(both) for both in zip(*parts, strict=True)))


def _eye_rings(source: IctSource) -> NDArray[np.bool_]:
    """(V,) every second vertex of some of the rings round each eye's pole: pupil and iris stay round."""
    out = np.zeros(len(source.neutral), dtype=bool)
    for part, side in (("left_eye", 1), ("right_eye", -1)):
        faces = source.faces[source.face_part == part]
        ring = _steps_from(int(faces.flat[np.argmin(np.where(faces < 0, np.inf, source.neutral[faces, 2]))]), faces)
        for number in EYE_RINGS_KEPT:
            own = np.flatnonzero(ring == number)
            x, y, _ = (source.neutral[own] - source.neutral[own].mean(axis=0)).T
            turn = np.rint(np.arctan2(y, side * x) / (2 * np.pi / MERIDIANS)).astype(int)
            out[own[(turn % 2 == 0) | (len(own) == 1)]] = True
    return out


def _steps_from(start: int, faces: NDArray[np.int32]) -> NDArray[np.intp]:
    """(V,) along how many edges each vertex lies from `start`; -1 where none lead."""
    edges = np.concatenate([faces[:, [k, (k + 1) % 4]] for k in range(4)] + [faces[:, [2, 0]][faces[:, 3] < 0]])
    edges = edges[(edges >= 0).all(axis=1)]
    edges = np.concatenate([edges, edges[:, ::-1]])
    steps = np.full(edges.max() + 1, -1)
    steps[start], front = 0, np.array([start])
    for number in range(1, len(steps)):
        front = np.unique(edges[np.isin(edges[:, 0], front), 1])
        front = front[steps[front] < 0]
        if not len(front):
            break
        steps[front] = number
    return steps


def _poses(source: IctSource) -> Array:
    acted = [source.neutral + sum(source.expression[name] for name in names) for names in POSES]
    grown = [source.neutral + 2 * symmetric(mode, source.partner) for mode in source.identity[:IDENTITIES]]
    return np.stack([source.neutral, *acted, *grown])


def _importance(source: IctSource) -> Array:
    out = np.full(len(source.neutral), OUTER)
    for part, value in IMPORTANCE.items():
        out[source.vertices_of(part)] = value
    out[source.vertices_of("face")] = OUTER
    out[source.authors_vertex < INNER_FACE] = INNER
    _add_teeth(out, source)
    return out


def _add_teeth(importance: Array, source: IctSource) -> None:
    """Crowns of the front teeth are looked at, roots in the gums and molars are not."""
    first, middle, end = TEETH
    for rows, edge in (((first, middle), 1), ((middle, end), -1)):
        mask = (source.authors_vertex >= rows[0]) & (source.authors_vertex < rows[1])
        y, z = source.neutral[mask, 1], source.neutral[mask, 2]
        low, high = np.percentile(edge * y, (0, 95))
        crown = (edge * y - low) / (high - low) > ROOTS
        front = z < z.min() + FRONT_TEETH_MM
        importance[mask] = np.where(crown & front, 1.0, np.where(crown, 0.1, 0.003))
