"""A name for the space that identity coefficients live in."""

from __future__ import annotations

import hashlib

import numpy as np

from realtime3d.face.model import FaceModel


def fingerprint(model: FaceModel) -> str:
    """16 hex digits that differ between face models."""
    digest = hashlib.sha256(np.ascontiguousarray(model.mean).tobytes())
    digest.update(np.ascontiguousarray(model.shape_basis).tobytes())
    return digest.hexdigest()[:16]
