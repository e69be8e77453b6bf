"""Weak labels of photographs: contours of MediaPipe's mesh, its person mask, and each person's own skin colour.

What cannot be told honestly is UNKNOWN and nothing is learned from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.surface.mask import BACKGROUND, BEARD, EYES, HAIR, MOUTH, SKIN, SPAN_MM
from realtime3d.types import FloatArray, Image

UNKNOWN = 255
SIDE, MARGIN = 256, 1.4  # px of a prepared picture, and how many crops of the net it spans
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
EYE_RINGS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
CORNERS = (33, 263)  # outer corners of the eyes
FACE_MM, EYES_MM = (
    158.0,
    89.0,
)  # from the forehead's rim to the chin, between the outer corners of the eyes; in the mean
DARK, PALE = (
    0.3,
    -0.1,
)  # logarithms: a beard is so much darker than skin, and its red over blue hardly higher, unlike a shadow
LIKE, UNLIKE = 2.6, 4.5  # distances from the skin's colour in deviations
GREY = 6.0  # median of the channels' range below which a picture has no colour


@dataclass(frozen=True)
class Frame:
    """Where the net would look: a picture cut out upright."""

    matrix: NDArray[np.float64]  # (2, 3) photograph to frame
    points: NDArray[np.float32]  # (478, 2) in the frame


def frame_of(points: NDArray[np.float32], side: int = SIDE, margin: float = MARGIN) -> Frame:
    """The frame of a face whose 478 points are known; it turns the eyes level."""
    right, left = points[CORNERS[0]], points[CORNERS[1]]
    # Yaw shortens the eyes' line and nods the face's height: the larger of both says how large the head is.
    height = float(np.linalg.norm(points[10] - points[152])) / FACE_MM
    width = float(np.linalg.norm(right - left)) / EYES_MM
    scale = side / (margin * SPAN_MM * max(height, width, 1e-6))
    up = points[10] - points[152]
    across, down = float(left[0] - right[0]), float(left[1] - right[1])
    level = np.arctan2(down, across) if np.hypot(across, down) > 0.3 * np.linalg.norm(up) else 0.0
    middle = (points[list(OVAL)].min(axis=0) + points[list(OVAL)].max(axis=0)) / 2 + 0.045 * up
    c, s = scale * np.cos(level), scale * np.sin(level)
    matrix = np.array([[c, s, 0], [-s, c, 0]])
    matrix[:, 2] = (side - 1) / 2 - matrix[:, :2] @ middle
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return Frame(matrix, moved.astype(np.float32))


def cut(image: Image, matrix: NDArray[np.float64], side: int = SIDE) -> tuple[Image, NDArray[np.bool_]]:
    """A picture's part, edge colours repeated outside; and what lies inside the picture."""
    shrink = 1 / max(float(np.hypot(*matrix[0, :2])), 1e-6)
    if shrink > 1.5:
        image = cv2.GaussianBlur(image, (0, 0), 0.4 * shrink).astype(np.uint8, copy=False)
    part = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    whole = np.full(image.shape[:2], 255, np.uint8)
    return part.astype(np.uint8, copy=False), cv2.warpAffine(whole, matrix, (side, side), flags=cv2.INTER_NEAREST) > 0


class SkinColour:
    """One person's skin in one light: where it lies in L, a, b."""

    def __init__(self, lab: FloatArray, sure: NDArray[np.bool_]) -> None:
        pixels = lab[sure]
        self.middle = np.median(pixels, axis=0)
        close = pixels[(np.abs(pixels - self.middle) < (60, 14, 14)).all(axis=1)]
        spread = np.cov(close.T) if len(close) > 50 else np.diag([200.0, 9, 9])
        # Light varies over a face more than over what is taken as sure.
        self._inverse = np.linalg.inv(spread + np.diag([90.0, 5.0, 5.0]))

    def away(self, lab: FloatArray) -> FloatArray:
        off = lab - self.middle
        return np.asarray(np.sqrt(np.einsum("...i,ij,...j->...", off, self._inverse, off)), np.float32)


def polygon(
    points: NDArray[np.float32], rows: tuple[int, ...], side: int = SIDE, hull: bool = False
) -> NDArray[np.bool_]:
    mask = np.zeros((side, side), np.uint8)
    ring = np.rint(points[list(rows)] * 16).astype(np.int32)
    cv2.fillPoly(mask, [cv2.convexHull(ring) if hull else ring], 255, cv2.LINE_8, 4)
    return mask > 0


def label(
    image: Image, points: NDArray[np.float32], inside: NDArray[np.bool_], person: FloatArray
) -> NDArray[np.uint8] | None:
    """(SIDE, SIDE) numbers of classes or UNKNOWN of a prepared picture; None where it says too little.

    `points` (478, 2) and `person` 0..1 lie in it, `inside` says where it has pixels of the photograph.
    """
    side = len(image)
    mm = side / (MARGIN * SPAN_MM)  # px
    oval, lips = polygon(points, OVAL), polygon(points, LIPS)
    eyes = polygon(points, EYE_RINGS[0]) | polygon(points, EYE_RINGS[1])
    brows = _grown(polygon(points, BROWS[0], hull=True) | polygon(points, BROWS[1], hull=True), 2.5 * mm)
    features = _grown(eyes, 6 * mm) | _grown(lips, 3 * mm) | _grown(brows, 2 * mm)
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 0.8), cv2.COLOR_BGR2LAB).astype(np.float32)
    rows = np.arange(side)[:, None]
    nose_end = float(points[2, 1])
    eye_line = float(points[list(CORNERS), 1].mean())
    sure = _grown(oval, -8 * mm) & ~features & (rows < nose_end) & (rows > eye_line) & inside
    if sure.sum() < 200 or float(np.median(np.ptp(image[sure].astype(np.int16), axis=1))) < GREY:
        return None
    skin = SkinColour(lab, sure)
    away = skin.away(lab)
    like, unlike = away < LIKE, away > UNLIKE
    darker = lab[..., 0] < skin.middle[0] - 28
    out = np.full((side, side), UNKNOWN, np.uint8)
    out[(person < 0.1) & ~_grown(oval, 6 * mm)] = BACKGROUND
    _around(out, points, oval, person > 0.9, like, unlike, darker, mm)
    _within(out, oval, features, like, unlike, away, darker, points, mm)
    out[(out == BEARD) & ~beard_like(image, sure)] = UNKNOWN
    out[brows & darker] = BEARD
    out[brows & ~darker & ~(away < 1.6)] = UNKNOWN
    out[_grown(eyes, 1.5 * mm)] = UNKNOWN
    out[eyes], out[lips] = EYES, MOUTH
    out[~inside] = UNKNOWN
    return out


def beard_like(image: Image, skin: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a picture is darker than its skin and paler too, as hair is and shadows are not."""
    light = np.log(cv2.GaussianBlur(image, (0, 0), 1.2).astype(np.float32) + 8)
    bright, red = light.mean(axis=-1), light[..., 2] - light[..., 0]
    return np.asarray((bright < np.median(bright[skin]) - DARK) & (red < np.median(red[skin]) - PALE))


def _around(
    out: NDArray[np.uint8], points: NDArray[np.float32], oval: NDArray[np.bool_], person: NDArray[np.bool_],
    like: NDArray[np.bool_], unlike: NDArray[np.bool_], darker: NDArray[np.bool_], mm: float,
) -> None:  # fmt: skip
    """Outside of the face: ears, neck and the forehead's upper end are skin, other parts of a head are hair."""
    side = len(out)
    rows, chin = np.arange(side)[:, None], float(points[152, 1])
    near = _grown(oval, 22 * mm) & person & ~oval
    out[near & like & _connected(like & person, oval)] = SKIN
    top = float(points[10, 1])
    middle = (float(points[234, 1]) + top) / 2
    crown = person & ~oval & unlike & (rows < middle) & _grown(oval, 75 * mm)
    out[_grown(crown, -1 * mm)] = HAIR
    beside = person & ~oval & unlike & darker & (rows < chin - 25 * mm) & _grown(oval, 30 * mm)
    out[_grown(beside & _connected(beside | crown, crown), -1 * mm)] = HAIR
    below = person & (rows > chin + 45 * mm) & unlike
    out[below & ~_connected(below, crown)] = BACKGROUND


def _within(
    out: NDArray[np.uint8], oval: NDArray[np.bool_], features: NDArray[np.bool_], like: NDArray[np.bool_],
    unlike: NDArray[np.bool_], away: FloatArray, darker: NDArray[np.bool_], points: NDArray[np.float32], mm: float,
) -> None:  # fmt: skip
    """Inside of the face: skin unless its colour says otherwise."""
    nose_end, rows = float(points[2, 1]), np.arange(len(out))[:, None]
    upper = rows < float(points[list(CORNERS), 1].mean()) - 12 * mm
    inner = _grown(oval, -6 * mm)
    out[oval] = UNKNOWN
    out[oval & like] = SKIN
    out[inner & (away < UNLIKE + 0.5) & ~_grown(unlike, 2 * mm)] = SKIN
    beard = oval & (rows > nose_end) & darker & unlike  # below the chin it may be the chin's shadow
    mouth = polygon(points, LIPS)
    out[_grown(_grown(beard & ~_grown(mouth, 1.5 * mm), -1 * mm), 1 * mm)] = BEARD
    fringe = oval & upper & unlike & darker & ~_grown(features, 1 * mm)
    out[fringe & _connected(fringe | (out == HAIR), out == HAIR)] = HAIR


def _grown(mask: NDArray[np.bool_], px: float) -> NDArray[np.bool_]:
    """A mask with its rim moved outward, or inward where `px` is negative."""
    size = 2 * max(1, round(abs(px))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    change = cv2.dilate if px > 0 else cv2.erode
    return np.asarray(change(mask.astype(np.uint8), kernel) > 0)


def _connected(mask: NDArray[np.bool_], seed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts of a mask that touch a seed."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8))
    touched = np.unique(parts[_grown(seed, 2) & mask])
    return np.isin(parts, touched[touched > 0])
