"""Things that the mask net never saw: other masks, modelled glasses, photographs of things, other drawn ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.face.model import FaceModel
from realtime3d.raster import rasterize
from realtime3d.surface.mask import GLASSES, OCCLUDER
from realtime3d.training.mask.composites import Assets, Composer
from realtime3d.training.mask.prepare import Portraits
from realtime3d.training.mask.things import Brush, Layer
from realtime3d.training.mask.worn import UNTOUCHED
from realtime3d.types import Image

KINDS = ("nothing", "hand", "mask", "glasses", "photo", "book", "bottle", "spoon", "scarf", "ball")
TEXTURES = ("brick", "grass", "gravel", "rocket", "hubble_deep_field", "retina", "page")
GLASSES_MM = 0.69  # of a unit of the modelled frames
FOCAL = 3.5  # of the side: cameras stand some way off
FITTED = (1, 4, 10, 33, 61, 127, 133, 152, 168, 172, 234, 263, 291, 356, 362, 397, 454)


@dataclass(frozen=True)
class Mesh:
    """Vertices in the file's unit and triangles."""

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]

    @classmethod
    def load(cls, path: Path) -> Mesh:
        data = json.loads(path.read_text())["data"]
        points = np.array(data["attributes"]["position"]["array"], float).reshape(-1, 3)
        return cls(points, np.array(data["index"]["array"], np.int32).reshape(-1, 3))


def skimage_picture(name: str) -> Image:
    """A picture that scikit-image carries (public domain or CC0)."""
    from skimage import data, io

    folder = Path(data.__file__).parent
    path = next(p for p in folder.iterdir() if p.stem == name)
    picture = np.asarray(io.imread(path))
    grey = picture.ndim == 2
    return np.ascontiguousarray(np.stack([picture] * 3, -1) if grey else picture[..., 2::-1]).astype(np.uint8)


def cut_outs() -> list[Image]:
    """(H, W, 4): a cup of coffee and a cat's face, by the ellipse that they fill."""
    out = []
    for name, (x, y), axes in (("coffee", (322, 216), (200, 146)), ("chelsea", (232, 130), (118, 112))):
        picture = skimage_picture(name)
        alpha = np.zeros(picture.shape[:2], np.uint8)
        cv2.ellipse(alpha, (x, y), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
        whole = np.dstack([picture, alpha])
        out.append(whole[max(0, y - axes[1]) : y + axes[1], max(0, x - axes[0]) : x + axes[0]])
    return out


@dataclass
class Unseen(Composer):
    """Composites with them."""

    portraits: Portraits
    assets: Assets
    size: int
    rng: np.random.Generator
    model: FaceModel
    frames: Mesh
    lenses: Mesh
    pasted: list[Image] = field(default_factory=cut_outs)

    def __post_init__(self) -> None:
        Composer.__init__(self, self.portraits, self.assets, self.size, self.rng)
        self._points = self.model.landmarks("mediapipe478", self.model.mean).astype(np.float64)

    def layer(self, kind: str, image: Image, labels: NDArray[np.uint8], points: NDArray[np.float32]) -> Layer | None:
        if kind == "glasses":
            return self._glasses(points)
        if kind == "photo":
            return self._photo()
        if kind in DRAWN:
            return DRAWN[kind](self._brush)
        return super().layer(kind, image, labels, points)

    def _photo(self) -> Layer:
        rng, size = self.rng, self.size
        picture = self.pasted[rng.integers(len(self.pasted))]
        scale = rng.uniform(60, 130) * self._brush.mm / max(picture.shape[:2])
        small = cv2.resize(picture, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-60, 60), 0.5)
        matrix[:, 2] += self._brush.place(0.25, 0.85) - (width / 2, height / 2)
        out = cv2.warpAffine(small, matrix, (size, size), flags=cv2.INTER_AREA).astype(np.float32)
        return Layer(out[..., :3], out[..., 3] / np.float32(255), OCCLUDER)

    def _glasses(self, points: NDArray[np.float32]) -> Layer:
        """Modelled frames on the head, whose temples the head hides; lenses clear or dark."""
        rng, size = self.rng, self.size
        camera = np.array([[FOCAL * size, 0, size / 2], [0, FOCAL * size, size / 2], [0, 0, 1.0]])
        rows = list(FITTED)
        _, turn, shift = cv2.solvePnP(self._points[rows], points[rows].astype(np.float64), camera, None,
                                      np.zeros(3), np.array([0, 0, FOCAL * size / self._brush.mm]), True)  # fmt: skip
        R = cv2.Rodrigues(turn)[0]
        bridge = self._points[168] + (0, rng.uniform(-2, 6), rng.uniform(-9, -4))

        def seen(mesh: Mesh) -> NDArray[np.float64]:
            local = (mesh.points - (0, 40, 10)) * GLASSES_MM * (1, -1, -1) + bridge
            return local @ R.T + shift.T

        head = self.model.mean.astype(np.float64) @ R.T + shift.T
        frames, lenses = seen(self.frames), seen(self.lenses)
        both = np.concatenate([head, frames])
        triangles = np.concatenate([self.model.triangles, self.frames.triangles + len(head)])
        fine = 2 * size
        ids, _, _ = rasterize(_flat(both, camera) * 2, both[:, 2], triangles, fine, fine)
        drawn = (ids >= len(self.model.triangles)).astype(np.uint8) * 255
        behind, _, _ = rasterize(_flat(lenses, camera) * 2, lenses[:, 2], self.lenses.triangles, fine, fine)
        rim = self._brush.alpha(drawn)
        glass = self._brush.alpha(((behind >= 0) & (drawn == 0)).astype(np.uint8) * 255)
        dark = rng.random() < 0.5
        strength = rng.uniform(0.65, 0.95) if dark else rng.uniform(0, 0.12)
        colour = np.full((size, size, 3), rng.uniform(5, 60) if dark else 230, np.float32)
        ink = np.full(3, rng.uniform(5, 60)) if rng.random() < 0.7 else rng.uniform(10, 230, 3)
        colour += (ink - colour) * rim[..., None]
        labels = np.where((rim > 0.5) | (dark & (glass > 0.5)), GLASSES, UNTOUCHED).astype(np.uint8)
        return Layer(colour.astype(np.float32), np.maximum(glass * strength, rim).astype(np.float32), GLASSES, labels)


def _flat(points: NDArray[np.float64], camera: NDArray[np.float64]) -> NDArray[np.float64]:
    xy: NDArray[np.float64] = points @ camera.T
    return xy[:, :2] / xy[:, 2:]


def book(brush: Brush) -> Layer:
    """An open book held up: two pages with lines."""
    rng, drawn, lines = brush.rng, brush.blank(), brush.blank()
    w, h, fold = rng.uniform(110, 150), rng.uniform(70, 100), rng.uniform(-12, 12)
    at, degrees = np.array([0.5, 0.85]) * brush.size + rng.normal(0, 0.06, 2) * brush.size, rng.normal(0, 10)
    ring = [(-w, -h + fold), (0, -h), (w, -h + fold), (w, h + fold), (0, h), (-w, h + fold)]
    brush.polygon(drawn, brush.turned(ring, degrees, at))
    for k in range(int(rng.integers(4, 12))):
        y = -h + 15 + 12 * k
        for side in (-1, 1):
            brush.line(lines, brush.turned([(side * 12, y), (side * (w - 12), y + fold * 0.8)], degrees, at), 0.8)
    paper = np.tile(rng.uniform(150, 255) * np.array([0.92, 0.97, 1.0]), (brush.size, brush.size, 1))
    cover = brush.texture() if rng.random() < 0.5 else paper
    colour = np.where(brush.alpha(lines)[..., None] > 0.3, cover * 0.55, cover)
    return Layer(colour.clip(0, 255).astype(np.float32), brush.alpha(drawn), OCCLUDER)


def bottle(brush: Brush) -> Layer:
    """Neck up to the mouth, with a label."""
    rng, drawn = brush.rng, brush.blank()
    neck, body = rng.uniform(10, 16), rng.uniform(30, 42)
    outline = [(-neck, 0), (neck, 0), (neck, 60), (body, 95), (body, 260), (-body, 260), (-body, 95), (-neck, 60)]
    at, degrees = np.array([0.5, 0.66]) * brush.size + rng.normal(0, 0.05, 2) * brush.size, rng.normal(0, 40)
    brush.polygon(drawn, brush.turned(outline, degrees, at))
    colour = np.tile(rng.uniform(10, 200, 3), (brush.size, brush.size, 1))
    x = np.linspace(-1, 1, brush.size)[None, :, None]
    colour = colour * (1.1 - 0.5 * x**2) + rng.normal(0, 4, colour.shape)
    return Layer(colour.clip(0, 255).astype(np.float32), brush.alpha(drawn), OCCLUDER)


def spoon(brush: Brush) -> Layer:
    """A spoon at the mouth."""
    rng, drawn = brush.rng, brush.blank()
    angle = np.linspace(0, 2 * np.pi, 24)
    bowl = np.column_stack([np.cos(angle) * rng.uniform(15, 22), np.sin(angle) * rng.uniform(22, 32)])
    at, degrees = np.array([0.5, 0.68]) * brush.size + rng.normal(0, 0.04, 2) * brush.size, rng.normal(0, 60)
    brush.polygon(drawn, brush.turned(bowl, degrees, at))
    brush.line(drawn, brush.turned([(0, 20), (0, 200)], degrees, at), rng.uniform(6, 10) * brush.mm)
    grey = rng.uniform(110, 220) + 35 * np.sin(np.linspace(0, rng.uniform(6, 20), brush.size))[:, None, None]
    return Layer(np.tile(grey, (1, brush.size, 3)).clip(0, 255).astype(np.float32), brush.alpha(drawn), OCCLUDER)


def scarf(brush: Brush) -> Layer:
    """Cloth with folds from below, up to mouth or nose."""
    rng, drawn, s = brush.rng, brush.blank(), brush.size
    x = np.linspace(-0.1, 1.1, 14)
    y = rng.uniform(0.58, 0.8) + 0.05 * np.cos(rng.uniform(4, 12) * x + rng.uniform(0, 6)) + 0.1 * (x - 0.5) ** 2
    brush.polygon(drawn, np.concatenate([np.column_stack([x, y]), [[1.2, 1.3], [-0.2, 1.3]]]) * s)
    rows, columns = np.mgrid[:s, :s] / s
    waves = np.sin(40 * rows + 6 * np.sin(5 * columns + rng.uniform(0, 6)))
    return Layer(
        (brush.texture() * (1 + 0.18 * waves[..., None])).clip(0, 255).astype(np.float32), brush.alpha(drawn), OCCLUDER
    )


def ball(brush: Brush) -> Layer:
    """A round thing with a highlight."""
    rng, drawn = brush.rng, brush.blank()
    angle, radius, at = np.linspace(0, 2 * np.pi, 40), rng.uniform(22, 50), brush.place(0.25, 0.85)
    brush.polygon(drawn, brush.turned(np.column_stack([np.cos(angle), np.sin(angle)]) * radius, 0, at))
    y, x = np.mgrid[: brush.size, : brush.size]
    away = np.hypot(x - at[0] + 0.3 * radius * brush.mm, y - at[1] + 0.3 * radius * brush.mm) / (radius * brush.mm)
    light = 1.25 - 0.6 * away + 0.8 * np.exp(-((away / 0.2) ** 2))
    return Layer(
        (rng.uniform(20, 230, 3) * light[..., None]).clip(0, 255).astype(np.float32), brush.alpha(drawn), OCCLUDER
    )


DRAWN = {"book": book, "bottle": bottle, "spoon": spoon, "scarf": scarf, "ball": ball}


def unseen_textures() -> list[Image]:
    """Of the drawn things."""
    return [skimage_picture(name) for name in TEXTURES]
