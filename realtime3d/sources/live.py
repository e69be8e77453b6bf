"""A live source: a device read by its own thread, the newest frame for the loop, and patience when nothing comes."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from realtime3d.clock import to_ns, to_s
from realtime3d.errors import SourceError
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceOptions, SourceStatus, State
from realtime3d.sources.latest import Closed, Latest, join
from realtime3d.types import Frame, Image

_log = logging.getLogger(__name__)
JOIN_S = 2.0
POLL_S = 0.1  # of waits that Ctrl-C must be able to end on every system


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
    """What `LiveSource` reads. All calls come from one thread; `open` after `close` opens again."""

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
    """Frames of a device, newest first come; see `realtime3d.sources.base` for what a live source promises.

    The device is opened, read and closed by a thread of its own. Whatever native code does there, the caller's waits
    end with Ctrl-C, and a source that is forgotten instead of closed ends its thread.
    """

    def __init__(
        self,
        device: Device,
        options: SourceOptions,
        clock: Callable[[], int] = time.monotonic_ns,
        join_s: float = JOIN_S,
        open_limit_s: float | None = None,
    ) -> None:
        """`open_limit_s`: opening that takes longer is a SourceError; None waits."""
        self._options, self._clock, self._join_s = options, clock, join_s
        self._capture = capture = _Capture(device, options, clock)
        self._thread = threading.Thread(target=capture.run, name=f"capture thread of {device.name}", daemon=True)
        self._stop = weakref.finalize(self, capture.stop)
        self._thread.start()
        try:
            opened = self._opened(open_limit_s)
        except BaseException:  # Ctrl-C does not wait for what hangs
            capture.stop()
            raise
        capture.status = replace(capture.status, warnings=opened.warnings)
        self._info = capture.info = SourceInfo(
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
        self._started = False

    def _opened(self, limit_s: float | None) -> Opened:
        start = time.monotonic()
        while limit_s is None or time.monotonic() - start < limit_s:
            opened = self._capture.opened.get(POLL_S)
            if opened is not None:
                return opened
        raise SourceError(f"{self._capture.name} gives no answer in time: check the address and the network")

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def status(self) -> SourceStatus:
        return replace(self._capture.status, dropped=self._capture.frames.dropped)

    # The consumer

    def __iter__(self) -> Iterator[Frame | Gap]:
        if self._started:
            raise SourceError(f"{self._info.name} is being read already: open it again")
        self._started = True
        self._capture.wanted.set()
        return self._items()

    def _items(self) -> Iterator[Frame | Gap]:
        last_ns, wait_s = self._clock(), self._options.gap_after_s
        while True:
            try:
                frame = self._capture.frames.get(wait_s)
            except Closed:
                self._capture.status = replace(self._capture.status, state="ended")
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
        if self._stop.detach():
            self._capture.stop()
            join(self._thread, self._join_s)


class _Capture:
    """What the capture thread works with. It does not know the `LiveSource`, so that one can be forgotten."""

    def __init__(self, device: Device, options: SourceOptions, clock: Callable[[], int]) -> None:
        self.name = device.name
        self.opened: Latest[Opened] = Latest()
        self.frames: Latest[Frame] = Latest()
        self.status = SourceStatus()
        self.info: SourceInfo
        self.wanted = threading.Event()  # frames, from now on
        self._device, self._options, self._clock = device, options, clock
        self._stopped = threading.Event()

    def stop(self) -> None:
        """From another thread: end as soon as the device comes back."""
        self._stopped.set()
        self.wanted.set()
        self.frames.close()

    def run(self) -> None:
        told: Latest[Any] = self.opened  # who is told of a failure
        try:
            opened = self._device.open()
            told = self.frames
            self.opened.put(opened)
            self.wanted.wait()
            self._read_on()
        except DeviceEnded:
            told.close()
        except BaseException as raised:
            told.close(raised)
        finally:
            self.opened.close()
            self.frames.close()
            self._device.close()

    def _set(self, state: State, message: str) -> None:
        if message and message != self.status.message:
            _log.warning("%s", message)
        self.status = replace(self.status, state=state, message=message)

    def _read_on(self) -> None:
        index, patience = 0, _Patience(self._options, self._clock)
        while not self._stopped.is_set():
            try:
                t_ns, image = self._device.read()
            except SourceError as error:
                self._reconnect(patience, error)
                continue
            patience.reset()
            if self.status.state != "running":
                self._set("running", "")
            if index % self._options.every == 0:
                self.frames.put(Frame(index, t_ns, image, self.info.name))
            index += 1

    def _reconnect(self, patience: _Patience, error: SourceError) -> None:
        """Close, wait, open: until it opens, the user stops, or patience ends."""
        while not self._stopped.is_set():
            self._device.close()
            wait_s = patience.next_wait_s(error)
            self._set("reconnecting", f"{error}; next try in {wait_s:g} s")
            if self._stopped.wait(wait_s):
                return
            try:
                self._device.open()
                return
            except SourceError as again:
                error = again


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
