"""Our end of a peer's process: frames are handed over once, in files; blocks are asked for one by one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.bench.measure import Block
from realtime3d.bench.peers import worker
from realtime3d.bench.peers.spec import Peer
from realtime3d.errors import MissingError
from realtime3d.files import output_error
from realtime3d.types import Image

START_S = 180.0  # importing torch and converting nets takes its time
END_S = 5.0
SLACK_S = 60.0  # a block may take so much longer than it was asked to


class Frames:
    """The frames and a face box for each, as files that several peers read."""

    def __init__(self, images: tuple[Image, ...], boxes: NDArray[np.float32]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="realtime3d-peers-")
        self.images, self.boxes = (str(Path(self._folder.name) / name) for name in ("frames.npy", "boxes.npy"))
        try:
            np.save(self.images, np.stack(images))
            np.save(self.boxes, boxes)
        except OSError as error:
            self.close()
            raise output_error(self.images, error) from error

    def close(self) -> None:
        self._folder.cleanup()


class PeerProcess:
    """A peer at work in its own environment. `versions` says on what."""

    def __init__(self, peer: Peer, frames: Frames) -> None:
        self._peer = peer
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`); a pipe that nobody reads would fill
        words = [peer.python, worker.__file__, peer.name, peer.where, frames.images, frames.boxes]
        try:
            self._process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={**os.environ, "OMP_NUM_THREADS": "1"},  # for BLAS; where a peer can choose, it runs on one thread
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            self._said.close()
            raise MissingError(
                f"{peer.python} does not start ({error.strerror}): name another with --peer-python"
            ) from (error)
        try:
            self.versions: dict[str, str] = self._answer(START_S)["ready"]
        except BaseException:
            self.close()
            raise
        self.frames = self.faces = 0

    def block(self, seconds: float) -> Block:
        """Milliseconds of each frame for so long, and CPU milliseconds a frame."""
        self._ask({"seconds": seconds})
        found = self._answer(seconds + SLACK_S)
        self.frames += len(found["times_ms"])
        self.faces += found["faces"]
        return found["times_ms"], found["cpu_ms"]

    def _ask(self, question: Mapping[str, float]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._ended() from error

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
            raise MissingError(
                f"{self._peer.known.title} does not run: {' '.join(answer['error'].split())}; {self._advice}"
            )
        return answer

    def _ended(self) -> MissingError:
        """Its last words, for a process that went away without an answer."""
        code = self._end()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"exit code {code}"
        return MissingError(f"{self._peer.known.title} ended without an answer ({reason}); {self._advice}")

    @property
    def _advice(self) -> str:
        return f"its environment {self._peer.python} needs {self._peer.known.packages}"

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
