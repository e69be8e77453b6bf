"""What cameras, light and hands do to a picture, in a few tens of microseconds each; seeded, uint8 in and out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.types import Image

BANK = 24
COVERS = {"half": 0.55, "shapes": 0.23, "hand": 0.11, "glasses": 0.11}  # half: the one that costs most is the commonest


@dataclass(frozen=True, slots=True)
class Chances:
    """Probability of each change to a sample."""

    occluder: float = 0.48
    light: float = 0.3
    tone: float = 0.75
    grey: float = 0.1
    soft: float = 0.2  # one of: out of focus, motion, few pixels
    noise: float = 0.3
    jpeg: float = 0.2


class Augmenter:
    """Applies random changes; holds banks of noise and light that are costly to draw anew."""

    def __init__(self, size: int, rng: np.random.Generator, chances: Chances | None = None) -> None:
        self.size, self.rng, self.chances = size, rng, chances or Chances()
        big = 2 * size
        coarse = rng.normal(0, 1, (BANK, big // 2, big // 2, 3))
        self.noise = [self._noise_tile(rng, coarse[i], i) for i in range(BANK)]
        self.light = [self._light_tile(rng) for _ in range(BANK)]
        self.levels = np.arange(256, dtype=np.float32) / 255

    def _noise_tile(self, rng: np.random.Generator, coarse: NDArray, index: int) -> Image:
        """Noise around 128 with a deviation of 32: white, coloured or grey, some of it blotchy as sensors' is."""
        big = 2 * self.size
        fine = rng.normal(0, 1, (big, big, 3))
        if index % 3 == 1:
            fine[:] = fine[..., :1]
        if index % 3 == 2:
            fine = 0.6 * fine + 0.8 * cv2.resize(coarse, (big, big), interpolation=cv2.INTER_LINEAR)
        return np.clip(128 + 32 * fine, 0, 255).astype(np.uint8)

    def _light_tile(self, rng: np.random.Generator) -> Image:
        """Factors around 128: light from a side, a spot or a shadow's edge."""
        y, x = np.mgrid[: self.size, : self.size] / (self.size - 1) - 0.5
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
        ramp = np.cos(angle) * x + np.sin(angle) * y + offset
        edge = np.tanh(ramp * rng.choice([1.5, 3.0, 12.0])) * rng.uniform(0.1, 0.6)
        tint = 1 + rng.uniform(-0.15, 0.15, 3)
        return np.clip(128 * (1 + edge[..., None] * tint), 8, 255).astype(np.uint8)

    def __call__(self, image: Image, eyes: NDArray | None = None, texture: Image | None = None) -> Image:
        """A changed copy. `eyes` (2,) is the pixel between the eyes, for glasses; `texture` another picture."""
        c, rng = self.chances, self.rng
        u = rng.random(8)
        if u[0] < c.occluder:
            image = self.occlude(image, eyes, texture)
        if u[1] < c.light:
            image = cv2.multiply(image, self.light[rng.integers(BANK)], scale=1 / 128)
        if u[2] < c.tone:
            image = self.tone(image)
        if u[3] < c.grey:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        if u[4] < c.soft:
            image = self.soften(image)
        if u[5] < c.noise:
            image = self.add_noise(image)
        if u[6] < c.jpeg:
            quality = int(rng.integers(15, 85))
            coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
        return image

    def tone(self, image: Image) -> Image:
        """Exposure, contrast, gamma and white balance by one table."""
        u = self.rng.random(6)
        gamma = np.exp((u[0] - 0.5) * 1.2)
        contrast = 0.6 + 0.8 * u[1]
        white = 1 + (u[3:6] - 0.5) * 0.3
        table = (self.levels**gamma - 0.5) * contrast + 0.5 + (u[2] - 0.5) * 0.4
        return cv2.LUT(image, np.clip(255 * table[:, None] * white, 0, 255).astype(np.uint8).reshape(1, 256, 3))

    def add_noise(self, image: Image) -> Image:
        """Sensor noise with a deviation of up to 20 levels, mostly little."""
        rng, s = self.rng, self.size
        tile = self.noise[rng.integers(BANK)]
        x, y = rng.integers(0, s, 2)
        amount = 0.02 + 0.6 * rng.random() ** 2.5
        return cv2.addWeighted(image, 1.0, np.ascontiguousarray(tile[y : y + s, x : x + s]), amount, -128 * amount)

    def soften(self, image: Image) -> Image:
        """Out of focus, moved, or seen with few pixels."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.3:
            return cv2.GaussianBlur(image, (0, 0), 0.4 + 2.2 * rng.random() ** 2)
        if kind < 0.6:
            return cv2.filter2D(image, -1, motion_kernel(3 + 12 * rng.random() ** 1.5, rng.uniform(0, np.pi)))
        few = int(20 + 70 * rng.random() ** 1.3)
        small = cv2.resize(image, (few, few), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.4:
            noise = rng.integers(-12, 13, small.shape, dtype=np.int16)
            small = np.clip(small + noise, 0, 255).astype(np.uint8)
        back = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)[int(rng.choice(3, p=(0.5, 0.4, 0.1)))]
        return cv2.resize(small, (self.size, self.size), interpolation=back)

    def occlude(self, image: Image, eyes: NDArray | None, texture: Image | None) -> Image:
        """Cover a part with something: a shape, a hand, a patch of another picture, one half, a bar over the eyes."""
        rng = self.rng
        mask = np.zeros((self.size, self.size), dtype=np.uint8)
        kind = str(rng.choice(list(COVERS), p=list(COVERS.values())))
        if kind == "glasses" and eyes is not None:
            glasses(mask, eyes, rng)
        elif kind == "half":
            half(mask, rng)
        elif kind == "hand":
            hand(mask, rng)
        else:
            shapes(mask, rng)
        cover = self._cover(texture, skin=kind == "hand" or (kind == "half" and rng.random() < 0.5))
        if kind == "glasses" and rng.random() < 0.4:  # tinted lenses let some light through
            cover = cv2.addWeighted(cover, 0.6, image, 0.4, 0)
        return cv2.copyTo(cover, mask, image.copy())

    def _cover(self, texture: Image | None, skin: bool) -> Image:
        rng, s = self.rng, self.size
        if texture is not None and rng.random() < 0.5:
            return (
                cv2.rotate(texture, int(rng.integers(3)))
                if texture.shape[:2] == (s, s)
                else cv2.resize(texture, (s, s))
            )
        plain = np.empty((s, s, 3), dtype=np.uint8)
        light = rng.integers(40, 230)
        plain[:] = (
            (light * np.array([0.62, 0.75, 1.0])).astype(np.uint8) if skin else rng.integers(0, 256, 3, dtype=np.uint8)
        )
        return cv2.multiply(plain, self.light[rng.integers(BANK)], scale=1 / 128)


def motion_kernel(length: float, angle: float) -> NDArray[np.float32]:
    """A line of `length` pixels, normalised."""
    size = int(np.ceil(length)) | 1
    kernel = np.zeros((size, size), dtype=np.float32)
    middle = (size - 1) / 2
    step = np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
    ends = [tuple(round(v * 16) for v in (middle + sign * step)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return kernel / max(float(kernel.sum()), 1e-6)


def half(mask: Image, rng: np.random.Generator) -> None:
    """Everything on one side of a line near the middle."""
    s = len(mask)
    angle, offset = rng.choice([0.0, 0.5, 1.0, 1.5]) * np.pi + rng.normal(0, 0.2), rng.uniform(-0.08, 0.28)
    n = np.array([np.cos(angle), np.sin(angle)])
    t = np.array([-n[1], n[0]])
    start = np.array([s / 2, s / 2]) + n * offset * s
    corners = np.array(
        [start + 2 * s * t, start - 2 * s * t, start - 2 * s * t + 2 * s * n, start + 2 * s * t + 2 * s * n]
    )
    cv2.fillConvexPoly(mask, corners.astype(np.int32), 255)


def shapes(mask: Image, rng: np.random.Generator) -> None:
    """One to three rectangles or ellipses."""
    s = len(mask)
    for _ in range(int(rng.integers(1, 4))):
        centre = tuple(map(float, rng.uniform(0.1, 0.9, 2) * s))
        size = tuple(map(float, rng.uniform(0.08, 0.5, 2) * s))
        box = (centre, size, float(rng.uniform(0, 180)))
        if rng.random() < 0.5:
            cv2.ellipse(mask, box, 255, -1)
        else:
            cv2.fillConvexPoly(mask, cv2.boxPoints(box).astype(np.int32), 255)


def hand(mask: Image, rng: np.random.Generator) -> None:
    """A palm that comes from the rim with a fan of fingers."""
    s = len(mask)
    direction = rng.uniform(0, 2 * np.pi)
    into = np.array([np.cos(direction), np.sin(direction)])
    palm = np.array([s / 2, s / 2]) - into * s * rng.uniform(0.2, 0.5) + rng.normal(0, 0.08 * s, 2)
    width = s * rng.uniform(0.1, 0.18)
    wrist = palm - into * s
    cv2.line(mask, tuple(map(int, palm)), tuple(map(int, wrist)), 255, max(1, int(1.5 * width)))
    cv2.circle(mask, tuple(map(int, palm)), int(width), 255, -1)
    for finger in np.linspace(-0.6, 0.6, 4) + rng.normal(0, 0.08, 4):
        angle = direction + finger * rng.uniform(0.6, 1.2)
        tip = palm + np.array([np.cos(angle), np.sin(angle)]) * width * rng.uniform(2.0, 3.2)
        cv2.line(mask, tuple(map(int, palm)), tuple(map(int, tip)), 255, max(2, int(width * 0.4)))


def glasses(mask: Image, eyes: NDArray, rng: np.random.Generator) -> None:
    """A bar or two lenses over the eyes."""
    s = len(mask)
    x, y = eyes
    w, h, tilt = rng.uniform(0.13, 0.2) * s, rng.uniform(0.07, 0.13) * s, rng.normal(0, 4)
    if rng.random() < 0.4:
        cv2.fillConvexPoly(mask, cv2.boxPoints(((x, y), (3.2 * w, h), tilt)).astype(np.int32), 255)
        return
    for side in (-1, 1):
        cv2.ellipse(mask, ((x + side * 0.8 * w, y + 0.1 * h), (1.4 * w, 1.8 * h), tilt), 255, -1)
    cv2.line(mask, (int(x - 0.3 * w), int(y)), (int(x + 0.3 * w), int(y)), 255, max(1, s // 50))
