"""A sink for each target: picks the face, shapes it, keeps to the rate, sends, and measures how old the picture is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from realtime3d.avatar.base import AvatarFrame, AvatarProtocol, Line, Percentiles, WhichFace, neutral_frame, picked
from realtime3d.avatar.calibration import Calibration
from realtime3d.avatar.learning import Learner
from realtime3d.avatar.shaping import Shaper
from realtime3d.clock import NS_PER_S, now_ns
from realtime3d.face.arkit import NAMES
from realtime3d.face.retarget import solve
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.types import Image
from realtime3d.words import counted

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger(__name__)

ONLY = 0  # the key of the one face that is sent
RATE_SLACK = 0.25  # of a period: frames that come a little early still count, as cameras' times tremble


class Sender:
    """Sends to one target. A sink of the newest result that makes nobody wait, but where the line wants every one."""

    needs_image = False

    def __init__(
        self,
        line: Line,
        protocol: AvatarProtocol,
        *,
        learner: Learner | None = None,
        face: WhichFace = None,
        rate: float = 0.0,
        only: frozenset[str] | None = None,
        zero_ns: int = 0,
        live: bool = False,
        clock: Callable[[], int] = now_ns,
    ) -> None:
        """`rate` is in frames a second of the source's own time, 0 for all; `zero_ns` is the source's timestamp 0.

        With `live` the frames' times are those of `clock`, and `latency_ms` is measured.
        """
        self.line, self.protocol, self.name = line, protocol, line.address
        self.pace = line.pace
        self.latency_ms, self.encode_ms = Percentiles(), Percentiles()
        self._learner = learner or Learner(Calibration())
        self._face, self._rate, self._only = face, rate, only
        self._zero_ns, self._live, self._clock = zero_ns, live, clock
        self._shapers: dict[int, Shaper] = {}
        self._sent_s: float | None = None
        self._due_s = 0.0
        self._picture_ns = -1
        self._midnight_s = 0.0
        self._calibration: Calibration | None = None

    @property
    def frames(self) -> int:
        """Sent so far."""
        return self.encode_ms.count

    def __enter__(self) -> Self:
        self.line.open()
        solve(np.eye(len(NAMES)), np.full(len(NAMES), 0.5))  # compiled now, and not while pictures wait
        now = datetime.now()
        self._midnight_s = now.hour * 3600 + now.minute * 60 + now.second + now.microsecond / 1e6
        if self._live:
            self._midnight_s -= (self._clock() - self._zero_ns) / NS_PER_S
        return self

    def write(self, result: FrameResult, image: Image | None) -> None:
        """Shape and send one result, unless the rate says that it comes too soon."""
        start = time.perf_counter()
        t_ns = result.frame.t_ns
        is_picture = not self._live or t_ns > self._picture_ns
        if is_picture:
            self._picture_ns = t_ns
        else:  # the camera is gone, and time goes on: the last result, with faces as of now
            t_ns = self._clock()
        t_s = (t_ns - self._zero_ns) / NS_PER_S
        self._learner.see(t_s, picked(result, self._face))
        if self._too_soon(t_s):
            return
        self._sent_s = t_s
        packets = self.protocol.packets(self._frames(t_s, result))
        if packets:
            self.line.send(packets)
        self.encode_ms.add((time.perf_counter() - start) * 1000)
        if self._live and is_picture:
            self.latency_ms.add((self._clock() - t_ns) / NS_PER_S * 1000)

    def _too_soon(self, t_s: float) -> bool:
        """Whether the rate leaves this moment out. It keeps a plan of times, so that trembling ones do not add up."""
        if self._rate <= 0:
            return False
        period = 1 / self._rate
        if self._sent_s is None or t_s < self._sent_s:  # the first, or a recording that begins again
            self._due_s = t_s
        if t_s < self._due_s - RATE_SLACK * period:
            return True
        self._due_s = max(self._due_s, t_s - period) + period
        return False

    def _frames(self, t_s: float, result: FrameResult) -> list[AvatarFrame]:
        """The frames of this moment: of the one face, or of all; who is gone stays until the values are neutral."""
        calibration = self._learner.calibration
        if calibration is not self._calibration:
            self._calibration = calibration
            for shaper in self._shapers.values():
                shaper.use(calibration)
        each = self.protocol.many and self._face == "all"
        faces: dict[int, FaceState | None] = dict.fromkeys(self._shapers)
        faces |= {face.id: face for face in result.faces} if each else {ONLY: picked(result, self._face)}
        frames = []
        for number, face in sorted(faces.items()):
            shaper = self._shapers.setdefault(number, Shaper(calibration, only=self._only))
            frames.append(shaper.step(t_s, result.frame.index, face))
            if each and face is None and shaper.resting:
                del self._shapers[number]
        frames = frames or [neutral_frame(t_s, result.frame.index)]
        height, width = result.frame.image.shape[:2]
        return [replace(f, clock_s=(self._midnight_s + t_s) % 86400, picture=(width, height)) for f in frames]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            packets = self.protocol.goodbye(self._sent_s or 0.0)
            if packets:
                self.line.send(packets)
        finally:
            self.line.close()

    @property
    def summary(self) -> str:
        """One line for the user: where to, how much, how old the pictures were."""
        if self.frames and not self.line.sent:
            return self.line.status
        text = f"sent to {self.line.address}: {counted(self.frames, 'frame')}"
        if self.latency_ms.count:
            text += f", {self.latency_ms.at(50):.1f} ms after the picture (p95 {self.latency_ms.at(95):.1f})"
        return text
