"""How far a form of a net (half precision, eight bits, a compiled engine) is from the exported one, and the limits.

Compared on committed crops that our own renderer drew, worst crop of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import Answers, Net
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import rotvec_to_matrix, sigmoid

CROPS_FILE = Path(__file__).with_name("parity_crops.png")
SIZE, COLUMNS = 112, 6  # px of a crop, crops in a row of the file
HEADS = 22  # the first crops show one; on the others only presence means anything
BATCH = 8  # crops a run: above the batch that engines are tuned for, below their largest
IMPORTED_SIDE = 224.0  # of a crop, in the pixels in which imported nets answer
LIMITS = {  # what a form may differ by, on any crop
    "rotation_deg": 0.3,
    "position": 0.005,  # crop sides
    "log_scale": 0.005,  # that is 3 mm at 600 mm
    "presence": 0.01,  # of 0..1
    "expression_mm": 0.1,  # root mean square over the face's vertices
    "shape_mm": 0.1,
    "gaze": 0.01,  # of an eye's width
    "lids": 0.01,
    "gaze_log_sigma": 0.1,
    "camera_deg": 0.3,  # of imported nets: rotation, and place over distance
    "camera_place": 0.005,
    "scaled_deg": 0.3,  # of the other kind of them: angles, size, and place in crop sides
    "scaled_size": 0.005,
    "scaled_place": 0.005,
}

MEASURED = {  # outputs that `differences` compares
    "rotation", "position", "log_scale", "presence", "expression", "shape", "gaze", "lids", "gaze_log_sigma",
    "camera_pose", "scaled_pose",
}  # fmt: skip


def measures(outputs: Iterable[str]) -> bool:
    """Whether `differences` compares any of these."""
    return not MEASURED.isdisjoint(outputs)


def crops(size: int) -> NDArray[np.uint8]:
    """The committed crops, (24, size, size, 3) uint8 BGR."""
    sheet = cv2.imread(str(CROPS_FILE))
    if sheet is None:
        raise MissingError(f"{CROPS_FILE} cannot be read: reinstall realtime3d")
    rows = np.concatenate(np.split(sheet, len(sheet) // SIZE))  # (rows * SIZE, columns * SIZE, 3) one after the other
    tiles = rows.reshape(-1, SIZE, COLUMNS, SIZE, 3).swapaxes(1, 2).reshape(-1, SIZE, SIZE, 3)
    if size == SIZE:
        return np.ascontiguousarray(tiles, dtype=np.uint8)
    return np.stack([cv2.resize(tile, (size, size), interpolation=cv2.INTER_AREA) for tile in tiles]).astype(np.uint8)


def answers(net: Net, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """A net's answers to many crops, in batches."""
    parts = [
        {name: values.copy() for name, values in net.run(images[i : i + BATCH]).items()}
        for i in range(0, len(images), BATCH)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def differences(found: Answers, expected: Answers, model: FaceModel) -> dict[str, float]:
    """The largest difference of each kind, in the units of `LIMITS`; NaN where an answer is NaN.

    Rows belong to `crops`, in their order, from the first on.
    """
    by_name = {
        "rotation_deg": ("rotation", lambda a, b: _angle_deg(_rotations(a), _rotations(b))),
        "position": ("position", lambda a, b: np.abs(a - b)),
        "log_scale": ("log_scale", lambda a, b: np.abs(a - b)),
        "presence": ("presence", lambda a, b: np.abs(np.vectorize(sigmoid)(a) - np.vectorize(sigmoid)(b))),
        "expression_mm": ("expression", lambda a, b: _moved_mm(a - b, model.expression_basis)),
        "shape_mm": ("shape", lambda a, b: _moved_mm(a - b, model.shape_basis)),
        "gaze": ("gaze", lambda a, b: np.abs(a - b)),
        "lids": ("lids", lambda a, b: np.abs(a - b)),
        "gaze_log_sigma": ("gaze_log_sigma", lambda a, b: np.abs(a - b)),
        "camera_deg": ("camera_pose", lambda a, b: _angle_deg(_turns(a), _turns(b))),
        "camera_place": ("camera_pose", lambda a, b: np.linalg.norm((a - b)[:, 3:], axis=1) / np.abs(b[:, 5])),
        "scaled_deg": ("scaled_pose", lambda a, b: np.degrees(np.abs(a - b)[:, 1:4])),
        "scaled_size": ("scaled_pose", lambda a, b: np.abs((a - b) / b)[:, 0]),
        "scaled_place": ("scaled_pose", lambda a, b: np.abs(a - b)[:, 4:] / IMPORTED_SIDE),
    }
    largest: dict[str, float] = {}
    for kind, (name, measure) in by_name.items():
        if name in expected:
            rows = slice(None) if name == "presence" else slice(HEADS)
            a, b = found[name][rows].astype(np.float64), expected[name][rows].astype(np.float64)
            largest[kind] = float(np.max(measure(a, b)))
    return largest


def beyond(differences: Mapping[str, float]) -> list[str]:
    """The differences that are not within their limits, as text; NaN is never within, nor is what has no limit."""
    limits = {kind: LIMITS.get(kind, float("nan")) for kind in differences}
    return [
        f"{kind} {value:.3g} (limit {limits[kind]:g})"
        for kind, value in differences.items()
        if not value <= limits[kind]
    ]


def _rotations(six: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 6) to (N, 3, 3)."""
    first = six[:, :3] / np.linalg.norm(six[:, :3], axis=1, keepdims=True)
    second = six[:, 3:] - (first * six[:, 3:]).sum(1, keepdims=True) * first
    second /= np.linalg.norm(second, axis=1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _turns(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 6) rotation vectors and places to (N, 3, 3)."""
    return np.stack([rotvec_to_matrix(pose[:3]) for pose in poses])


def _angle_deg(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geodesic angles between (N, 3, 3) rotations, exact for small ones."""
    chord = np.linalg.norm(a - b, axis=(1, 2)) / np.sqrt(8)
    return np.degrees(2 * np.arcsin(np.minimum(chord, 1)))


def _moved_mm(coefficients: NDArray[np.float64], basis: NDArray[np.float32]) -> NDArray[np.float64]:
    """Root mean square displacement over the vertices, for each row of coefficients."""
    moved = np.tensordot(coefficients, basis, axes=1)
    return np.sqrt((moved**2).sum(-1).mean(-1))
