"""A video file, frame by frame, with the times at which a player would show them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import av.error

from realtime3d.clock import NS_PER_S, to_ns, to_s
from realtime3d.errors import SourceError
from realtime3d.process import give_back_pages
from realtime3d.sources.apart import Apart
from realtime3d.sources.base import STDIN, EndsEarlier, Gap, Source, SourceInfo, SourceOptions, SourceStatus
from realtime3d.sources.decode import (
    FrameDecoder,
    Place,
    ToBgr,
    is_away,
    locate,
    network_limits,
    nominal_rate,
    open_container,
    reason,
    shown_name,
    zero_of,
)
from realtime3d.sources.timeline import Timeline
from realtime3d.types import Frame
from realtime3d.words import counted

T = TypeVar("T")
_log = logging.getLogger(__name__)
START_SLACK_NS = 1_000  # times in tables are rounded to the microsecond
CLOSE_S = 2.0  # that a server's reader gets to end
NOTHING = (  # what to do about a file, about the standard input
    "convert it or name another file",
    "an MP4 needs its index in front (FFmpeg: -movflags faststart), or send Matroska (-f matroska)",
)
SEEK_EARLIER_S = (0, 2, 10)  # seeking goes by decoding order and may land behind a frame that is shown earlier


class VideoFile(Source):
    """Every frame of a file (or of a URL that has an end): real presentation times as a player's clock shows
    them; rotated and non-square pixels put right; `Frame.index` is the frame's number in the whole file."""

    def __init__(self, name: str, options: SourceOptions) -> None:
        self._name, self._options = shown_name(name), options
        self._lock = threading.Lock()  # decoding and closing at once would crash the process
        self._started, self._closed = False, True
        self._warnings: list[str] = []
        self._apart = Apart(self._name) if is_away(name) or name == STDIN else None  # they may keep silent
        self._decoder: FrameDecoder | None = None
        try:
            self._read(self._open, name)
        except BaseException:
            self._release()
            raise
        self._closed = False

    def __del__(self) -> None:
        self.close()  # decoder and threads of one that is forgotten are freed with it

    def _read(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call what reads: at once from a file, in a thread from a server, which may keep silent."""
        try:
            return self._apart(function, *arguments) if self._apart else function(*arguments)
        except (av.error.FFmpegError, OSError) as error:
            advice = "check the address and the network" if self._apart else "check the disk"
            advice = "check what writes it" if self._name == shown_name(STDIN) else advice
            raise SourceError(f"{self._name} broke off ({reason(error)}): {advice}") from error

    def _open(self, name: str) -> None:
        limits = network_limits(name, self._options)
        self._decoder = decoder = self._new_decoder(name, limits)
        stream, self._to_bgr = decoder.stream, ToBgr(decoder.stream)
        first = decoder.next()
        if first is None:
            raise SourceError(f"{self._name} has no frame that can be decoded: {NOTHING[name == STDIN]}")
        height, width = self._to_bgr(first).shape[:2]
        fps, duration = nominal_rate(stream), _duration(decoder.container, stream)
        frames = stream.frames or (round(duration * fps) if duration else None)
        self._step_ns, self._zero = round(NS_PER_S / fps), zero_of(decoder.container)
        is_file = not is_away(name) and name != STDIN
        self._info = SourceInfo(
            name=Path(name).name if is_file else self._name,
            width=width,
            height=height,
            fps=float(fps),
            frames=frames,
            duration_s=duration,
            has_audio=bool(decoder.container.streams.audio),
            path=Path(name) if is_file else None,
        )
        decoder.give_back(first)
        self._first_index = 0
        place = None
        if self._options.start_s > 0 and name != STDIN:  # which is read once, from its beginning
            place = locate(name, self._options.start_s, **limits)
        if place is not None and not self._seek(decoder, place):
            decoder.close()
            self._decoder = self._new_decoder(name, limits)

    def _new_decoder(self, name: str, limits: dict[str, Any]) -> FrameDecoder:
        container = open_container(name, **limits)
        try:
            return FrameDecoder(container, self._name)
        except BaseException:
            container.close()
            raise

    def _seek(self, decoder: FrameDecoder, place: Place) -> bool:
        """Go near before the wanted start; False where no seek leads there."""
        for earlier_s in SEEK_EARLIER_S:
            try:
                decoder.seek(max(0, place.stamp - round(earlier_s / decoder.stream.time_base)))
            except av.error.FFmpegError:  # some containers cannot
                return False
            first = decoder.next()
            index = None if first is None or first.pts is None else place.index_of(first.pts)
            if index is not None:
                decoder.give_back(first)
                self._first_index = index
                return True
        return False

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def status(self) -> SourceStatus:
        return SourceStatus("ended" if self._closed else "running", warnings=tuple(self._warnings))

    def __iter__(self) -> Iterator[Frame | Gap]:
        if self._started:
            raise SourceError(f"{self._name} was read already: open it again")
        self._started = True
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        options = self._options
        start_ns = to_ns(options.start_s) - START_SLACK_NS if options.start_s > 0 else None
        end_ns = None if options.end_s is None else to_ns(options.end_s)
        timeline, first_given, t_ns = Timeline(self._step_ns), None, -1
        for index, frame in enumerate(self._locked(), self._first_index):
            t_ns = timeline(self._stamp_ns(frame))
            if end_ns is not None and t_ns >= end_ns:
                return
            if start_ns is not None and t_ns < start_ns:
                continue
            first_given = index if first_given is None else first_given
            if (index - first_given) % options.every == 0:
                yield Frame(index, t_ns, self._to_bgr(frame), self._info.name)
        if not self._closed:
            self._at_end(first_given is None, t_ns, timeline.repaired)

    def _locked(self) -> Iterator[Any]:
        while True:
            with self._lock:
                frame = None if self._closed or self._decoder is None else self._read(self._decoder.next)
            if frame is None:
                return
            yield frame

    def _stamp_ns(self, frame: Any) -> int | None:
        if frame.pts is None:
            return None
        return to_ns(frame.pts * frame.time_base - self._zero)

    def _at_end(self, nothing_given: bool, t_ns: int, repaired: int) -> None:
        if nothing_given and self._options.start_s > 0:
            raise EndsEarlier(
                f"{self._name} ends at {to_s(max(t_ns, 0)):.3f} s, before the start of {self._options.start_s:g} s: "
                "choose an earlier start"
            )
        if self._decoder and self._decoder.damaged:
            self._warn(f"{self._name}: {self._decoder.damaged} damaged places were skipped")
        if repaired:
            self._warn(f"{self._name}: {counted(repaired, 'frame')} had no time or one that goes back; put in order")
        seen, duration = to_s(t_ns + self._step_ns), self._info.duration_s
        if duration is not None and seen < duration - max(0.5, 0.02 * duration):
            self._warn(
                f"{self._name} is cut off: {seen:.1f} s of the {duration:.1f} s it announces are there and were used"
            )

    def _warn(self, text: str) -> None:
        self._warnings.append(text)
        _log.warning("%s", text)

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                self._release()
                give_back_pages()

    def _release(self) -> None:
        close = self._decoder.close if self._decoder else _nothing
        if self._apart:
            self._apart.close(close, CLOSE_S)
        else:
            close()


def _duration(container: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else float(container.duration / 1e6)


def _nothing() -> None:
    """There is nothing to close."""
