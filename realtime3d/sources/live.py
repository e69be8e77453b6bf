"""A live source: a device read by its own thread, the newest frame for the loop, and patience when nothing comes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from realtime3d.clock import to_ns, to_s
from realtime3d.errors import SourceError
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceOptions, SourceStatus, State
from realtime3d.sources.latest import Closed, Latest, join
from realtime3d.types import Frame, Image

_log = logging.getLogger(__name__)
JOIN_S = 2.0


class DeviceEnded(Exception):
    """The input has come to its proper end."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a device says of itself once it is open."""

    width: int
    height: int
    fps: float | None
    has_audio: bool = False
    warnings: tuple[str, ...] = ()


class Device(Protocol):
    """What `LiveSource` reads. All calls come from one thread at a time; `open` after `close` opens again."""

    name: str

    def open(self) -> Opened:
        """Acquire, or raise `SourceError`."""
        ...

    def read(self) -> tuple[int, Image]:
        """Wait for the next picture: (monotonic ns when it was captured, BGR). `SourceError` where the device is
        gone, `DeviceEnded` where there will be no more."""
        ...

    def close(self) -> None: ...


class LiveSource(Source):
    """Frames of a device, newest first come; see `realtime3d.sources.base` for what a live source promises."""

    def __init__(
        self,
        device: Device,
        options: SourceOptions,
        clock: Callable[[], int] = time.monotonic_ns,
        join_s: float = JOIN_S,
    ) -> None:
        self._device, self._options, self._clock, self._join_s = device, options, clock, join_s
        self._mailbox: Latest[Frame] = Latest()
        self._stop = threading.Event()
        self._status = SourceStatus()
        opened = device.open()
        self._status = replace(self._status, warnings=opened.warnings)
        self._info = SourceInfo(
            name=device.name,
            width=opened.width,
            height=opened.height,
            fps=opened.fps,
            frames=None,
            duration_s=None,
            live=True,
            has_audio=opened.has_audio,
            zero_ns=clock(),
        )
        self._thread = threading.Thread(target=self._capture, name=f"capture thread of {device.name}", daemon=True)
        self._started = False

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def status(self) -> SourceStatus:
        return replace(self._status, dropped=self._mailbox.dropped)

    def _set(self, state: State, message: str) -> None:
        if message and message != self._status.message:
            _log.warning("%s", message)
        self._status = replace(self._status, state=state, message=message)

    # The capture thread

    def _capture(self) -> None:
        error: BaseException | None = None
        try:
            self._read_on()
        except BaseException as raised:
            error = None if isinstance(raised, DeviceEnded) else raised
        finally:
            self._mailbox.close(error)
            self._device.close()

    def _read_on(self) -> None:
        index, patience = 0, _Patience(self._options, self._clock)
        while not self._stop.is_set():
            try:
                t_ns, image = self._device.read()
            except SourceError as error:
                self._reconnect(patience, error)
                continue
            patience.reset()
            if self._status.state != "running":
                self._set("running", "")
            if index % self._options.every == 0:
                self._mailbox.put(Frame(index, t_ns, image, self._info.name))
            index += 1

    def _reconnect(self, patience: _Patience, error: SourceError) -> None:
        """Close, wait, open: until it opens, the user stops, or patience ends."""
        while not self._stop.is_set():
            self._device.close()
            wait_s = patience.next_wait_s(error)
            self._set("reconnecting", f"{error}; next try in {wait_s:g} s")
            if self._stop.wait(wait_s):
                return
            try:
                self._device.open()
                return
            except SourceError as again:
                error = again

    # The consumer

    def __iter__(self) -> Iterator[Frame | Gap]:
        if self._started:
            raise SourceError(f"{self._info.name} is being read already: open it again")
        self._started = True
        self._thread.start()
        return self._items()

    def _items(self) -> Iterator[Frame | Gap]:
        last_ns, wait_s = self._clock(), self._options.gap_after_s
        while True:
            try:
                frame = self._mailbox.get(wait_s)
            except Closed:
                self._status = replace(self._status, state="ended")
                return
            if frame is not None:
                last_ns, wait_s = self._clock(), self._options.gap_after_s
                yield frame
                continue
            now, wait_s = self._clock(), self._options.tick_s
            yield Gap(now, self._silence(now - last_ns))

    def _silence(self, silent_ns: int) -> SourceStatus:
        status = self.status
        if status.state == "running":
            text = f"nothing from {self._info.name} for {to_s(silent_ns):.1f} s"
            return replace(status, state="waiting", message=text)
        return status

    def close(self) -> None:
        self._stop.set()
        if self._started:
            self._mailbox.close()
            join(self._thread, self._join_s)
        else:
            self._device.close()


class _Patience:
    """Waits that double from `backoff_s` to `backoff_max_s`, until a frame arrives or `give_up_s` is over."""

    def __init__(self, options: SourceOptions, clock: Callable[[], int]) -> None:
        self._options, self._clock = options, clock
        self.reset()

    def reset(self) -> None:
        self._wait_s = self._options.backoff_s
        self._since_ns: int | None = None

    def next_wait_s(self, error: SourceError) -> float:
        now = self._clock()
        self._since_ns = now if self._since_ns is None else self._since_ns
        limit = self._options.give_up_s
        if limit is not None and now - self._since_ns >= to_ns(limit):
            raise SourceError(f"{error}; given up after {limit:g} s: connect it again and start anew") from error
        wait_s, self._wait_s = self._wait_s, min(self._wait_s * 2, self._options.backoff_max_s)
        return wait_s
