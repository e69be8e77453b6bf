"""The picture's colours in the head's texture layout, and a guess for what the picture does not show."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState
from realtime3d.jit import compiled
from realtime3d.raster import interpolate, rasterize
from realtime3d.surface.mask import FaceMask
from realtime3d.surface.visibility import look_at, seen
from realtime3d.types import FloatArray, Image

SIZE = 1024  # px of a texture's side, even
SKIN = ("face", "ears", "scalp", "neck", "lips", "eyelids")  # what is not seen continues what is
PLAIN = {  # BGR of what is not seen, in the light that makes skin SKIN_LIGHT
    "teeth": (205, 222, 228), "tongue": (105, 95, 170), "mouth_inside": (45, 40, 90), "sockets": (60, 55, 95),
    "eyes": (215, 220, 222), "lashes": (30, 32, 38),
}  # fmt: skip
SKIN_LIGHT = 150.0  # mean of the three channels
GREY = (140.0, 160.0, 200.0)  # skin, where nothing at all is seen
COARSE = 40  # times smaller: what is left in it is light and colour; the rest is detail, which the other half lends
HINT = 0.05  # weight of a part's mean colour where nothing of it is seen, beside what is seen near by
SOFT_PX = 7  # over which what is seen goes over into the guess
MIRRORED_MM = 3.0  # a layout whose halves are further apart than this is not symmetric


@dataclass(frozen=True)
class Texture:
    """Colours of a head. Both pictures lie in the model's layout, v down."""

    image: Image  # (S, S, 3) BGR
    seen: NDArray[np.uint8]  # (S, S) 255 where `image` is the picture's own, 0 where it is a guess


class TexturePainter:
    """Makes textures for one face model. What depends on the layout alone is made once."""

    def __init__(self, model: FaceModel, size: int = SIZE) -> None:
        model.check("layout")
        self._model, self._head, self.size = model, model.mesh(), size
        head = self._head
        xy = head.uv * np.float32(size) - np.float32(0.5)
        self._ids, self._bary, _ = rasterize(xy, np.ones(len(xy)), head.uv_triangles, size, size)
        names = np.array(list(model.region_names))
        region = np.where(self._ids >= 0, head.region[head.triangles[self._ids, 0]], 255)
        self._skin = np.isin(region, np.flatnonzero(np.isin(names, SKIN)))
        self._hair = np.isin(region, np.flatnonzero(names == "scalp"))
        self._plain = np.zeros((size, size, 3), np.float32)
        for name, colour in PLAIN.items():
            self._plain[np.isin(region, np.flatnonzero(names == name))] = colour
        self._other = (self._ids >= 0) & ~self._skin
        self._half = size // 2  # what is guessed is smooth: half the size is enough
        self._half_skin, self._half_hair = self._skin[::2, ::2], self._hair[::2, ::2]
        self._inside = np.maximum(_blur((self._ids >= 0).astype(np.float32)), 1e-3)
        self._symmetric = self._is_symmetric()
        self._places = np.zeros((size, size, 4), np.float32)  # each face's lie over those of the one before
        self._places[..., :2] = -1e6  # between the charts: nothing is seen

    def paint(self, face: FaceState, image: Image, mask: FaceMask | None = None) -> Texture:
        """The texture of a face in the picture that it was found in. What `mask` says is hidden counts as not seen."""
        head, vertices = self._head, face.vertices()
        look = look_at(image, vertices, head.triangles, face.camera)
        if look is None:
            return self._finished(np.zeros((self.size, self.size, 3), np.uint8), np.zeros((self.size,) * 2, np.float32))
        places = self._places
        values = np.column_stack([look.xy, look.z, look.facing]).astype(np.float32)
        interpolate(self._ids, self._bary, head.triangles, np.ascontiguousarray(values), places)
        x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
        weight = seen(look, places)
        weight[self._ids < 0] = 0
        if mask is not None:
            weight *= self._shown(mask, look.in_picture(places[..., :2]))
        soft = np.minimum(weight, _blur(weight) / self._inside)
        weight = np.where(self._skin, soft, weight)  # the charts of the eyes are too small to be softened
        # Cubic: a photograph that is drawn again is nearer to itself by 1.4 dB than with linear weights.
        colour = cv2.remap(look.image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return self._finished(colour, weight)

    def _shown(self, mask: FaceMask, xy: FloatArray) -> FloatArray:
        """(S, S) how far nothing strange lies before each texel: hair is the person's own."""
        x, y = np.ascontiguousarray(xy[..., 0]), np.ascontiguousarray(xy[..., 1])
        return sharpened(1 - np.asarray(cv2.remap(mask.hidden, x, y, cv2.INTER_LINEAR), np.float32))

    def _finished(self, colour: Image, weight: FloatArray) -> Texture:
        """What is seen, and around it what it suggests."""
        known = np.empty((self._half, self._half, 3), np.float32)
        small = np.empty((self._half, self._half), np.float32)
        _halve(np.ascontiguousarray(colour, dtype=np.uint8), weight, self._skin, known, small)
        guess, light = self._guess(known / np.maximum(small, np.float32(1e-3))[..., None], small)
        image = cv2.resize(guess, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        image[self._other] = self._plain[self._other] * (light / SKIN_LIGHT)
        mixed = np.empty(image.shape, np.uint8)
        _mix(np.ascontiguousarray(colour, dtype=np.uint8), np.ascontiguousarray(image, np.float32), weight, mixed)
        return Texture(mixed, cv2.convertScaleAbs(weight * 255).astype(np.uint8, copy=False))

    def _guess(self, colour: FloatArray, weight: FloatArray) -> tuple[FloatArray, float]:
        """Colours of all skin and hair at half the size, from those that are seen; and how light the skin is."""
        mean = _mean(colour, np.where(self._half_hair, 0, weight), GREY)
        hair = _mean(colour, np.where(self._half_hair, weight, 0), mean)
        hints = np.where(self._half_hair[..., None], hair, mean).astype(np.float32)
        sure = np.maximum(weight, np.where(self._half_skin, np.float32(HINT), 0))
        mixed = hints + (colour - hints) * (weight / np.maximum(sure, HINT))[..., None]
        guess = spread(mixed.astype(np.float32), sure)
        if self._symmetric:
            guess += self._detail(guess, weight)[:, ::-1]
        return np.clip(guess, 0, 255), float(mean.mean())

    def _detail(self, colour: FloatArray, weight: FloatArray) -> FloatArray:
        """What is fine in it, where it is seen."""
        size = (self.size // COARSE, self.size // COARSE)
        light = cv2.resize(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), (self._half, self._half))
        return (colour - light) * weight[..., None]

    def _is_symmetric(self) -> bool:
        """Whether flipping a texture left to right is flipping the head."""
        head, size = self._head, self.size
        places = np.full((size, size, 3), np.nan, np.float32)
        interpolate(self._ids, self._bary, head.triangles, head.mean, places)
        apart = places[::8, ::8] - places[::8, ::-1][:, (size - 1) % 8 :: 8][:, : len(places[0, ::8])] * (-1, 1, 1)
        distance = np.linalg.norm(apart, axis=-1)
        both = np.isfinite(distance)
        return bool(both.any() and np.median(distance[both]) < MIRRORED_MM)


@compiled("void(u1[:,:,::1], f4[:,::1], b1[:,::1], f4[:,:,::1], f4[:,::1])")
def _halve(colour, weight, skin, known, total):  # type: ignore[no-untyped-def]
    """Weighted colours and weights at half the size, of the skin alone."""
    quarter = np.float32(0.25)
    for y in range(total.shape[0]):
        for x in range(total.shape[1]):
            total[y, x] = 0
            known[y, x, 0] = known[y, x, 1] = known[y, x, 2] = 0
            for j in range(2 * y, 2 * y + 2):
                for i in range(2 * x, 2 * x + 2):
                    if skin[j, i]:
                        share = weight[j, i] * quarter
                        total[y, x] += share
                        for k in range(3):
                            known[y, x, k] += share * np.float32(colour[j, i, k])


@compiled("void(u1[:,:,::1], f4[:,:,::1], f4[:,::1], u1[:,:,::1])")
def _mix(colour, guess, weight, out):  # type: ignore[no-untyped-def]
    """`colour` where `weight` is 1, `guess` where it is 0."""
    for y in range(len(weight)):
        for x in range(weight.shape[1]):
            share = weight[y, x]
            for k in range(3):
                below = guess[y, x, k]
                value = below + share * (np.float32(colour[y, x, k]) - below)
                out[y, x, k] = np.uint8(min(max(np.rint(value), np.float32(0)), np.float32(255)))


def sharpened(shown: FloatArray) -> FloatArray:
    """Probabilities as weights: what is rather hidden than not is left out wholly."""
    return np.asarray(np.clip((shown - np.float32(0.4)) / np.float32(0.4), 0, 1), np.float32)


def vertex_colours(texture: Texture, uv: FloatArray, uv_vertex: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(V, 3) RGB: the texture's colour at each vertex; at a seam, at its first place."""
    height, width = texture.image.shape[:2]
    vertices, first = np.unique(uv_vertex, return_index=True)
    at = np.clip((uv[first] * (width, height)).astype(int), 0, (width - 1, height - 1))
    colours = np.zeros((int(vertices[-1]) + 1, 3), np.uint8)
    colours[vertices] = texture.image[at[:, 1], at[:, 0], ::-1]
    return colours


def _blur(values: FloatArray) -> FloatArray:
    return cv2.blur(values, (SOFT_PX, SOFT_PX))


def _mean(colour: FloatArray, weight: FloatArray, otherwise: ArrayLike) -> FloatArray:
    """The mean colour where `weight` is; `otherwise` where that is next to nothing."""
    few = colour[::2, ::2], weight[::2, ::2].astype(np.float32)
    total = float(few[1].sum())
    mean = np.einsum("yxc,yx->c", *few) / total if total > 1 else otherwise
    return np.asarray(mean, dtype=np.float32)


def spread(colour: FloatArray, weight: FloatArray) -> FloatArray:
    """`colour` (S, S, 3) where `weight` (S, S) is 1, carried smoothly over to where it is 0.

    Pull and push: coarser and coarser weighted means, then back up into the gaps.
    """
    levels = [(colour * weight[..., None], weight)]
    while max(levels[-1][1].shape) > 1:
        size = tuple(-(-side // 2) for side in levels[-1][1].shape[::-1])
        levels.append(tuple(cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in levels[-1]))  # type: ignore[arg-type]
    out = levels[-1][0] / np.maximum(levels[-1][1], 1e-9).reshape(1, 1, 1)
    for total, w in reversed(levels):
        if out.shape[:2] != w.shape:
            out = cv2.resize(out, w.shape[::-1], interpolation=cv2.INTER_LINEAR)
        sure = w if w is weight else np.minimum(w * 4, 1)
        mean = total.reshape(*w.shape, 3) / np.maximum(w, 1e-6)[..., None]
        out = out + (mean - out) * sure.reshape(*w.shape, 1)
    return np.asarray(out, np.float32)
