"""What a frame's message says of its camera and of each face."""

from __future__ import annotations

from typing import Any

import numpy as np

from realtime3d.face.expressions import has_head
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera


def _expressions(face: FaceState) -> dict[str, Any]:
    if not (face.model.has_actions and has_head(face.model.path)):
        return {}
    units = {name: None if value is None else round(value, 2) for name, value in face.action_units().items()}
    return {"action_units": units, "emotions": {name: round(value, 3) for name, value in face.emotions().items()}}


def camera_values(camera: Camera) -> dict[str, Any]:
    return {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy}


def face_values(face: FaceState) -> dict[str, Any]:
    model = face.model  # an imported one may know neither ARKit's actions nor eyes that turn
    weights = face.blendshapes().values() if model.has_actions else ()
    return {
        "id": face.id,
        "status": face.status,
        "confidence": round(face.confidence, 4),
        "R": np.round(face.pose.R, 6).ravel().tolist(),
        "t": np.round(face.pose.t, 3).tolist(),
        "angles": [round(angle, 3) for angle in face.euler_deg()],
        "box": np.round(face.box, 1).tolist(),
        "weights": [round(weight, 4) for weight in weights],
        **_expressions(face),
        "identity": {"frozen": face.identity.frozen, "frames": face.identity.frames},
        **({"gaze": _gaze(face)} if model.n_extras else {}),
    }


def _gaze(face: FaceState) -> dict[str, Any]:
    """(pitch, yaw) of the eyes in the head's frame, and of their mean in the camera's."""
    gaze = face.gaze_deg()
    angles = {"left": gaze["left"], "right": gaze["right"], "camera": gaze["camera"]}
    return {
        **{name: [round(angle, 2) for angle in pair] for name, pair in angles.items()},
        "confidence": round(gaze["confidence"], 3),
    }
