"""The live window: pictures with rates and latency, and the keys of `keys.KEYS`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime3d.face.state import FrameResult
from realtime3d.render.base import Renderer
from realtime3d.sources.base import SourceInfo, SourceStatus
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image
from realtime3d.view.controls import Controls
from realtime3d.view.keys import ALIASES, KEYS
from realtime3d.view.latency import Latency
from realtime3d.view.screen import Screen, draw_screen
from realtime3d.view.window import WindowSink

if TYPE_CHECKING:
    from typing_extensions import Self

    from realtime3d.avatar.options import Sending
    from realtime3d.view.live_detail import LiveDetail

PAUSE_STEP_S = 0.02
ACTIONS = {key: action for key, action, _ in KEYS}


class LiveWindow:
    """Follows `pipeline.Window`. Snapshots and recordings go into `folder`."""

    def __init__(
        self,
        tracker: FaceTracker,
        renderer: Renderer,
        info: SourceInfo,
        latency: Latency,
        folder: Path,
        stopped: Callable[[], bool],
        screen: WindowSink | None = None,
        sending: Sending | None = None,
        detail: LiveDetail | None = None,
    ) -> None:
        self._detail = detail
        self._latency, self._stopped = latency, stopped
        self._sending = sending
        self._window = screen or WindowSink(f"realtime3d: {info.name}")
        self._image: Image = np.zeros((info.height, info.width, 3), np.uint8)
        self._controls = Controls(tracker, renderer, info, folder, sending=sending)
        self._controls.said = f"press {KEYS[0][0]} for help"
        self._dropped = 0
        self._help = self._quit = False

    # -- what the run calls -------------------------------------------------------------------------------------------

    def show(self, result: FrameResult, image: Image) -> None:
        """Show a drawn picture, obey the keys, and stay here while paused."""
        self._image = image
        self._dropped += result.dropped
        self._controls.see(result, image)
        if self._detail is not None:
            self._detail.see(result)
        self._paint()
        self._latency.add(result.frame.t_ns)
        self._obey()
        while self._controls.paused and not self.closed:
            time.sleep(PAUSE_STEP_S)
            self._paint(banner="paused")
            self._obey()

    def wait(self, status: SourceStatus, image: Image | None = None) -> None:
        """No picture came: say why, over the last one, whose faces are held and then gone."""
        if image is not None:
            self._image = image
        self._paint(banner=status.message)
        self._obey()

    @property
    def saved(self) -> list[Path]:
        """Files that were written because somebody asked for them here."""
        return self._controls.saved

    @property
    def closed(self) -> bool:
        return self._quit or self._window.closed or self._stopped()

    def __enter__(self) -> Self:
        self._window.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._controls.end_recording()
        finally:
            self._window.__exit__(kind, error, trace)

    # -- the picture --------------------------------------------------------------------------------------------------

    def _paint(self, banner: str = "") -> None:
        lines = [f"{self._latency.fps:.1f} fps   {self._dropped} dropped", str(self._latency)]
        lines += [*self._from_centre(), *self._sent()]
        rows = [(key, meaning) for key, _, meaning in KEYS] if self._help else []
        screen = Screen([*lines, self._controls.said], rows, self._controls.recording is not None, banner)
        picture = draw_screen(self._image, screen)
        if self._detail is not None:
            self._detail.draw(picture)
        self._window.show(picture)

    def _sent(self) -> list[str]:
        return self._sending.lines() if self._sending else []

    def _from_centre(self) -> list[str]:
        return [
            "face {} from centre: pitch {:+.0f}  yaw {:+.0f}  roll {:+.0f}".format(face_id, *angles)
            for face_id, angles in self._controls.angles_from_centre().items()
        ]

    # -- the keys -----------------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        pressed = self._window.keys()
        for key in pressed:
            action = ACTIONS.get(ALIASES.get(key, key))
            if action == "help":
                self._help = not self._help
            elif action == "quit":
                self._quit = True
            elif action:
                getattr(self._controls, action)()
