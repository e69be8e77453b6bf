"""The live window: pictures with rates and latency, and the keys of `keys.KEYS`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime3d.face.state import FrameResult
from realtime3d.geometry import Matrix, matrix_to_head_angles
from realtime3d.render.base import Renderer, next_mode
from realtime3d.sinks.pictures import save_snapshot
from realtime3d.sinks.video import VideoOptions, VideoSink
from realtime3d.sinks.writers import QueuedWriter
from realtime3d.sources.base import SourceInfo, SourceStatus
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image
from realtime3d.view.keys import ALIASES, KEYS
from realtime3d.view.latency import Latency
from realtime3d.view.screen import Screen, draw_screen
from realtime3d.view.window import WindowSink

if TYPE_CHECKING:
    from typing_extensions import Self

    from realtime3d.avatar.options import Sending

PAUSE_STEP_S = 0.02
CENTRE_S = 1.0  # over which the head's rest is taken
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
    ) -> None:
        self._tracker, self._renderer, self._info = tracker, renderer, info
        self._latency, self._folder, self._stopped = latency, folder, stopped
        self._sending = sending
        self._window = screen or WindowSink(f"realtime3d: {info.name}")
        self._image: Image = np.zeros((info.height, info.width, 3), np.uint8)
        self._result: FrameResult | None = None
        self._recording: ExitStack | None = None
        self._recorder: QueuedWriter | None = None
        self._centres: dict[int, Matrix] = {}
        self._dropped = 0
        self._paused = self._help = self._quit = False
        self._said = f"press {KEYS[0][0]} for help"
        self.saved: list[Path] = []

    # -- what the run calls -------------------------------------------------------------------------------------------

    def show(self, result: FrameResult, image: Image) -> None:
        """Show a drawn picture, obey the keys, and stay here while paused."""
        self._result, self._image = result, image
        self._dropped += result.dropped
        if self._recorder:
            self._recorder.write(result, image)
        self._paint()
        self._latency.add(result.frame.t_ns)
        self._obey()
        while self._paused and not self.closed:
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
    def closed(self) -> bool:
        return self._quit or self._window.closed or self._stopped()

    def __enter__(self) -> Self:
        self._window.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._end_recording()
        finally:
            self._window.__exit__(kind, error, trace)

    # -- the picture --------------------------------------------------------------------------------------------------

    def _paint(self, banner: str = "") -> None:
        lines = [f"{self._latency.fps:.1f} fps   {self._dropped} dropped", str(self._latency)]
        lines += [*self._from_centre(), *self._sent()]
        rows = [(key, meaning) for key, _, meaning in KEYS] if self._help else []
        screen = Screen([*lines, self._said], rows, self._recorder is not None, banner)
        self._window.show(draw_screen(self._image, screen))

    def _sent(self) -> list[str]:
        return self._sending.lines() if self._sending else []

    def _from_centre(self) -> list[str]:
        lines = []
        for face in self._result.faces if self._result else ():
            if face.id in self._centres:
                angles = np.degrees(matrix_to_head_angles(self._centres[face.id].T @ face.pose.R))
                lines.append("face {} from centre: pitch {:+.0f}  yaw {:+.0f}  roll {:+.0f}".format(face.id, *angles))
        return lines

    # -- the keys -----------------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        pressed = self._window.keys()
        for key in pressed:
            action = ACTIONS.get(ALIASES.get(key, key))
            if action:
                getattr(self, f"_on_{action}")()

    def _on_help(self) -> None:
        self._help = not self._help

    def _on_pause(self) -> None:
        self._paused = not self._paused

    def _on_quit(self) -> None:
        self._quit = True

    def _on_snapshot(self) -> None:
        self.saved.append(save_snapshot(self._folder, self._image))
        self._said = f"saved {self.saved[-1].name}"

    def _on_mode(self) -> None:
        style = self._renderer.style
        self._renderer.style = replace(style, mode=next_mode(style.mode))
        self._said = f"overlay: {self._renderer.style.mode}"

    def _on_relearn(self) -> None:
        self._tracker.relearn_identity()
        self._said = "learning identities again"

    def _on_recentre(self) -> None:
        faces = self._result.faces if self._result else ()
        self._centres = {} if self._centres else {face.id: face.pose.R for face in faces}
        self._said = "angles from here" if self._centres else "angles as measured"
        if self._sending and self._centres:
            self._sending.learner.learn("head", CENTRE_S)
        elif self._sending:
            self._sending.learner.uncentre()

    def _on_neutral(self) -> None:
        if self._sending and self._sending.senders:
            self._sending.learner.learn("neutral")
        else:
            self._said = "nothing is sent: start with --send URL"

    def _on_record(self) -> None:
        if self._recorder:
            self._end_recording()
            self._said = f"saved {self.saved[-1].name}"
        elif self._result:
            self._begin_recording(self._result.frame.t_ns)
            self._said = f"recording {self.saved[-1].name}"

    def _begin_recording(self, start_ns: int) -> None:
        number = 1
        while (path := self._folder / f"recording-{number:04d}.mp4").exists():
            number += 1
        with ExitStack() as opened:
            options = VideoOptions(fps=self._info.fps, zero_ns=start_ns)
            self._recorder = opened.enter_context(QueuedWriter([VideoSink(path, options)]))
            self._recording = opened.pop_all()
        self.saved.append(path)

    def _end_recording(self) -> None:
        recording, self._recording, self._recorder = self._recording, None, None
        if recording:
            recording.close()
