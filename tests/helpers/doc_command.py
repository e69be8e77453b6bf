"""`realtime3d` as the pages meet it: with a camera, with streams, and with a user who ends `live` by Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from realtime3d import cli, process

process.load_windows_first()  # as `live` does; the next line imports PyAV

from realtime3d.sources import camera, stream
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.live import LiveSource
from tests.helpers import fake_camera

FRAMES = 12  # until the user has seen enough


class WatchedCapture(fake_camera.FakeCapture):
    """The fake camera, and the user behind it."""

    def grab(self) -> bool:
        if self._count == FRAMES:
            os.kill(os.getpid(), signal.SIGINT)
        return super().grab()


def open_any(spec: int | str, options: SourceOptions) -> LiveSource:
    device = camera.CameraDevice(0, options, capture=WatchedCapture, exists=lambda target: True)
    return LiveSource(device, options)


if __name__ == "__main__":
    camera.open_camera = open_any
    stream.open_stream = open_any
    code = cli.main()
    sys.exit(0 if sys.argv[1] == "live" and code == 130 else code)
