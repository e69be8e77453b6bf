"""The sound of an input for the overlay made of it: copied where MP4 can hold it as it is, encoded as AAC otherwise."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.bitstream import BitStreamFilterContext

from realtime3d.sources.decode import open_container, zero_of

COPIED = {"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}


class Sound:
    """Packets of the first audio stream of `path`, shifted so that `zero_s` of the input is 0."""

    def __init__(self, path: Path, zero_s: float, end_s: float | None) -> None:
        self._path = path
        self._open()
        start = zero_of(self._container)
        self._zero = start + Fraction(zero_s)
        self._end = None if end_s is None else start + Fraction(end_s)
        self._waiting: Any = None
        self._last = -(1 << 62)  # time of the packet given last, in its own unit
        self._packets: Iterator[Any] = iter(())

    def _open(self) -> None:
        self._container = open_container(str(self._path))
        self._stream = self._container.streams.audio[0]

    def add_to(self, output: Any) -> None:
        """Make the stream in an output container; before anything is written to it."""
        if self._stream.codec_context.codec.canonical_name in COPIED:
            target = output.add_stream_from_template(self._stream)
            self._packets = self._copied(target)
        else:
            source = self._stream.codec_context
            target = output.add_stream("aac", rate=min(source.sample_rate, 48_000))
            target.codec_context.layout = "mono" if source.channels == 1 else "stereo"
            self._packets = self._encoded(target)

    def until(self, time_s: float) -> Iterator[Any]:
        """The packets that start before `time_s` of the output and were not given yet."""
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if packet.pts is not None and packet.pts * packet.time_base >= time_s:
                self._waiting = packet
                return
            if packet.pts is not None:  # MP4 refuses times that stand still, which rounded ones do
                self._last = packet.pts = packet.dts = max(packet.pts, self._last + 1)
            yield packet

    def _source(self) -> Iterator[Any]:
        """Packets between start and end; a sound track that breaks off ends there."""
        if self._zero > 0:
            try:
                self._container.seek(int(self._zero / self._stream.time_base), stream=self._stream)
            except av.error.FFmpegError:  # what cannot be sought in is read from its beginning
                self._container.close()
                self._open()
        try:
            for packet in self._container.demux(self._stream):
                if packet.pts is None or packet.size == 0:
                    continue
                time = packet.pts * packet.time_base
                if self._end is not None and time >= self._end:
                    return
                if time >= self._zero:
                    yield packet
        except av.error.FFmpegError:
            return

    def _copied(self, target: Any) -> Iterator[Any]:
        shift = round(self._zero / self._stream.time_base)
        for packet in self._without_headers():
            packet.pts -= shift
            packet.stream = target
            yield packet

    def _without_headers(self) -> Iterator[Any]:
        """AAC of transport streams and broadcasts says in each packet what MP4 says once, in its header."""
        aac = self._stream.codec_context.codec.canonical_name == "aac"
        if not aac or self._stream.codec_context.extradata:
            yield from self._source()
            return
        to_mp4 = BitStreamFilterContext("aac_adtstoasc", self._stream)
        for packet in self._source():
            with contextlib.suppress(av.error.FFmpegError):  # a damaged piece is left out
                yield from to_mp4.filter(packet)

    def _encoded(self, target: Any) -> Iterator[Any]:
        resampler = av.AudioResampler("fltp", target.codec_context.layout, target.codec_context.sample_rate)
        for packet in self._source():
            try:
                frames = packet.decode()
            except av.error.FFmpegError:  # a damaged piece is left out
                continue
            for frame in frames:
                frame.pts = round((frame.pts * frame.time_base - self._zero) / frame.time_base)
                for piece in resampler.resample(frame):
                    yield from target.encode(piece)
        yield from target.encode(None)

    def close(self) -> None:
        self._packets = iter(())
        self._container.close()
