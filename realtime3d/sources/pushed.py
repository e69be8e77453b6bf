"""Frames that somebody hands in: JPEGs of a browser's camera. The newest wins; only that one is decoded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from realtime3d.clock import now_ns, to_ns, to_s
from realtime3d.errors import SourceError
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceOptions, SourceStatus
from realtime3d.sources.latest import Closed, Latest
from realtime3d.types import Frame, Image

MAX_SIDE = 4096  # px
_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # JPEG markers that are followed by the picture's size
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) as the header says, without decoding; None for what is no JPEG."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _SIZES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def decode_jpeg(data: bytes) -> Image | None:
    """The picture, or None for what is none, or larger than `MAX_SIDE`."""
    import cv2

    size = jpeg_size(data)
    if size is None or not all(0 < side <= MAX_SIDE for side in size):
        return None
    try:
        picture: Image | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return picture


class PushedSource(Source):
    """A live source that `push` feeds, from any thread. Opening waits for the first picture."""

    def __init__(self, name: str, options: SourceOptions | None = None) -> None:
        self.name = name
        self._options = options or SourceOptions()
        self._mailbox: Latest[tuple[int, bytes]] = Latest()
        self._info: SourceInfo | None = None
        self._first: Frame | None = None
        self._refused = 0
        self._index = 0
        self._closed = False

    def push(self, jpeg: bytes) -> None:
        """A picture that has just been taken; never waits."""
        self._mailbox.put((now_ns(), jpeg))

    def open(self) -> None:
        """Wait for the first picture; `SourceError` where none comes."""
        end = now_ns() + to_ns(self._options.open_timeout_s)
        while self._first is None:
            try:
                item = self._mailbox.get(max(0.0, to_s(end - now_ns())))
            except Closed:
                raise SourceError(f"{self.name} was closed: choose it again") from None
            if item is None:
                raise SourceError(f"no picture came from {self.name}: allow the camera in the browser and try again")
            self._first = self._frame(*item)
        height, width = self._first.image.shape[:2]
        self._info = SourceInfo(self.name, width, height, None, None, None, live=True, zero_ns=self._first.t_ns)

    def _frame(self, t_ns: int, jpeg: bytes) -> Frame | None:
        image = decode_jpeg(jpeg)
        if image is None:
            self._refused += 1
            return None
        self._index += 1
        return Frame(self._index - 1, t_ns, image, self.name)

    @property
    def info(self) -> SourceInfo:
        if self._info is None:
            self.open()
        assert self._info is not None
        return self._info

    @property
    def status(self) -> SourceStatus:
        return SourceStatus("ended" if self._closed else "running", dropped=self._mailbox.dropped + self._refused)

    def __iter__(self) -> Iterator[Frame | Gap]:
        info, wait_s, last_ns = self.info, self._options.gap_after_s, now_ns()
        if self._first is not None:
            yield self._first
        while True:
            try:
                item = self._mailbox.get(wait_s)
            except Closed:
                return
            frame = self._frame(*item) if item else None
            if frame is not None:
                last_ns, wait_s = now_ns(), self._options.gap_after_s
                yield frame
            elif item is None:
                now, wait_s = now_ns(), self._options.tick_s
                text = f"nothing from {info.name} for {to_s(now - last_ns):.1f} s"
                yield Gap(now, SourceStatus("waiting", text, self.status.dropped))

    def close(self) -> None:
        self._closed = True
        self._mailbox.close()
