"""A program in another Python environment, asked in JSON lines: other trackers, and what only an old MediaPipe has.

The program answers one line with "ready" when it has started, then one line for each line it is given; a line with
"error" says why it cannot. It ends when its input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from realtime3d.errors import MissingError
from realtime3d.files import user_cache

START_S = 180.0  # importing torch and converting nets takes its time
END_S = 5.0
NO_PROXY_THERE = "http://127.0.0.1:9"
QUIET = {  # libraries of other environments do not report what they are used for: what they would send goes nowhere
    "https_proxy": NO_PROXY_THERE,
    "HTTPS_PROXY": NO_PROXY_THERE,
    "no_proxy": "",
    "NO_PROXY": "",
    "OMP_NUM_THREADS": "1",  # for BLAS; where a program can choose, it runs on one thread
}
FACE_MESH = "REALTIME3D_FACE_MESH"
FACE_MESH_PACKAGE = "mediapipe==0.10.21"  # the last with the face mesh and its weights in the wheel; Python 3.9 to 3.12


class Guest:
    """A program at work in its own environment. `ready` is what it said when it had started."""

    def __init__(self, title: str, python: Path, script: str, words: Sequence[object], advice: str) -> None:
        """`title` and `advice` (what its environment needs) are for error lines."""
        self._title, self._advice = title, advice
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`); a pipe that nobody reads would fill
        try:
            self._process = subprocess.Popen(
                [str(word) for word in (python, script, *words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={**os.environ, **QUIET},
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            self._said.close()
            raise MissingError(f"{python} does not start ({error.strerror}): {advice}") from error
        try:
            self.ready: dict[str, Any] = self._answer(START_S)["ready"]
        except BaseException:
            self.close()
            raise

    def ask(self, question: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """One line there, one line back."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error
        return self._answer(timeout_s)

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        alarm = threading.Timer(timeout_s, self._process.kill)
        alarm.start()
        try:
            line = self._process.stdout.readline()
        finally:
            alarm.cancel()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise self._ended() from error
        if "error" in answer:
            raise MissingError(f"{self._title} does not run: {' '.join(answer['error'].split())}; {self._advice}")
        return answer

    def _ended(self) -> MissingError:
        """Its last words, for a process that went away without an answer."""
        code = self._end()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {code}"
        return MissingError(f"{self._title} ended without an answer ({reason}); {self._advice}")

    def _end(self) -> int:
        """Its exit code, at the latest after some seconds."""
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(OSError):  # it is gone already
            self._process.stdin.close()  # it ends by itself then
        self._end()
        self._process.stdout.close()
        self._said.close()


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment.joinpath(*(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def face_mesh_folder() -> Path:
    """Where the environment with MediaPipe's face mesh is expected."""
    return Path(os.environ.get(FACE_MESH) or user_cache() / "face-mesh")


def face_mesh_environment() -> Path:
    """The same where it is; MissingError with the line that makes it where it is not."""
    folder = face_mesh_folder()
    if not python_of(folder).is_file():
        raise MissingError(
            f"MediaPipe's face mesh is only in {FACE_MESH_PACKAGE}, which needs an environment of its own with Python "
            f"3.9 to 3.12: {face_mesh_line(folder)} (or name one by {FACE_MESH})"
        )
    return folder


def face_mesh_line(folder: Path) -> str:
    """The command that makes that environment."""
    python = f"'{sys.executable}'" if sys.version_info < (3, 13) else "python3.12"
    return f"{python} -m venv '{folder}' && '{python_of(folder)}' -m pip install {FACE_MESH_PACKAGE}"
