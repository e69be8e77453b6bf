"""Everything of ours that parses what somebody else may have written.

Each target takes bytes and reads them as a user's file or message is read; errors of ours are fine, all others are
findings.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from realtime3d.errors import Realtime3dError
from realtime3d.face.model import FaceModel
from tests.helpers.paths import FACE_MODEL

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # files that never reach a disk
_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-", dir=MEMORY))


def remove_scratch() -> None:
    """Of this process."""
    shutil.rmtree(_FOLDER, ignore_errors=True)


@functools.cache
def face_model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def _file(data: bytes, name: str) -> Path:
    path = _FOLDER / name
    path.write_bytes(data)
    return path


def picture_list(data: bytes) -> None:
    from realtime3d.sources.lists import read_inputs

    for name in ("list.csv", "list.txt"):
        _quietly(lambda name=name: read_inputs([str(_file(data, name))], _FOLDER / "out"))  # type: ignore[misc]


def film_list(data: bytes) -> None:
    from realtime3d.batch.inputs import find_films

    for name in ("films.csv", "films.txt"):
        _quietly(lambda name=name: [f.name for f in find_films([str(_file(data, name))], _FOLDER / "out")])  # type: ignore[misc]


def boxes(data: bytes) -> None:
    from realtime3d.detect.fixed import FixedBoxes

    FixedBoxes.read(_file(data, "boxes.csv"))


def intrinsics(data: bytes) -> None:
    """The first byte says which kind of file it is."""
    from realtime3d.sources.intrinsics import read_intrinsics

    suffix = (".json", ".yml", ".xml", ".npz")[data[0] % 4 if data else 0]
    read_intrinsics(_file(data[1:], f"camera{suffix}"))


def settings(data: bytes) -> None:
    from realtime3d.config import Config

    Config.read(_file(data, "settings.toml")).to_toml()


def calibration(data: bytes) -> None:
    from realtime3d.avatar.calibration import Calibration

    Calibration.read(_file(data, "calibration.toml"))


def profile(data: bytes) -> None:
    from realtime3d.tracking.profile import load_profile

    load_profile(_file(data, "profile.json"), face_model())


def model_list(data: bytes) -> None:
    from realtime3d.nets.modelset import find

    _file(data, "models.toml")
    find(str(_FOLDER))


def model_file(data: bytes) -> None:
    FaceModel.load(_file(data, "face.npz"))


def table(data: bytes) -> None:
    """The first byte says which kind of file it is."""
    from realtime3d.sinks.read_back import read_recording

    suffix = (".csv", ".jsonl")[data[0] % 2 if data else 0]
    recording = read_recording(_file(data[1:], f"table{suffix}"), face_model())
    for _, result in zip(range(3), recording, strict=False):
        [face.weights for face in result.faces if hasattr(face, "weights")]


def parquet(data: bytes) -> None:
    from realtime3d.sinks.read_back import read_recording

    read_recording(_file(data, "table.parquet"), face_model())


def resumed(data: bytes) -> None:
    """What a killed run left."""
    from realtime3d.sinks.known import known_faces
    from realtime3d.sinks.livelink_csv import rows
    from realtime3d.sinks.tables import last_time

    rows(_file(data, "take.csv"))
    for kind in ("csv", "jsonl"):
        path = _file(data, f"killed.{kind}")
        end = last_time(path)
        if end is not None:
            _quietly(lambda kind=kind, path=path, end=end: known_faces({kind: path}, end))  # type: ignore[misc]


def sidecar(data: bytes) -> None:
    from realtime3d.sinks.resume import noted_identities
    from realtime3d.sinks.sidecar import read_sidecar

    read_sidecar(_file(data, "table.json"))
    noted_identities({"csv": _FOLDER / "table.csv"})


def page_message(data: bytes) -> None:
    from realtime3d.view.web.messages import read_wish

    read_wish(data.decode("utf-8", "surrogateescape" if data[:1] == b"\0" else "replace"))


def glb(data: bytes) -> None:
    from realtime3d.view.glb_file import GlbFile

    file = GlbFile(_file(data, "head.glb"))
    _ = file.uv, file.texture


def manifest(data: bytes) -> None:
    """A batch's manifest that somebody has damaged."""
    from realtime3d.batch.manifest import Manifest

    with Manifest(_file(data, "manifest.sqlite")) as opened:
        opened.facts()
        opened.counts()
        list(opened.finished())
        list(opened.set_aside())
        for film, chunks in opened.split():
            if not chunks:
                opened.chunk_notes(film)


def pickled_weights(data: bytes) -> None:
    """What PyTorch writes: our reader runs nothing of it."""
    from realtime3d.importers.pickles import load

    load(_file(data, "weights.pt"))


def matlab(data: bytes) -> None:
    from realtime3d.importers.matlab import load

    load(_file(data, "model.mat"))


def _quietly(call: Callable[[], object]) -> None:
    try:
        call()
    except Realtime3dError:
        return


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of input."""

    read: Callable[[bytes], None]
    longest: int = 4096  # bytes that are worth trying

    def __call__(self, data: bytes) -> None:
        _quietly(lambda: self.read(data))


TARGETS = {
    "picture-list": Target(picture_list),
    "film-list": Target(film_list),
    "boxes": Target(boxes),
    "intrinsics": Target(intrinsics),
    "settings": Target(settings),
    "calibration": Target(calibration),
    "profile": Target(profile),
    "model-list": Target(model_list),
    "model-file": Target(model_file, 20_000),
    "table": Target(table, 16_000),
    "parquet": Target(parquet, 20_000),
    "resumed": Target(resumed, 16_000),
    "sidecar": Target(sidecar),
    "page-message": Target(page_message),
    "glb": Target(glb, 20_000),
    "manifest": Target(manifest, 60_000),
    "pickled-weights": Target(pickled_weights, 8_000),
    "matlab": Target(matlab, 8_000),
}
