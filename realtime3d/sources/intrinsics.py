"""The camera of a picture: from an angle of view, or from an OpenCV calibration file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from realtime3d.config import CameraSettings
from realtime3d.errors import UsageError, first_line
from realtime3d.geometry import DEFAULT_FOV_DEG, Camera
from realtime3d.outside import DAMAGED, from_json, read_arrays

MATRIX_NAMES = ("camera_matrix", "cameraMatrix", "K", "mtx", "M1")
DISTORTION_NAMES = ("distortion_coefficients", "dist_coeffs", "distCoeffs", "dist", "distortion", "D", "D1")
WIDTH_NAMES, HEIGHT_NAMES = ("image_width", "width"), ("image_height", "height")
SUFFIXES = (".json", ".yml", ".yaml", ".xml", ".npz")
LARGEST = 4_000_000  # characters of a calibration file: some keep all the points they were made of
PORTRAIT_MM = 1000.0  # single pictures are seldom taken from nearer, but often cut out of larger ones
LARGEST_PX = 100_000  # of a picture
FOCAL = (0.05, 500.0)  # of a camera, in sides of its picture: 168 degrees, and a telescope
LARGEST_NPY = 1 << 16  # bytes
UNREADABLE = (*DAMAGED, ArithmeticError, AttributeError)
BOX_MM = 125.0  # the larger side of a tight box, brows to chin


@dataclass(frozen=True, slots=True)
class CameraModel:
    """Gives the camera for pictures of any size."""

    fov_deg: float  # 0: not known
    calibrated: Camera | None = None
    mirror: bool = False

    @classmethod
    def from_config(cls, config: CameraSettings) -> CameraModel:
        """Reads the calibration file where one is named."""
        calibrated = read_intrinsics(config.intrinsics) if config.intrinsics else None
        return cls(config.fov, calibrated, config.mirror)

    def camera(self, width: int, height: int) -> Camera:
        """The camera of a picture of this size; a calibration is scaled to it."""
        if self.calibrated is None:
            return Camera.from_fov(width, height, self.fov_deg or DEFAULT_FOV_DEG)
        scaled = _scaled(self.calibrated, width, height)
        return mirrored(scaled) if self.mirror else scaled

    def portrait(self, width: int, height: int, boxes: ArrayLike) -> Camera:
        """The camera of a single picture: where nothing is known of it, no face is nearer than PORTRAIT_MM.

        A portrait that is cut out of a larger picture would otherwise be taken for a face 30 cm away, and its mesh
        would be drawn with that perspective: mouth and chin 4 % of the box too low.
        """
        camera = self.camera(width, height)
        corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        if self.calibrated is not None or self.fov_deg or not len(corners):
            return camera
        largest = float((corners[:, 2:] - corners[:, :2]).max())
        focal = max(camera.fx, largest * PORTRAIT_MM / BOX_MM)
        return replace(camera, fx=focal, fy=focal)


def mirrored(camera: Camera) -> Camera:
    """The camera of the picture flipped left to right."""
    d = list(camera.distortion)
    if len(d) > 3:
        d[3] = -d[3]  # p2, the tangential part that is not symmetric
    return replace(camera, cx=camera.width - 1 - camera.cx, distortion=tuple(d))


def _scaled(camera: Camera, width: int, height: int) -> Camera:
    if not camera.width:  # the file did not say for which size it holds
        return replace(camera, width=width, height=height)
    sx, sy = width / camera.width, height / camera.height
    if abs(sx / sy - 1) > 0.02:
        raise UsageError(
            f"the calibration is for {camera.width}x{camera.height}, the picture is {width}x{height}, "
            "another shape: calibrate at the size you use, or give --fov"
        )
    cx, cy = (camera.cx + 0.5) * sx - 0.5, (camera.cy + 0.5) * sy - 0.5
    return Camera(camera.fx * sx, camera.fy * sy, cx, cy, width, height, camera.distortion)


def read_intrinsics(path: str | Path) -> Camera:
    """A calibration as OpenCV's tools write it: camera matrix, distortion of 0, 4, 5 or 8 numbers, picture size."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: a calibration file ends with {', '.join(SUFFIXES)}")
    try:
        values = _READERS[path.suffix.lower()](path)
        matrix = np.asarray(_first(values, MATRIX_NAMES), dtype=np.float64).reshape(3, 3)
        distortion = np.asarray(_first(values, DISTORTION_NAMES, ()), dtype=np.float64).ravel()
        width, height = (int(_first(values, names, 0)) for names in (WIDTH_NAMES, HEIGHT_NAMES))
    except UNREADABLE as error:
        raise UsageError(
            f"{path} is no calibration that can be read ({first_line(error)}): it needs {MATRIX_NAMES[0]} (3x3) and "
            f"{DISTORTION_NAMES[0]}, better {WIDTH_NAMES[0]} and {HEIGHT_NAMES[0]} too"
        ) from error
    if len(distortion) not in (0, 4, 5, 8):
        raise UsageError(f"{path}: {len(distortion)} distortion coefficients; 0, 4, 5 or 8 are understood")
    kept = tuple(map(float, distortion)) if np.any(distortion) else ()
    fx, fy, cx, cy = (float(matrix[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    camera = Camera(fx, fy, cx, cy, width, height, kept)
    doubt = _doubt(camera) if np.isfinite(matrix).all() and np.isfinite(distortion).all() else "not all are finite"
    if doubt:
        raise UsageError(f"{path}: these are no numbers of a camera ({doubt}): calibrate again")
    return camera


def _doubt(camera: Camera) -> str:
    """What no camera has, empty where it may be one. Without a picture size the limits are those of all sizes."""
    width, height = camera.width, camera.height
    if (width == 0) != (height == 0) or not all(0 <= size <= LARGEST_PX for size in (width, height)):
        return f"a picture of {width}x{height}"
    longest = max(width, height)
    low, high = (FOCAL[0] * longest, FOCAL[1] * longest) if longest else (1.0, FOCAL[1] * LARGEST_PX)
    if not low <= min(camera.fx, camera.fy) <= max(camera.fx, camera.fy) <= min(high, 10 * camera.fx, 10 * camera.fy):
        return f"focal lengths of {camera.fx:g} and {camera.fy:g} px"
    if max(abs(camera.cx), abs(camera.cy)) > 2 * (longest or LARGEST_PX):
        return f"a centre at ({camera.cx:g}, {camera.cy:g})"
    corner = math.hypot(width / camera.fx, height / camera.fy) / 2
    if camera.distortion and not 0.1 < _stretch(camera.distortion, corner) < 10:
        return "a distortion that turns the picture inside out"
    return ""


def _stretch(distortion: tuple[float, ...], r: float) -> float:
    """How many times farther out the lens shows a point at the radius `r`, in focal lengths; OpenCV's model."""
    k1, k2, p1, p2, k3, k4, k5, k6 = (*distortion, *([0.0] * (8 - len(distortion))))
    below = 1 + r**2 * (k4 + r**2 * (k5 + r**2 * k6))
    radial = (1 + r**2 * (k1 + r**2 * (k2 + r**2 * k3))) / below if below else math.inf
    return radial if 3 * r * math.hypot(p1, p2) < 1 else math.inf  # the tangential part, at most


def _first(values: Mapping[str, Any], names: tuple[str, ...], default: Any = None) -> Any:
    for name in names:
        if name in values:
            return values[name]
    if default is None:
        raise KeyError(f"no {names[0]}")
    return default


def _read_json(path: Path) -> Mapping[str, Any]:
    values = from_json(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError("not an object")
    return {name: entry.get("data", entry) if isinstance(entry, dict) else entry for name, entry in values.items()}


def _read_npz(path: Path) -> Mapping[str, Any]:
    """The arrays that may be meant; one that announces more numbers than a calibration has is not even begun."""
    names = {*MATRIX_NAMES, *DISTORTION_NAMES, *WIDTH_NAMES, *HEIGHT_NAMES}
    return read_arrays(path, names.__contains__, LARGEST_NPY)


def _read_opencv(path: Path) -> Mapping[str, Any]:
    """The numbers and matrices of an OpenCV file. OpenCV's own parser follows nested files until the process dies.

    Everything here is searched once from left to right, so that no file takes long.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError("it is too large for one")
    names = (*MATRIX_NAMES, *DISTORTION_NAMES, *WIDTH_NAMES, *HEIGHT_NAMES)
    if path.suffix.lower() == ".xml":
        entries = {name: _between(text, rf"<{name}(?:\s[^<>]*)?>", f"</{name}>") for name in names}
        found = {name: _value(body, "<{}>", "</{}>") for name, body in entries.items() if body is not None}
    else:
        blocks = re.findall(r"^([A-Za-z_][\w.-]*):(.*(?:\n[ \t].*|\n)*)", text, re.MULTILINE)
        found = {name: _value(body, r"\b{}:\s*\[?", "]") for name, body in blocks if name in names}
    return {name: value for name, value in found.items() if value is not None}


def _between(text: str, opening: str, closing: str) -> str | None:
    begin = re.search(opening, text)
    end = text.find(closing, begin.end()) if begin else -1
    return text[begin.end() : end] if begin and end >= 0 else None


def _value(body: str, opening: str, closing: str) -> Any:
    """A matrix, or a number, or None for what is neither; `opening` is the pattern that comes before a part."""
    sizes = [re.search(opening.format(part) + r"\s*(\d{1,4})\b", body) for part in ("rows", "cols")]
    data, shape = (_between(body, opening.format(part), closing.format(part)) for part in ("data", "sizes"))
    if data is not None and (shape or (sizes[0] and sizes[1])):  # OpenCV 5 writes sizes for what has one axis
        numbers = np.array([_number(word) for word in re.split(r"[\s,]+", data) if word])
        return numbers.reshape(
            [int(n) for n in re.findall(r"\d{1,4}", shape)] if shape else [int(n[1]) for n in sizes if n]
        )
    try:
        return _number(body.strip())
    except ValueError:
        return None


def _number(word: str) -> float:
    return float({".nan": "nan", ".inf": "inf", "-.inf": "-inf"}.get(word.lower(), word))


_READERS = {
    ".json": _read_json,
    ".npz": _read_npz,
    ".yml": _read_opencv,
    ".yaml": _read_opencv,
    ".xml": _read_opencv,
}
