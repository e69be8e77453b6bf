"""Our end of a peer's process: frames are handed over once, in files; blocks are asked for one by one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.bench.measure import Block
from realtime3d.bench.peers import worker
from realtime3d.bench.peers.spec import Peer
from realtime3d.files import output_error
from realtime3d.guest import Guest
from realtime3d.types import Image

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
        advice = f"its environment {peer.python} needs {peer.known.packages}"
        words = [peer.name, peer.where, frames.images, frames.boxes]
        self._guest = Guest(peer.known.title, peer.python, worker.__file__, words, advice)
        self.versions: dict[str, str] = self._guest.ready
        self.frames = self.faces = 0

    def block(self, seconds: float) -> Block:
        """Milliseconds of each frame for so long, and CPU milliseconds a frame."""
        found = self._guest.ask({"seconds": seconds}, seconds + SLACK_S)
        self.frames += len(found["times_ms"])
        self.faces += found["faces"]
        return found["times_ms"], found["cpu_ms"]

    def close(self) -> None:
        self._guest.close()
