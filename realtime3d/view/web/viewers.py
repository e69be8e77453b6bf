"""Who is looking, and how messages reach them: a viewer that reads slowly gets fewer frames, not more memory."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from realtime3d.view.web.messages import FrameMessage, Wants

MAX_TEXTS = 64  # that may wait for one viewer; who lets more pile up misses the oldest


class Viewer:
    """One socket. Everything but `Viewers.publish` and `Viewers.tell` belongs to the server's loop."""

    def __init__(self, *, may_control: bool) -> None:
        self.may_control = may_control
        self.wants = Wants()
        self.sends_pictures = False  # its camera is what runs
        self._frame: FrameMessage | None = None
        self._texts: deque[str | bytes] = deque(maxlen=MAX_TEXTS)
        self._news = asyncio.Event()

    def say(self, message: Mapping[str, Any] | bytes) -> None:
        """A message that is not replaced by the next one."""
        self._texts.append(message if isinstance(message, bytes) else json.dumps(message))
        self._news.set()

    def show(self, frame: FrameMessage) -> None:
        """The newest frame; one that nobody has taken yet is gone."""
        self._frame = frame
        self._news.set()

    async def deliver(
        self, send_text: Callable[[str], Awaitable[None]], send_bytes: Callable[[bytes], Awaitable[None]]
    ) -> None:
        """Send what there is, for ever; each call waits until the socket has room again."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._texts:
                message = self._texts.popleft()
                await (send_bytes(message) if isinstance(message, bytes) else send_text(message))
            frame, self._frame = self._frame, None
            if frame is not None:
                await send_bytes(frame.bytes_for(self.wants))


class Viewers:
    """All sockets, for the threads of the run."""

    def __init__(self) -> None:
        self._all: set[Viewer] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kept: dict[str, Mapping[str, Any] | bytes] = {}  # the last of each kind, for those who come later
        self._last: FrameMessage | None = None  # so that a paused run is no empty page

    def begin(self) -> None:
        """Called in the server's loop, before anything is told."""
        self._loop = asyncio.get_running_loop()

    def end(self) -> None:
        self._loop = None

    @property
    def count(self) -> int:
        return len(self._all)

    def add(self, viewer: Viewer) -> None:
        for message in self._kept.values():
            viewer.say(message)
        if self._last is not None:
            viewer.show(self._last)
        self._all.add(viewer)

    def remove(self, viewer: Viewer) -> None:
        self._all.discard(viewer)

    def publish(self, frame: FrameMessage) -> None:
        """A frame for everybody, from any thread. What everybody wants is made here, and not in the server's loop."""
        for wants in {viewer.wants for viewer in tuple(self._all)}:
            frame.bytes_for(wants)
        self._in_loop(self._show, frame)

    def tell(self, message: Mapping[str, Any] | bytes, keep: str = "") -> None:
        """A message for everybody, from any thread; under `keep` those who come later get the last one."""
        self._in_loop(self._say, message, keep)

    def _show(self, frame: FrameMessage) -> None:
        self._last = frame
        for viewer in self._all:
            viewer.show(frame)

    def _say(self, message: Mapping[str, Any] | bytes, keep: str) -> None:
        if keep:
            self._kept[keep] = message
        for viewer in self._all:
            viewer.say(message)

    def _in_loop(self, call: Callable[..., None], *values: Any) -> None:
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(call, *values)
            except RuntimeError:  # closed since: nobody is there to see it
                self._loop = None
