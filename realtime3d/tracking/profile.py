"""A saved identity: one person's shape in a small JSON file (`--profile F`)."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np

from realtime3d.errors import UsageError, first_line
from realtime3d.face.fingerprint import EARLIER, fingerprint
from realtime3d.face.model import FaceModel
from realtime3d.files import check_output, write_whole
from realtime3d.outside import from_json
from realtime3d.types import FloatArray, IdentityState

FORMAT = 1
_log = logging.getLogger(__name__)


def load_profile(path: str | Path, model: FaceModel) -> FloatArray | None:
    """The stored shape (99,), None where the file does not exist yet; UsageError where it does not fit `model`."""
    try:
        shape, made_for = read_profile(path)
    except FileNotFoundError:
        return None
    if made_for != fingerprint(model) or shape.shape != (model.n_shape,):
        maker = EARLIER.get(made_for, "another model set")
        raise UsageError(
            f"{path} was made with the face model of {maker}: delete it to learn the person again, or name that model "
            "set with --models"
        )
    return shape


def read_profile(path: str | Path) -> tuple[FloatArray, str]:
    """The stored shape and its face model's fingerprint, whatever that is; FileNotFoundError where there is none."""
    try:
        data = from_json(Path(path).read_text(encoding="utf-8"))
        shape = np.array(data["shape"], dtype=np.float32)
        version, made_for = data["format"], str(data["face_model"])
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise UsageError(
            f"{path} is no identity profile ({first_line(error)}): name another file or delete it"
        ) from error
    if version != FORMAT:
        raise UsageError(
            f"{path} is a profile of format {version!r:.20}, this version reads {FORMAT}: delete it to relearn"
        )
    if shape.ndim != 1 or not np.isfinite(shape).all():
        raise UsageError(f"{path} is no identity profile (its shape is no row of numbers): delete it to relearn")
    return shape, made_for


def save_profile(path: str | Path, identity: IdentityState, model: FaceModel) -> None:
    """Write (or replace, in one step) the profile of a frozen identity; OutputError where that fails."""
    path = Path(path)
    data = {
        "format": FORMAT,
        "face_model": fingerprint(model),
        "frames": identity.frames,
        "shape": [round(float(x), 5) for x in identity.shape],
    }
    check_output(path, overwrite=True)
    write_whole(path, json.dumps(data, indent=1).encode())


def save_learned(path: Path, identity: IdentityState | None, model: FaceModel) -> None:
    """Write the profile of whoever was seen longest; where nobody was, say why there is none."""
    if identity is None:
        _log.warning("%s is not written: nobody was seen long enough, turning a little", path)
    else:
        save_profile(path, identity, model)
