"""A photographed eye that looks elsewhere, or shuts: its pixels moved, with labels that stay exact.

Places are in the eye's own frame: from the middle between its corners, in their distance, outwards and down. An iris
moves with its lids; what the lids cover is never shown, because the ball's pixels are taken from between them only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.training.eyes.crops import INNER, IRIS, LOWER, OUTER, RIM, UPPER
from realtime3d.types import Array, FloatArray

CREASE, CHEEK = 0.40, 0.30  # so far from its rim the skin of a lid is stretched
MEET = 0.12  # of the opening, from the lower lid: where lids meet
WET = 0.05  # below the lower rim's landmarks: the wet edge of the lid, which a shut eye does not show
WITHIN = 0.015  # so far from the rims the ball's pixels are taken
FOLLOW_UPPER, FOLLOW_LOWER = 0.9, 0.45  # of a look's way down, that the rims go
MID_LIDS = (2, 3, 4)  # of the seven points of a lid, in the middle
REACH = 1.2  # iris radii that move as a whole


@dataclass(frozen=True)
class Change:
    """Where the iris moves, and how far the lids shut: 0 as they are, 1 closed, below 0 wider."""

    aside: float = 0.0
    down: float = 0.0
    shut: float = 0.0


@dataclass(frozen=True)
class Label:
    """What the net shall say of an eye, in the distance of its corners."""

    gaze: tuple[float, float]  # of the iris from the corners' middle: outwards, down
    lids: tuple[float, float]  # how high the upper lid lies over the line of the corners, how low the lower one below


@dataclass(frozen=True)
class Eye:
    """Points of one eye in its own frame."""

    origin: Array  # (2,) px
    axes: Array  # (2, 2) px: outwards, down
    upper: Array  # (9, 2) from the inner to the outer corner
    lower: Array  # (9, 2)
    iris: Array  # (2,)
    radius: float

    @classmethod
    def of(cls, points: FloatArray) -> Eye:
        p = points.astype(np.float64)
        along = p[OUTER] - p[INNER]
        axes = np.stack([along, [-along[1], along[0]]], axis=1)
        own = (p - (p[OUTER] + p[INNER]) / 2) @ np.linalg.inv(axes).T
        upper, lower = (np.concatenate([own[[OUTER]], own[part], own[[INNER]]])[::-1] for part in (UPPER, LOWER))
        radius = float(np.linalg.norm(own[RIM] - own[IRIS], axis=1).mean())
        return cls((p[OUTER] + p[INNER]) / 2, axes, upper, lower, own[IRIS], radius)

    def rims(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Heights of the lids' rims at x: both 0 beyond the corners."""
        upper, lower = (np.interp(x, rim[:, 0], rim[:, 1], 0, 0) for rim in (self.upper, self.lower))
        return upper, np.maximum(lower, upper)

    def moved_rims(self, x: NDArray, change: Change) -> tuple[NDArray, NDArray]:
        """The same after a change."""
        upper, lower = self.rims(x)
        bow = np.clip(1 - (2 * x) ** 2, 0, 1)
        upper = upper + FOLLOW_UPPER * change.down * bow
        lower = np.maximum(lower + FOLLOW_LOWER * change.down * bow, upper + 0.02 * bow)
        meet = lower - MEET * (lower - upper)
        return upper + change.shut * (meet - upper), lower + max(change.shut, 0.0) * (meet - lower)

    def label(self, change: Change) -> Label:
        """After a change."""
        gaze = self.iris + np.array([change.aside, change.down])
        lids = []
        for rim, sign, which in ((self.upper, -1, 0), (self.lower, 1, 1)):
            middle = rim[3:6]
            x = middle[:, 0]
            way = self.moved_rims(x, change)[which] - self.rims(x)[which]
            lids.append(float(np.mean(sign * (middle[:, 1] + way))))
        over = max(-sum(lids), 0.0) / 2  # lids of a rendered eye may pass each other
        return Label((float(gaze[0]), float(gaze[1])), (lids[0] + over, lids[1] + over))

    def sources(self, px: NDArray, change: Change) -> FloatArray:
        """Where the pixels at `px` (..., 2) come from, in px."""
        if change == Change():
            return px.astype(np.float32)
        x, y = np.moveaxis((px - self.origin) @ np.linalg.inv(self.axes).T, -1, 0)
        upper, lower = self.rims(x)
        to_upper, to_lower = self.moved_rims(x, change)
        crease, cheek = np.minimum(upper, to_upper) - CREASE, np.maximum(lower, to_lower) + CHEEK
        within = (y > to_upper) & (y < to_lower)
        above = (y > crease) & (y <= to_upper)
        below = (y >= to_lower) & (y < cheek)
        from_x, from_y = self._ball(x, y, change)
        skin_above = crease + (y - crease) * (upper - crease) / np.maximum(to_upper - crease, 1e-6)
        skin = lower + WET * max(change.shut, 0.0)
        skin_below = cheek - (cheek - y) * (cheek - skin) / np.maximum(cheek - to_lower, 1e-6)
        from_y = np.select([within, above, below], [from_y, skin_above, skin_below], y)
        from_x = np.where(within, from_x, x)
        return (np.stack([from_x, from_y], axis=-1) @ self.axes.T + self.origin).astype(np.float32)

    def _ball(self, x: NDArray, y: NDArray, change: Change) -> tuple[NDArray, NDArray]:
        """Where the ball's pixels come from: the iris moves as a whole, the white round it is stretched."""
        bow = np.clip(1 - (2 * x) ** 4, 0, 1)
        away = np.hypot(x - self.iris[0] - change.aside, y - self.iris[1] - change.down) / max(self.radius, 0.05)
        reach = REACH + 0.8 + 1.5 * abs(change.aside) / max(self.radius, 0.05)
        share = np.clip((reach - away) / (reach - REACH), 0, 1)
        from_x = x - change.aside * share * share * (3 - 2 * share)
        from_y = y - change.down * bow
        upper, lower = self.rims(from_x)
        middle = (upper + lower) / 2
        return from_x, np.clip(from_y, np.minimum(upper + WITHIN, middle), np.maximum(lower - WITHIN, middle))


def draw(eye: Eye, rng: np.random.Generator) -> Change:
    """A random change that this eye can bear: what is shut already is left alone."""
    plain = eye.label(Change())
    if sum(plain.lids) < 0.12 or rng.random() < 0.4:
        return Change()
    aside = float(rng.uniform(-0.34, 0.34) - eye.iris[0]) if rng.random() < 0.75 else 0.0
    down = float(np.clip(rng.normal(0, 0.07), -0.13, 0.16)) if rng.random() < 0.6 else 0.0
    u = rng.random()
    shut = float(rng.uniform(0.92, 1.0)) if u < 0.25 else float(rng.uniform(-0.15, 0.95)) if u < 0.6 else 0.0
    return Change(aside, down, shut)
