"""The weights of MediaPipe's face detectors: where they lie, and what they are known by.

They come with a wheel of this package and with an editable install (hatch_build.py takes them out of the wheel of
mediapipe 0.10.21); where that MediaPipe itself is installed they are in it. A file of the user's goes before both.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path

from realtime3d.errors import MissingError, reinstall_line

VARIABLE = "REALTIME3D_DETECTOR_MODEL"
KNOWN = {  # sha256 -> range
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8": "short",  # in the wheel of 0.10.21
    "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f": "short",  # Google's blaze_face_short_range
    "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1": "full",  # sparse, in the wheel of 0.10.21
}
NAMES = ("face_detection_short_range.tflite", "face_detection_full_range_sparse.tflite")
FOLDER = Path(__file__).parent / "_weights"


def read(model_file: str = "") -> dict[str, bytes]:
    """Range -> weights: of the file that the user names by setting or variable, else both that come with us."""
    named = model_file or os.environ.get(VARIABLE, "")
    if named:
        return dict([_checked(Path(named), "take Google's blaze_face_short_range.tflite or empty detector.model_file")])
    folder = _folder()
    return dict(_checked(folder / name, reinstall_line()) for name in NAMES)


def _folder() -> Path:
    if (FOLDER / NAMES[0]).is_file():
        return FOLDER
    mediapipe = importlib.util.find_spec("mediapipe")
    carried = Path(mediapipe.origin or "").parent / "modules" / "face_detection" if mediapipe else FOLDER
    return carried if (carried / NAMES[0]).is_file() else FOLDER


def _checked(path: Path, remedy: str) -> tuple[str, bytes]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingError(f"the face detector's weights {path} cannot be read ({error.strerror}): {remedy}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest not in KNOWN:
        raise MissingError(f"{path} is none of the known face detectors (sha256 {digest[:12]}...): {remedy}")
    return KNOWN[digest], data
