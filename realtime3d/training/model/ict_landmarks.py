"""Where MediaPipe's 478 and iBUG's 68 points lie on the head, and what its parts are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.landmarks import SurfacePoints
from realtime3d.geometry import euler_to_matrix
from realtime3d.training.model.correspondence import find_mediapipe, place_68
from realtime3d.training.model.ict_actions import TONGUE
from realtime3d.training.model.ict_source import IctSource
from realtime3d.training.model.plain_render import shown_triangles
from realtime3d.training.model.regions import EYE_RINGS, EYELID_MM, LIPS_OUTER, NAMES, inside
from realtime3d.training.model.rims import on_same_rims, on_the_lids, on_the_lips
from realtime3d.types import Array

Mask = NDArray[np.bool_]

TRAGUS = (1278, 3496)  # the authors' vertices where the jaw begins, in front of the ears
HEADS = 48  # drawn for MediaPipe beside the mean one
SPREAD = 0.8  # of their coefficients: at 1 one head of a dozen is odd
JAW_DOWN = 0.4  # opens the lips that nearly meet at rest
SCALP_Y, SCALP_SLOPE, SCALP_Z = -62.0, -0.1, 55.0  # mm: the hairline on the forehead and behind the temples
JAW_PITCH_DEG = 6.0
AHEAD = np.array([0.0, 0.0, -1.0])  # where the eyes look
EAR_UV = (0.112, 0.29, 0.56)  # of the authors' chart: within this of its sides, between these heights (v down)


@dataclass(frozen=True)
class LiveHead:
    """The live level while it is built: vertices of the full head, and its own triangles."""

    source: IctSource
    kept: NDArray[np.intp]  # (v,) vertices of the full head
    triangles: NDArray[np.int32]  # (t, 3) numbers within `kept`
    opened: Array  # (v, 3) the mean head with its jaw down

    @property
    def mean(self) -> Array:
        return self.source.neutral[self.kept]

    def of(self, *parts: str) -> Mask:
        return self.source.vertices_of(*parts)[self.kept]

    def heads(self, seed: int) -> Array:
        """(HEADS + 1, v, 3): the mean head and random ones."""
        drawn = SPREAD * np.random.default_rng(seed).normal(size=(HEADS, len(self.source.identity)))
        offsets = np.tensordot(drawn, self.source.identity[:, self.kept], 1)
        return np.concatenate([self.mean[None], self.mean + offsets])


@dataclass(frozen=True)
class Landmarks:
    mediapipe478: SurfacePoints
    ibug68: SurfacePoints
    spread_mm: Array  # (478,) how far each of MediaPipe's can be trusted


def find_landmarks(head: LiveHead, seed: int) -> Landmarks:
    """Both sets, with the points round eyes and mouth on their rims.

    iBUG's are ours and not the authors' vertices: on photographs of AFLW2000-3D theirs lay off by 3.8 % of the face's
    box (brows 8.4 %, a centimetre too high) and ours by 2.4 %, jaws by 6.5 % and 4.8 %.
    """
    shown = np.zeros(len(head.triangles), dtype=bool)
    shown[shown_triangles(head.mean, head.triangles)] = True
    eyes = head.of("left_eye", "right_eye")
    skin = head.of("face", "head")
    allowed = shown & (skin | eyes)[head.triangles].all(axis=1)
    balls = np.where(head.of("left_eye"), 1, np.where(head.of("right_eye"), 2, 0))
    found = find_mediapipe(head.heads(seed), head.mean, head.triangles, allowed, balls, AHEAD, seed)
    down = euler_to_matrix(np.radians(JAW_PITCH_DEG), 0, 0).T  # as `place_68` expects a head
    begin = (head.source.neutral[np.isin(head.source.authors_vertex, TRAGUS)] @ down)[:, 2].mean()
    points68 = place_68(found.points, head.mean @ down, head.triangles, allowed, float(begin))
    moved = on_the_lids(found.points, head.mean, head.triangles, eyes, skin)
    moved = on_the_lips(moved, head.mean, head.opened, head.triangles, skin)
    return Landmarks(moved, on_same_rims(points68, moved), np.maximum(found.spread_mm, 0.5))


def label_regions(source: IctSource, points478: Array) -> NDArray[np.uint8]:
    """(V,) index into NAMES for all vertices of the full head; `points478` lie on its mean."""
    x, y, z = source.neutral.T
    face = source.vertices_of("face")
    skin = face | source.vertices_of("head")
    chin = points478[152]
    region = np.full(len(x), NAMES.index("face"), dtype=np.uint8)

    def mark(name: str, mask: Mask) -> None:
        region[mask] = NAMES.index(name)

    mark("scalp", skin & ((y < SCALP_Y + SCALP_SLOPE * z) | (z > SCALP_Z)))
    mark("neck", skin & ((y > chin[1] + 4) | ((y > 45) & (z > 40) & (y > 0.9 * (chin[1] - (z - 20) * 0.45)))))
    mark("ears", _ears(source))
    mark("lips", face & (z < 15) & inside(source.neutral[:, :2], points478[list(LIPS_OUTER), :2]))
    for ring in EYE_RINGS:
        loop = points478[list(ring)]
        near = np.linalg.norm(source.neutral[:, None] - loop[None], axis=-1).min(axis=1) < EYELID_MM
        mark("eyelids", face & (near | (inside(source.neutral[:, :2], loop[:, :2]) & (z < 20))))
    mark("sockets", source.vertices_of("sockets") & ~skin)
    mark("mouth_inside", (source.vertices_of("mouth") & ~skin) | source.vertices_of("gums"))
    mark("tongue", (source.authors_vertex >= TONGUE[0]) & (source.authors_vertex < TONGUE[1]))
    mark("teeth", source.vertices_of("teeth"))
    mark("eyes", source.vertices_of("left_eye", "right_eye"))
    mark("lashes", source.vertices_of("lashes"))
    return region


def _ears(source: IctSource) -> Mask:
    """In the authors' chart of the face the ears lie at its sides; their backs belong to the head."""
    side, top, bottom = EAR_UV
    u, v = source.uv[np.maximum(source.face_uv, 0)].transpose(2, 0, 1)
    there = (np.minimum(u, 1 - u) < side) & (1 - v > top) & (1 - v < bottom)
    there &= (source.faces >= 0) & (source.face_part == "face")[:, None]
    out = np.zeros(len(source.neutral), dtype=bool)
    out[source.faces[there]] = True
    box = [source.neutral[out & (np.sign(source.neutral[:, 0]) == side)] for side in (-1, 1)]
    backs = source.vertices_of("head")
    for points in box:
        low, high = points.min(axis=0), points.max(axis=0)
        inner = np.abs(points[:, 0]).min() + 6
        inside_box = ((source.neutral >= low) & (source.neutral <= high)).all(axis=1)
        out |= backs & inside_box & (np.abs(source.neutral[:, 0]) > inner)
    return out
