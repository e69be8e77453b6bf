"""The file of one face's mask, and what its numbers mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.files import write_whole
from realtime3d.sinks.palette_png import palette_png
from realtime3d.surface.mask import CLASSES, COLOURS, FaceMask


def write_mask(folder: Path, name: str, mask: FaceMask) -> None:
    """`NAME_mask.png`: as large as the picture, each pixel the number of a class."""
    text = {"classes": ", ".join(f"{k} {kind}" for k, kind in enumerate(CLASSES))}
    write_whole(folder / f"{name}_mask.png", palette_png(mask.labels, COLOURS, text), make_folder=True)


def mask_facts(mask: FaceMask) -> dict[str, Any]:
    """What is to be known of a face's mask."""
    count = np.bincount(mask.labels.ravel(), minlength=len(CLASSES))
    return {
        "classes": {str(k): kind for k, kind in enumerate(CLASSES)},
        "colours": {kind: list(rgb) for kind, rgb in zip(CLASSES, COLOURS, strict=True)},
        "pixels": {kind: int(n) for kind, n in zip(CLASSES, count, strict=True)},
        "where": "in the picture's pixels, around this face; background also where the net did not look",
    }
