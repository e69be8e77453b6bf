"""What shows between open lips: the head's own teeth and tongue, and darkness behind, in colours of their own.

A photograph with closed lips has none for them. A net that never saw teeth learned nothing of lips: how much of the
upper teeth is covered says where the upper lip is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.training.model.plain_render import shown_triangles
from realtime3d.types import FloatArray

Mask = NDArray[np.bool_]

MOVED_MM = 3.0  # lips that moved less show what the photograph shows

IVORY = np.array((196, 214, 224), np.float32)  # BGR in good light
TONGUE, FLESH = np.array((95, 85, 165), np.float32), np.array((60, 55, 110), np.float32)


@dataclass(frozen=True)
class Mouth:
    """The mouth of a face model."""

    model: FaceModel
    inside: Mask  # (V,) skin behind the lips
    tongue: Mask  # (V,)
    teeth: Mask  # (V,)
    lips: Mask  # (V,)

    @classmethod
    def of(cls, model: FaceModel) -> Mouth:
        regions = {name: model.region == i for i, name in enumerate(model.region_names)}
        inside = _hidden_with(model, regions["mouth_inside"])
        return cls(model, inside & ~regions["teeth"], regions["tongue"], regions["teeth"], regions["lips"])

    @property
    def within(self) -> Mask:
        """(V,) all that lies behind the lips."""
        found: Mask = self.inside | self.tongue | self.teeth
        return found

    def moved(self, motion: FloatArray) -> float:
        """mm by which the lips move the most."""
        n = self.model.n_expression
        shift = np.einsum("k,kvc->vc", motion[:n], self.model.expression_basis[:, self.lips])
        return float(np.linalg.norm(shift, axis=1).max())

    def flesh_colours(self, rng: np.random.Generator) -> FloatArray:
        """(V, 3) BGR, meant for `within`: darker the further back."""
        depth = self.model.mean[:, 2] - self.model.mean[self.inside, 2].min()
        near = np.clip(1 - depth / 30.0, 0, 1)[:, None]
        colours = FLESH * (near * rng.uniform(0.7, 1.1) + (1 - near) * rng.uniform(0.05, 0.35))
        tongue = TONGUE * rng.uniform(0.4, 1.1) * (0.4 + 0.6 * np.clip(1 - depth / 50.0, 0, 1))[:, None]
        teeth = IVORY * rng.uniform(0.6, 1.1) * (0.3 + 0.7 * np.clip(1 - depth / 50.0, 0, 1))[:, None]
        colours = np.where(self.tongue[:, None], tongue, colours)
        return np.where(self.teeth[:, None], teeth, colours).astype(np.float32)


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
