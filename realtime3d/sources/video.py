"""A video file, frame by frame, with the times at which a player would show them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from realtime3d.clock import NS_PER_S, to_ns, to_s
from realtime3d.errors import SourceError
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceOptions, SourceStatus
from realtime3d.sources.decode import (
    FrameDecoder,
    Place,
    ToBgr,
    locate,
    nominal_rate,
    open_container,
    video_stream,
    zero_of,
)
from realtime3d.sources.timeline import Timeline
from realtime3d.types import Frame

_log = logging.getLogger(__name__)
START_SLACK_NS = 1_000  # times in tables are rounded to the microsecond
SEEK_EARLIER_S = (0, 2, 10)  # seeking goes by decoding order and may land behind a frame that is shown earlier


class VideoFile(Source):
    """Every frame of a file (or of a URL that has an end): real presentation times as a player's clock shows
    them; rotated and non-square pixels put right; `Frame.index` is the frame's number in the whole file."""

    def __init__(self, name: str, options: SourceOptions) -> None:
        self._name, self._options = name, options
        self._lock = threading.Lock()  # decoding and closing at once would crash the process
        self._closed = self._started = False
        self._warnings: list[str] = []
        self._container = open_container(name)
        try:
            self._open()
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> None:
        stream = video_stream(self._container, self._name)
        self._decoder, self._to_bgr = FrameDecoder(self._container, stream), ToBgr(stream)
        first = next(iter(self._decoder), None)
        if first is None:
            raise SourceError(f"{self._name} has no frame that can be decoded: convert it or name another file")
        height, width = self._to_bgr(first).shape[:2]
        fps, duration = nominal_rate(stream), self._duration(stream)
        frames = stream.frames or (round(duration * fps) if duration else None)
        self._step_ns, self._zero = round(NS_PER_S / fps), zero_of(self._container)
        is_file = "://" not in self._name
        self._info = SourceInfo(
            name=Path(self._name).name if is_file else self._name,
            width=width,
            height=height,
            fps=float(fps),
            frames=frames,
            duration_s=duration,
            has_audio=bool(self._container.streams.audio),
            path=Path(self._name) if is_file else None,
        )
        self._decoder.give_back(first)
        self._first_index = 0
        place = locate(self._name, self._options.start_s) if self._options.start_s > 0 else None
        if place is not None:
            self._seek(stream, place)

    def _duration(self, stream: Any) -> float | None:
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return None if self._container.duration is None else self._container.duration / 1e6

    def _seek(self, stream: Any, place: Place) -> None:
        """Go near before the wanted start; where no seek leads there, decode from the beginning."""
        for earlier_s in SEEK_EARLIER_S:
            self._container.seek(max(0, place.stamp - round(earlier_s / stream.time_base)), stream=stream)
            self._decoder = FrameDecoder(self._container, stream)
            first = next(iter(self._decoder), None)
            index = None if first is None or first.pts is None else place.index_of(first.pts)
            if index is not None:
                self._decoder.give_back(first)
                self._first_index = index
                return
        self._container.close()
        self._container = open_container(self._name)
        self._decoder = FrameDecoder(self._container, video_stream(self._container, self._name))

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
        frames = iter(self._decoder)
        while True:
            with self._lock:
                frame = None if self._closed else next(frames, None)
            if frame is None:
                return
            yield frame

    def _stamp_ns(self, frame: Any) -> int | None:
        if frame.pts is None:
            return None
        return to_ns(frame.pts * frame.time_base - self._zero)

    def _at_end(self, nothing_given: bool, t_ns: int, repaired: int) -> None:
        if nothing_given and self._options.start_s > 0:
            raise SourceError(
                f"{self._name} ends at {to_s(max(t_ns, 0)):.3f} s, before the start of {self._options.start_s:g} s: "
                "choose an earlier start"
            )
        if self._decoder.damaged:
            self._warn(f"{self._name}: {self._decoder.damaged} damaged places were skipped")
        if repaired:
            self._warn(f"{self._name}: {repaired} frames had no time or one that goes back; they were put in order")
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
                self._container.close()
