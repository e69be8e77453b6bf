"""A linear face and nothing else, as other makers' models are: what such a file leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

BARE_FORMAT = 3  # of a face model file: no texture layout, no regions, no eyes, no ARKit actions
Need = Literal["layout", "actions", "eyes"]
LAYOUT: Need
ACTIONS: Need
EYES: Need
LAYOUT, ACTIONS, EYES = "layout", "actions", "eyes"
LACKING: dict[Need, str] = {
    LAYOUT: "this face model has no texture coordinates, so there are no textures and no views",
    ACTIONS: "this face model lacks ARKit's 52 actions, so there are no blendshapes, no avatars and no GLB files",
    EYES: "this face model has no eyes that turn, so there is no gaze",
}


def nothing_but(arrays: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """The arrays of a whole face model that a file of BARE_FORMAT has not."""
    vertices, eta = len(arrays["mean"]), len(arrays["expression_basis"])
    return {
        "extra_basis": np.zeros((0, vertices, 3), np.float32),
        "uv": np.zeros((0, 2), np.float32),
        "region": np.zeros(vertices, np.uint8),
        "region_names": np.array(["face"]),
        "extra_names": np.array([], dtype=str),
        "arkit_names": np.array([], dtype=str),
        "retarget_gram": np.zeros((0, 0), np.float32),
        "retarget_cross": np.zeros((0, eta), np.float32),
    }
