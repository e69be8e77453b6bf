"""Streams by URL (RTSP, HTTP, UDP, ...) through PyAV, tuned for little delay."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import av.error

from realtime3d.errors import SourceError
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.decode import ToBgr, nominal_rate, open_container, reason, video_stream, without_password
from realtime3d.sources.live import DeviceEnded, LiveSource, Opened
from realtime3d.types import Image

_SCHEME_OPTIONS = {
    "rtsp": {"rtsp_transport": "tcp"},  # over UDP a lost packet is a grey picture
    "udp": {"overrun_nonfatal": "1", "fifo_size": "50000"},
}


def open_stream(url: str, options: SourceOptions) -> LiveSource:
    limit_s = options.open_timeout_s + options.read_timeout_s
    return LiveSource(StreamDevice(url, options), options, open_limit_s=limit_s)


class StreamDevice:
    """One connection; frames are stamped when their packet arrives, before it is decoded."""

    def __init__(self, url: str, options: SourceOptions, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.name = without_password(url)
        self._url, self._options, self._clock = url, options, clock
        self._scheme = url.partition(":")[0].lower()
        self._container: Any = None
        self._frames: Iterator[tuple[int, Any]] = iter(())
        self._last_ns = 0

    def open(self) -> Opened:
        options = _SCHEME_OPTIONS.get(self._scheme, {})
        timeout = (self._options.open_timeout_s, self._options.read_timeout_s)
        try:
            self._container = open_container(self._url, options=options, timeout=timeout)
            return self._begin()
        except (av.error.FFmpegError, OSError) as error:
            self.close()
            raise SourceError(
                f"{self.name} answers but sends no picture ({reason(error)}): check what it sends in a player"
            ) from error
        except BaseException:
            self.close()
            raise

    def _begin(self) -> Opened:
        stream = video_stream(self._container, self.name)
        stream.thread_type = "SLICE"  # threads by frame would hold back as many frames
        self._to_bgr = ToBgr(stream)
        self._has_end = bool(self._container.duration) and self._scheme in ("http", "https", "file")
        self._frames = self._decode(stream)
        stamp_and_frame = next(self._frames, None)
        if stamp_and_frame is None:
            raise SourceError(f"{self.name} sends no picture: check that it is a video stream")
        height, width = self._to_bgr(stamp_and_frame[1]).shape[:2]
        return Opened(width, height, float(nominal_rate(stream)), bool(self._container.streams.audio))

    def _decode(self, stream: Any) -> Iterator[tuple[int, Any]]:
        for packet in self._container.demux(stream):
            t_ns = self._clock()
            try:
                frames = packet.decode()
            except av.error.FFmpegError:  # a damaged packet: the next key frame mends it
                continue
            yield from ((t_ns, frame) for frame in frames)

    def read(self) -> tuple[int, Image]:
        try:
            stamp_and_frame = next(self._frames, None)
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(f"{self.name} broke off ({reason(error)})") from error
        if stamp_and_frame is None:
            if self._has_end:
                raise DeviceEnded
            raise SourceError(f"{self.name} has stopped sending")
        t_ns, frame = stamp_and_frame
        self._last_ns = max(t_ns, self._last_ns + 1)
        return self._last_ns, self._to_bgr(frame)

    def close(self) -> None:
        if self._container is not None:
            self._frames = iter(())
            self._container.close()
            self._container = None
