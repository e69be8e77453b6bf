"""The usual detail of faces, learned from photographs: how deep each texel is at rest and with each expression."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from realtime3d.face.state import FaceState
from realtime3d.surface.activations import ACTIVATIONS, activations
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.solve import sharpness
from realtime3d.surface.usual import Usual
from realtime3d.types import FloatArray, Image

TERMS = 1 + len(ACTIVATIONS)
REST_PRICE, MORE_PRICE = 5.0, 10.0  # faces without any detail that count beside the photographs: few tell nothing
MOST_YAW, MOST_SIGMA = 25.0, 4.0  # degrees
FEWEST = 40  # photographs: a mean over fewer would show people


@dataclass
class Learner:
    """Sums of a least squares problem for each texel."""

    maker: DetailMaker  # of maps of SIZE
    count: int = 0
    _products: NDArray[np.float64] = field(init=False)
    _wanted: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        texels = self.maker.layout.inside.size
        self._products, self._wanted = np.zeros((texels, TERMS, TERMS)), np.zeros((texels, TERMS))

    def add(self, face: FaceState, image: Image, skin: FloatArray) -> bool:
        """One photograph and its mirror image; False where it shows the face too badly."""
        if abs(face.euler_deg()[1]) > MOST_YAW or face.raw.pose_sigma_deg > MOST_SIGMA:
            return False
        seen = self.maker.look(face, image, skin)
        if seen is None:
            return False
        layout = self.maker.layout
        row = np.append(1.0, activations(face.blendshapes()))
        sharp = sharpness(seen.mm_per_px)
        for depth, shown in ((seen.raw, seen.shown), (layout.mirrored(seen.raw), layout.mirrored(seen.shown))):
            weight = sharp**2 * shown.astype(np.float64).ravel()
            self._products += weight[:, None, None] * np.outer(row, row)
            self._wanted += (weight * depth.ravel() / sharp)[:, None] * row
        self.count += 1
        return True

    def learned(self) -> Usual:
        price = np.diag([REST_PRICE] + [MORE_PRICE] * (TERMS - 1))
        found = np.linalg.solve(self._products + price, self._wanted[..., None])[..., 0].T
        layout = self.maker.layout
        maps = np.zeros((TERMS, layout.size, layout.size), np.float32)
        rows, columns = layout.window
        maps[:, rows, columns] = found.reshape(TERMS, *layout.inside.shape) * layout.inside
        return Usual(maps)
