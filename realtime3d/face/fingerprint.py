"""A name for the space that identity coefficients live in."""

from __future__ import annotations

import hashlib

import numpy as np

from realtime3d.face.model import FaceModel

EARLIER = {  # face models that shipped before, by their fingerprint and by the beginning of their file's sha256
    "a373cb96de488f94": "realtime3d 1.0",
    "4b9129802ae09daf": "realtime3d 1.0",
}


def fingerprint(model: FaceModel) -> str:
    """16 hex digits that differ between face models."""
    digest = hashlib.sha256(np.ascontiguousarray(model.mean).tobytes())
    digest.update(np.ascontiguousarray(model.shape_basis).tobytes())
    return digest.hexdigest()[:16]
