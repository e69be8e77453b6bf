"""A person's detail in a file beside the profile: `me.json` has the identity, `me.detail.npz` the skin."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import UsageError, first_line
from realtime3d.files import write_whole
from realtime3d.outside import DAMAGED, read_arrays
from realtime3d.surface.activations import ACTIVATIONS
from realtime3d.surface.film import FilmDetail
from realtime3d.types import FloatArray

if TYPE_CHECKING:
    from realtime3d.surface.layout import Layout

FORMAT = 1
STEPS_PER_MM = 4096  # whole numbers of 16 bits: a quarter of a micrometre, to 8 mm
MOST_BYTES = 64 << 20  # of one array
_ARRAYS = {
    "format", "face_model", "activations", "person", "folds", "seen", "numbers", "evidence", "frames", "albedo",
}  # fmt: skip


def detail_file(profile: Path) -> Path:
    """Where the detail of a profile's person is."""
    return profile.with_suffix(".detail.npz")


def save_film(path: Path, film: FilmDetail, made_for: str) -> None:
    """Write a person's detail; `made_for` names the face model."""
    buffer = io.BytesIO()
    done, albedo = cv2.imencode(".png", film.albedo)
    if not done:
        raise UsageError("the skin's colours cannot be written: make them again")
    np.savez_compressed(
        buffer,
        format=np.int32(FORMAT),
        face_model=np.array(made_for),
        activations=np.array(list(ACTIVATIONS)),
        person=_whole(film.person),
        folds=_whole(film.folds),
        seen=np.rint(film.seen * 255).astype(np.uint8),
        numbers=np.stack([film.mean, film.low, film.high]).astype(np.float32),
        evidence=film.evidence.astype(np.float32),
        frames=np.int32(film.frames),
        albedo=np.asarray(albedo, np.uint8).ravel(),
    )
    write_whole(path, buffer.getvalue(), make_folder=True)


def load_film(path: Path, layout: Layout, made_for: str) -> FilmDetail | None:
    """What is known of a person; None where there is no file. UsageError where it does not fit the face model."""
    if not path.exists():
        return None
    try:
        kept = read_arrays(path, _ARRAYS.__contains__, MOST_BYTES)
        same = (
            int(kept["format"]) == FORMAT
            and str(kept["face_model"]) == made_for
            and tuple(kept["activations"].tolist()) == tuple(ACTIVATIONS)
            and kept["person"].shape == layout.inside.shape
        )
        if not same:
            raise UsageError(f"{path} was made with another face model or version: delete it to learn the skin again")
        return _film(kept, layout)
    except DAMAGED as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} holds no detail of a person ({first_line(error)}): delete it to relearn") from error


def _film(kept: dict[str, NDArray], layout: Layout) -> FilmDetail:
    shape, count = layout.inside.shape, len(ACTIVATIONS)
    packed = np.ascontiguousarray(kept["albedo"], np.uint8).ravel()
    albedo = cv2.imdecode(packed, cv2.IMREAD_COLOR) if packed.size else None
    mean, low, high = kept["numbers"].astype(np.float32).reshape(3, count)
    evidence = kept["evidence"].astype(np.float32).reshape(1 + count)
    if albedo is None or albedo.shape != (layout.size, layout.size, 3):
        raise ValueError("its colours cannot be read")
    if not (np.isfinite([mean, low, high]).all() and np.isfinite(evidence).all() and (evidence >= 0).all()):
        raise ValueError("its numbers are none")
    seen = np.asarray(kept["seen"].reshape(shape) / np.float32(255), np.float32)
    return FilmDetail(
        _mm(kept["person"].reshape(shape)), _mm(kept["folds"].reshape(count, *shape)), mean, low, high, evidence,
        seen, np.asarray(albedo, np.uint8), int(kept["frames"]),
    )  # fmt: skip


def _whole(mm: FloatArray) -> NDArray[np.int16]:
    return np.clip(np.rint(mm * STEPS_PER_MM), -32767, 32767).astype(np.int16)


def _mm(steps: NDArray) -> FloatArray:
    return np.asarray(steps.astype(np.float32) / STEPS_PER_MM, np.float32)
