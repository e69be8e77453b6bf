"""Where MediaPipe's 478 and iBUG's 68 points lie on the head, and what its parts are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import SurfacePoints
from realtime3d.training.model.correspondence import find_mediapipe
from realtime3d.training.model.ict_actions import TONGUE
from realtime3d.training.model.ict_source import IctSource
from realtime3d.training.model.plain_render import shown_triangles
from realtime3d.training.model.regions import EYE_RINGS, EYELID_MM, LIPS_OUTER, NAMES, inside
from realtime3d.training.model.rims import on_the_lids, on_the_lips

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# The authors' vertices in iBUG's order; the jaw's first and last points lie on the mandible, as the authors mark it.
JAW = (
    1278, 1272, 12, 1834, 243, 781, 2199, 1447, 966, 3661, 4390, 3022, 2484, 4036, 2253, 3490, 3496,
)  # fmt: skip
INNER = (
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360,
    1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213,
    6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
HEADS = 48  # drawn for MediaPipe beside the mean one
SPREAD = 0.8  # of their coefficients: at 1 one head of a dozen is odd
JAW_DOWN = 0.4  # opens the lips that nearly meet at rest
SCALP_Y, SCALP_SLOPE, SCALP_Z = -62.0, -0.1, 55.0  # mm: the hairline on the forehead and behind the temples
EAR_UV = (0.112, 0.29, 0.56)  # of the authors' chart: within this of its sides, between these heights (v down)


def landmark_vertices(source: IctSource) -> NDArray[np.intp]:
    """(68,) iBUG's points as our vertices."""
    number = np.full(source.authors_vertex.max() + 1, -1)
    number[source.authors_vertex] = np.arange(len(source.authors_vertex))
    return number[list(JAW + INNER)]


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


def find_478(head: LiveHead, ahead: Array, seed: int) -> tuple[SurfacePoints, Array]:
    """MediaPipe's points, those round eyes and mouth on their rims, and (478,) how far each can be trusted in mm."""
    shown = np.zeros(len(head.triangles), dtype=bool)
    shown[shown_triangles(head.mean, head.triangles)] = True
    eyes = head.of("left_eye", "right_eye")
    skin = head.of("face", "head")
    outside = skin | eyes
    allowed = shown & outside[head.triangles].all(axis=1)
    balls = np.where(head.of("left_eye"), 1, np.where(head.of("right_eye"), 2, 0))
    found = find_mediapipe(head.heads(seed), head.mean, head.triangles, allowed, balls, ahead, seed)
    points = on_the_lids(found.points, head.mean, head.triangles, eyes, skin)
    points = on_the_lips(points, head.mean, head.opened, head.triangles, skin)
    return points, np.maximum(found.spread_mm, 0.5)


def place_68(head: LiveHead) -> SurfacePoints:
    """iBUG's points: the authors' vertices, which the live head keeps."""
    own = np.searchsorted(head.kept, landmark_vertices(head.source))
    first = np.array([np.flatnonzero((head.triangles == v).any(axis=1))[0] for v in own])
    corners = head.triangles[first]
    return SurfacePoints(corners.astype(np.int32), (corners == own[:, None]).astype(np.float32))


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
