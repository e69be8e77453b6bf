"""MediaPipe's mesh on photographs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.training.model.solutions import FaceMesh


def find_landmarks(
    files: Sequence[Path], progress: Callable[[Iterable], Iterable] = lambda items: items
) -> tuple[list[str], NDArray[np.float32], NDArray[np.int32]]:
    """MediaPipe's mesh on each photograph: names, (N, 478, 2) px and sizes of those with a face."""
    names, points, sizes = [], [], []
    with FaceMesh(0.3) as mesh:
        for file in progress(files):
            image = cv2.imread(str(file))
            if image is None:
                continue
            height, width = image.shape[:2]
            side = max(height, width) * 3 // 2  # a square, with room for the detector around tight crops
            left, top = (side - width) // 2, (side - height) // 2
            padded = cv2.copyMakeBorder(
                image, top, side - height - top, left, side - width - left, cv2.BORDER_REPLICATE
            )
            found = mesh.points(padded[..., ::-1])
            if found is None:
                continue
            points.append(found * side - 0.5 - (left, top))
            names.append(file.name)
            sizes.append(image.shape[1::-1])
    return names, np.array(points, dtype=np.float32), np.array(sizes, dtype=np.int32)
