"""What shows between open lips: teeth that belong to skull and jaw, a tongue that lies down, and darkness behind.

The older head's mesh has no teeth and its tongue fills the mouth; the scans' head has its own. A net that never saw
teeth learned nothing of lips: how much of the upper teeth is covered says where the upper lip is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.training.model.plain_render import shown_triangles
from realtime3d.types import FloatArray

Mask = NDArray[np.bool_]

UPPER_LIP, LOWER_LIP, CORNERS, CHIN = 13, 14, (78, 308), (152, 148, 377, 175, 199, 171, 396)
BEHIND_LIPS_MM = 9.5  # incisors behind the line where the lips meet
SHOWN_MM, OVERBITE_MM = 2.5, 0.5  # upper edge below that line, and the lower edge below the upper one
ARCH_X = (0, 4.2, 8.3, 11.4, 14.3, 16.8, 19.0, 20.6, 22.0, 23.0, 24.0)  # middles and gaps of teeth from the middle on
ARCH_CURVE_MM = 32.0  # depth is x^2 over this
LOWER_WIDTH, LOWER_BEHIND_MM = 0.92, 2.0  # of the lower arch
ROWS_MM = (0.0, 5.0, 9.5, 13.0)  # from the edge: edge, crown, where the gum begins, gum
TONGUE_DOWN = np.array([0, 9, 12], np.float32)  # mm; the mesh's own tongue stands against the upper lip
MOVED_MM = 3.0  # lips that moved less show what the photograph shows

IVORY, GUM = np.array((196, 214, 224), np.float32), np.array((96, 92, 176), np.float32)  # BGR in good light
TONGUE, FLESH = np.array((95, 85, 165), np.float32), np.array((60, 55, 110), np.float32)


@dataclass(frozen=True)
class Mouth:
    """The mouth of a face model."""

    model: FaceModel
    inside: Mask  # (V,) skin behind the lips
    tongue: Mask  # (V,)
    own_teeth: Mask  # (V,) of the head's mesh; the older model's has none
    lips: Mask  # (V,)
    chin: NDArray[np.intp]  # vertices that move as the jaw does
    triangles: NDArray[np.int32]  # of the teeth

    @classmethod
    def of(cls, model: FaceModel) -> Mouth:
        regions = {name: model.region == i for i, name in enumerate(model.region_names)}
        inside = _hidden_with(model, regions["mouth_inside"])
        chin = model.landmarks("mediapipe478", model.mean)[list(CHIN)]
        near = np.linalg.norm(model.mean[:, None] - chin[None], axis=-1).min(axis=1) < 8
        none = np.zeros(len(model.mean), dtype=bool)
        teeth = regions.get("teeth", none)
        return cls(model, inside & ~teeth, regions["tongue"], teeth, regions["lips"], np.flatnonzero(near), _grid())

    @property
    def within(self) -> Mask:
        """(V,) all that lies behind the lips."""
        found: Mask = self.inside | self.tongue | self.own_teeth
        return found

    def moved(self, motion: FloatArray) -> float:
        """mm by which the lips move the most."""
        n = self.model.n_expression
        shift = np.einsum("k,kvc->vc", motion[:n], self.model.expression_basis[:, self.lips])
        return float(np.linalg.norm(shift, axis=1).max())

    def lay_tongue(self, head: FloatArray, out: float) -> None:
        """Put the tongue down, as far as it is not stuck out."""
        head[self.tongue] += TONGUE_DOWN * np.clip(1 - out, 0, 1)

    def teeth(self, neutral: FloatArray, head: FloatArray) -> FloatArray:
        """(N, 3) mm: the upper row, which stays with the skull, and the lower one, which goes with the jaw."""
        points = self.model.landmarks("mediapipe478", neutral)
        usual = self.model.landmarks("mediapipe478", self.model.mean)
        right, left = CORNERS
        scale = float((points[left] - points[right])[0] / (usual[left] - usual[right])[0])
        middle = (points[UPPER_LIP] + points[LOWER_LIP]) / 2
        upper, lower = _arch(scale, up=-1), _arch(LOWER_WIDTH * scale, up=1)
        upper += middle + np.array([0, SHOWN_MM, BEHIND_LIPS_MM])
        lower += middle + np.array([0, SHOWN_MM + OVERBITE_MM, BEHIND_LIPS_MM + LOWER_BEHIND_MM])
        turn, before, after = _rigid(neutral[self.chin], head[self.chin])
        return np.concatenate([upper, (lower - before) @ turn.T + after]).astype(np.float32)

    def teeth_colours(self, rng: np.random.Generator) -> FloatArray:
        """(N, 3) BGR for teeth, darker towards the corners and between two of them."""
        x = np.abs(_columns())
        shade = (1 - 0.55 * (x / x.max()) ** 2) * np.where(np.arange(len(x)) % 2, 1.0, 0.82)
        rows = np.stack([IVORY, IVORY, 0.5 * (IVORY + GUM), GUM]) * rng.uniform(0.6, 1.1)
        both = [(rows[:, None] * shade[:, None] * rng.uniform(0.75, 1)).reshape(-1, 3) for _ in range(2)]
        return np.concatenate(both).astype(np.float32)

    def flesh_colours(self, rng: np.random.Generator) -> FloatArray:
        """(V, 3) BGR, meant for `within`: darker the further back."""
        depth = self.model.mean[:, 2] - self.model.mean[self.inside, 2].min()
        near = np.clip(1 - depth / 30.0, 0, 1)[:, None]
        colours = FLESH * (near * rng.uniform(0.7, 1.1) + (1 - near) * rng.uniform(0.05, 0.35))
        tongue = TONGUE * rng.uniform(0.4, 1.1) * (0.4 + 0.6 * np.clip(1 - depth / 50.0, 0, 1))[:, None]
        teeth = IVORY * rng.uniform(0.6, 1.1) * (0.3 + 0.7 * np.clip(1 - depth / 50.0, 0, 1))[:, None]
        colours = np.where(self.tongue[:, None], tongue, colours)
        return np.where(self.own_teeth[:, None], teeth, colours).astype(np.float32)


def _hidden_with(model: FaceModel, start: Mask) -> Mask:
    """Skin that no view from outside shows and that hangs together with `start`."""
    seen = np.zeros(len(model.mean), dtype=bool)
    seen[model.triangles[shown_triangles(model.mean.astype(np.float64), model.triangles)]] = True
    found = start.copy()
    while True:
        touched = np.zeros_like(found)
        touched[np.unique(model.triangles[found[model.triangles].any(axis=1)])] = True
        grown = found | (touched & ~seen)
        if (grown == found).all():
            return found
        found = grown


def _columns() -> NDArray[np.float64]:
    x = np.array(ARCH_X)
    return np.concatenate([-x[:0:-1], x])


def _arch(scale: float, up: int) -> NDArray[np.float64]:
    """(rows x columns, 3) one row of teeth, its edge at y = 0; `up` -1 lets it go up from there."""
    x = _columns()
    rows = [np.column_stack([x, np.full(len(x), up * down), x**2 / ARCH_CURVE_MM]) for down in ROWS_MM]
    return scale * np.concatenate(rows)


def _grid() -> NDArray[np.int32]:
    rows, columns = len(ROWS_MM), len(_columns())
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    one = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + columns], 1),
            np.stack([corner + 1, corner + columns + 1, corner + columns], 1),
        ]
    )
    return np.concatenate([one, one + rows * columns]).astype(np.int32)


def _rigid(
    before: FloatArray, after: FloatArray
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Rotation and both middles of the motion that brings points closest to others."""
    a, b = before.mean(axis=0, dtype=np.float64), after.mean(axis=0, dtype=np.float64)
    u, _, vt = np.linalg.svd((after - b).T.astype(np.float64) @ (before - a))
    return u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt, a, b
