"""Photographs with drawn wrinkles and stains as the detail net sees them, with the truth beside them, in one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.face.state import FaceState
from realtime3d.files import whole
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.light import fit_light
from realtime3d.surface.portrait import facing_weight
from realtime3d.surface.refine import PLANES, planes
from realtime3d.surface.relief import Relief
from realtime3d.surface.skin import linear, split
from realtime3d.surface.solve import band, solve
from realtime3d.training.detail.drawing import Rng, grain, lit, photographed, stains, stubble, wrinkles
from realtime3d.types import FloatArray, Image

MOST_MM = 0.7  # what the largest level of a truth stands for
FEWEST = 5000  # pixels of skin
KEPT = 0.8  # of a photograph's own fine detail at most
OWN_MM = 0.06  # own detail beyond this may be a wrinkle: what it is nobody knows, and it does not count
SOFTER, SOFT, FLAT, STAINED, HAIRY = 0.3, 0.15, 0.08, 0.4, 0.08  # chances
FORMAT = 1


@dataclass(frozen=True)
class Composite:
    """One picture as the net sees it."""

    levels: NDArray[np.uint8]  # (h, w, PLANES)
    truth: NDArray[np.uint8]  # (h, w) of what was drawn, in the band
    counts: NDArray[np.uint8]  # (h, w) 0..255


@dataclass(frozen=True)
class Composites:
    """Many of them."""

    items: tuple[Composite, ...]

    def save(self, path: Path) -> None:
        shapes = np.array([item.truth.shape for item in self.items], np.int32)
        parts: dict[str, Any] = {
            name: np.concatenate([getattr(item, name).ravel() for item in self.items])
            for name in ("levels", "truth", "counts")
        }
        with whole(path, make_folder=True) as draft:
            np.savez(draft, format=FORMAT, planes=PLANES, shapes=shapes, **parts)

    @classmethod
    def load(cls, path: Path) -> Composites:
        try:
            with np.load(path, allow_pickle=False) as data:
                arrays = {name: data[name] for name in data.files}
            if (int(arrays["format"]), int(arrays["planes"])) != (FORMAT, PLANES):
                raise ValueError("of another version")
        except (OSError, ValueError, KeyError) as error:
            raise SourceError(f"{path} holds no composites ({error}): delete it, and they are made again") from error
        items, at = [], 0
        for height, width in arrays["shapes"].tolist():
            end = at + height * width
            levels = arrays["levels"][at * PLANES : end * PLANES].reshape(height, width, PLANES)
            truth, counts = (arrays[name][at:end].reshape(height, width) for name in ("truth", "counts"))
            items.append(Composite(levels, truth, counts))
            at = end
        return cls(tuple(items))


def as_levels(mm: FloatArray) -> NDArray[np.uint8]:
    return np.clip(np.rint(mm * (127 / MOST_MM) + 128), 0, 255).astype(np.uint8)


def composites(
    rng: Rng, maker: DetailMaker, faces: Iterable[tuple[FaceState, Image]], each: int
) -> Iterable[Sequence[Composite]]:
    """`each` of every face whose photograph shows enough."""
    for face, image in faces:
        plain = maker.relief(face, image)
        if plain is not None and plain.colour and (plain.part.fade > 0.5).sum() >= FEWEST:
            yield [composite(rng, plain) for _ in range(each)]


def composite(rng: Rng, plain: Relief) -> Composite:
    """A photograph with what was drawn into it."""
    part, span = plain.part, plain.part.mm_per_px
    skin = part.fade > 0.5
    even, kept, own = _even(rng, plain)
    truth = np.zeros_like(part.fade)
    if rng.random() >= FLAT:
        truth = wrinkles(rng, skin, span) * (part.fade > 0)
    light = even * lit(rng, part, truth)[..., None]
    if rng.random() < STAINED:
        light *= np.exp(-stains(rng, skin, span))
    if rng.random() < HAIRY:
        light *= np.exp(-stubble(rng, skin, span))[..., None]
    if rng.random() < SOFT:  # as soft as photographs are, so that sharp lines are not the only ones that are drawn
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.4, 1.1))
    light *= np.float32(rng.uniform(0.12, 0.45) / max(float(np.median(light[skin])), 1e-6))
    return _seen(plain, photographed(rng, light), band(truth, span), kept * own)


def _seen(plain: Relief, picture: Image, truth: FloatArray, own: FloatArray) -> Composite:
    """From here on as for any picture; the foundation is the same."""
    part = plain.part
    weight = part.fade * facing_weight(part.facing)
    light = fit_light(linear(picture).mean(axis=-1), part.normals, weight)
    shade = np.where(part.front, light.on(part.normals), np.float32(1))
    residual = split(picture, shade, weight, part.mm_per_px)
    levels = planes(residual, solve(part, light, shade, residual), shade, part.fade, part.mm_per_px)
    unknown = np.maximum(np.abs(own) - np.abs(truth), 0) / OWN_MM
    counts = part.fade * (part.facing > 0.4) / (1 + unknown**2)
    ys, xs = np.nonzero(part.fade > 0)
    box = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
    counted = np.rint(255 * counts[box]).astype(np.uint8)
    return Composite(np.ascontiguousarray(levels[box]), as_levels(truth[box]), counted)


def _even(rng: Rng, plain: Relief) -> tuple[FloatArray, float, FloatArray]:
    """(h, w, 3) a photograph without light, how much of its fine detail is kept, and that detail in mm."""
    part, span = plain.part, plain.part.mm_per_px
    light, own = linear(part.image), plain.displacement
    if rng.random() < SOFTER:
        soft = rng.uniform(0.3, 1.2) / span
        light, own = cv2.GaussianBlur(light, (0, 0), soft), cv2.GaussianBlur(own, (0, 0), soft)
    log = np.log(np.maximum(light, 1e-3)) - np.log(np.clip(plain.shade, 0.4, 2.5))[..., None]
    coarse = cv2.GaussianBlur(log, (0, 0), 2.0 / span)
    kept = float(rng.uniform(0, KEPT))
    log = coarse + (log - coarse) * np.float32(kept) + grain(rng, plain.shade.shape, span)
    return np.asarray(np.exp(log), np.float32), kept, np.asarray(own, np.float32)
