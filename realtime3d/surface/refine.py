"""A net that mends the solve's answer: wrinkles run on where the light says nothing, stains and hairs have no depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import Backend, Net, NetSpec
from realtime3d.errors import MissingError
from realtime3d.surface.skin import Residual
from realtime3d.surface.solve import Solved
from realtime3d.types import FloatArray, Image

OUTPUT = "detail"
COARSEST_MM = 0.9  # a pixel; beyond, pictures show no wrinkles that the net learned
PLANES = 12
RANGES = (  # what the largest level of each plane stands for
    0.35, 0.35, 0.35, 0.35,  # shading, and the three colours that it was split from
    2.0, 2.0,  # by how much log shading grows with a slope of 1 across, and down
    0.4, 0.4,  # mm: the solve's answer, and before what does not run along lines was taken away
    1.0, 1.0,  # what the picture says of a pixel, and what is skin
    1.0,  # log of the light on the foundation
    1.0,  # mm a pixel, less MIDDLE_MM
)  # fmt: skip
MIDDLE_MM = 0.5
OF_SOLVE, OF_NET = 0.62, 2.15  # the sum is nearer to drawn wrinkles than either; the net's doubts take from its depths
MIDDLE, STEPS = 128, 127  # grey level of 0, and levels up to the largest value


def planes(
    residual: Residual, solved: Solved, shade: FloatArray, fade: FloatArray, mm_per_px: float
) -> NDArray[np.uint8]:
    """(h, w, PLANES) levels, what the net sees."""
    span = np.float32(mm_per_px)
    parts = [residual.shading, *np.moveaxis(residual.fine, -1, 0), solved.across * span, solved.down * span]
    parts += [solved.displacement, solved.before, residual.weight, fade, np.log(shade)]
    parts.append(np.full_like(fade, span - MIDDLE_MM))
    stacked = np.stack(parts, axis=-1) * (np.float32(STEPS) / np.array(RANGES, np.float32))
    return np.clip(np.rint(stacked + MIDDLE), 0, 255).astype(np.uint8)


def sum_of_both(solved: FloatArray, answer: FloatArray) -> FloatArray:
    """(h, w) mm of the solve and of the net."""
    return np.asarray(np.float32(OF_SOLVE) * solved + np.float32(OF_NET) * answer, np.float32)


def tiled(levels: NDArray[np.uint8], side: int) -> Image:
    """(side, side, 3): four tiles of three planes each; what is missing is grey."""
    half = side // 2
    out = np.full((side, side, 3), MIDDLE, np.uint8)
    for k in range(PLANES // 3):
        y, x = half * (k // 2), half * (k % 2)
        part = levels[:half, :half, 3 * k : 3 * k + 3]
        out[y : y + part.shape[0], x : x + part.shape[1]] = part
    return out


class Refiner:
    """Runs the net on one face after the other. Has no memory."""

    def __init__(self, net: Net) -> None:
        self._net = net

    @property
    def spec(self) -> NetSpec:
        return self._net.spec

    @classmethod
    def opened(cls, backend: Backend, spec: NetSpec) -> Refiner:
        net, size = backend.load(spec), spec.size
        shape = net.run(np.full((1, size, size, 3), MIDDLE, np.uint8))[OUTPUT].shape
        if shape != (1, size // 2, size // 2):
            net.close()
            raise MissingError(f"the net {spec.name} gives {shape}: take the net of this version")
        return cls(net)

    def refined(self, levels: NDArray[np.uint8]) -> FloatArray:
        """(h, w) mm of `planes`, before it fades towards what is no skin."""
        height, width = levels.shape[:2]
        answer = self._net.run(tiled(levels, self._net.spec.size)[None])[OUTPUT][0]
        return np.asarray(answer[:height, :width], np.float32).copy()

    def close(self) -> None:
        self._net.close()
