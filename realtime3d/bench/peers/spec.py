"""The peers there are, and what a user says about one: where it lies and which Python runs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime3d import guest
from realtime3d.errors import MissingError, UsageError

ENVIRONMENTS = (".venv", "venv", "env", ".")  # folders of a checkout where its own Python is looked for; itself


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a peer: what a checkout must hold, what its environment needs, what its answer is."""

    title: str
    files: tuple[str, ...]  # in its folder; none where a single file is named
    origin: str
    packages: str  # for pip
    gives: str


KNOWN = {
    "openseeface": Known(
        "OpenSeeFace, model 0",
        (
            "tracker.py",
            *(f"models/{name}_opt.onnx" for name in ("lm_model0", "mnv3_detection", "mnv3_gaze32_split")),
            "models/retinaface_640x640_opt.onnx",
        ),
        "clone https://github.com/emilianavt/OpenSeeFace",
        "'numpy<2' opencv-python-headless onnxruntime pillow",
        "66 points, gaze and a pose fitted to them, one thread; no identity, no metric distance",
    ),
    "3ddfa": Known(
        "3DDFA_V2, MobileNet in ONNX Runtime",
        (
            "TDDFA_ONNX.py",
            "configs/mb1_120x120.yml",
            "configs/bfm_noneck_v3.pkl",
            "weights/mb1_120x120.pth",
        ),
        "clone https://github.com/cleardusk/3DDFA_V2",
        "'numpy>=2' opencv-python-headless onnx onnxruntime torch pyyaml matplotlib",
        "68 points of a morphable model, one thread, its first box is ours; no smoothing, no presence",
    ),
    "facelandmarker": Known(
        "MediaPipe Face Landmarker, video mode",
        (),
        "download face_landmarker.task from ai.google.dev/edge/mediapipe",
        "mediapipe",
        "478 points, 52 blendshapes and a matrix, threads as it chooses; no identity",
    ),
    "facemesh": Known(
        "MediaPipe face mesh, refined landmarks, video mode",
        ("pyvenv.cfg",),
        "name the folder of an environment with it",
        guest.FACE_MESH_PACKAGE,
        "478 points; no metric pose, identity or coefficients",
    ),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer to be compared with. `where` holds what `known.files` lists, or is the file itself."""

    name: str
    where: Path
    python: Path

    @property
    def known(self) -> Known:
        return KNOWN[self.name]


def parse(peers: Sequence[str], pythons: Sequence[str]) -> tuple[Peer, ...]:
    """What `--peer NAME=WHERE` and `--peer-python NAME=PYTHON` say. MissingError where something is not there."""
    interpreters = {name: Path(path).absolute() for name, path in (_pair(word, "--peer-python") for word in pythons)}
    wheres = dict(_pair(word, "--peer") for word in peers)
    without = [name for name in interpreters if name not in wheres]
    if without:
        raise UsageError(f"--peer-python names {without[0]}, which is not compared with: add --peer {without[0]}=WHERE")
    return tuple(_peer(name, Path(where).absolute(), interpreters.get(name)) for name, where in wheres.items())


def _pair(word: str, option: str) -> tuple[str, str]:
    name, _, path = word.partition("=")
    if name not in KNOWN or not path:
        raise UsageError(f"{option} {word}: write NAME=PATH, where NAME is {', '.join(KNOWN)}")
    return name, path


def _peer(name: str, where: Path, python: Path | None) -> Peer:
    known = KNOWN[name]
    lacks = next((file for file in known.files if not (where / file).is_file()), None)
    if lacks is not None:
        raise MissingError(f"{where} is no complete checkout of {known.title}: it lacks {lacks}; {known.origin}")
    if not known.files and not where.is_file():
        raise MissingError(f"there is no file {where} for {known.title}: {known.origin}")
    python = python or _own_python(name, where)
    if not python.is_file():
        raise MissingError(f"{python} is no Python for {known.title}: name the interpreter of its environment")
    return Peer(name, where, python)


def _own_python(name: str, where: Path) -> Path:
    """The interpreter of a virtual environment in the checkout; a single file runs on what is installed with us."""
    known = KNOWN[name]
    if not known.files:
        return Path(sys.executable)
    for environment in ENVIRONMENTS:
        python = guest.python_of(where / environment)
        if python.is_file():
            return python
    raise MissingError(
        f"{known.title} has no environment of its own: python -m venv {where / '.venv'}, pip install {known.packages} "
        f"there, or name an interpreter with --peer-python {name}=PYTHON"
    )


def face_mesh() -> Peer:
    """The peer that runs in every benchmark, from the one environment that training uses as well."""
    where = guest.face_mesh_environment()
    return Peer("facemesh", where, guest.python_of(where))
