"""PyAV, as far as files and streams share it: opening with clear errors, decoding past damage, pixels, exact places."""

from __future__ import annotations

import errno
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from realtime3d.errors import SourceError
from realtime3d.sources.base import STDIN, SourceOptions
from realtime3d.types import Image

DEFAULT_RATE = Fraction(30)
# Titles in other encodings than UTF-8 are no reason to refuse a file; PyAV 19 thinks so too.
_ANY_METADATA: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
_STAMPS_BEGIN_ANYWHERE = 0x0200  # libavformat's AVFMT_TS_DISCONT
_TEXT_FORMATS = {"tty"}  # libav draws text files as pictures
FAILURES_IN_A_ROW = 8  # of reading on behind damage, then the file has ended
SLOW_TIMES = 6  # the limits for silence, for a server that sends something all the time
_HIDDEN_FRAMES = {"vp8"}  # packets that show nothing: counting packets would not count frames


def is_away(name: str) -> bool:
    """Whether a name is a URL."""
    return "://" in name


def without_password(url: str) -> str:
    """The URL as it may be shown and written to files."""
    return re.sub(r"(://)[^/@]*@", r"\1", url)


def shown_name(name: str) -> str:
    """How an input is called in messages and files."""
    return "the standard input" if name == STDIN else without_password(name) if is_away(name) else name


def network_limits(url: str, options: SourceOptions) -> dict[str, Any]:
    """Arguments of `open_container` that end every wait for a server; nothing for files.

    Silence ends a read after `read_timeout_s`, by libav's own clock (which RTSP calls by another name). A server that
    keeps sending, but too little, is ended by PyAV's, which counts one packet, or all of the opening, as one wait.
    """
    if not is_away(url):
        return {}
    silence = str(round(options.read_timeout_s * 1e6))
    name = "timeout" if url.startswith(("rtsp", "udp")) else "rw_timeout"
    return {
        "options": {name: silence},
        "timeout": (options.open_timeout_s * SLOW_TIMES, options.read_timeout_s * SLOW_TIMES),
    }


def open_container(name: str, **arguments: Any) -> Any:
    """`av.open` for reading; what goes wrong becomes a `SourceError` that says what to do."""
    shown, away = shown_name(name), is_away(name)
    if name == STDIN:
        _check_stdin()
    elif not away:
        _check_file(name)
    try:
        container = av.open("pipe:0" if name == STDIN else name, "r", **_ANY_METADATA, **arguments)
    except (av.error.InvalidDataError, UnicodeError) as error:
        if name == STDIN:
            raise SourceError(f"{shown} is empty or no video that can be read: check what writes into it") from error
        fault = "is cut off, its index was never written" if _lacks_index(name) else "is no video that can be read"
        raise SourceError(f"{shown} {fault}: check it in a player, or convert it with FFmpeg") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        advice = "check the address and the network" if away else "check the name and the permissions"
        raise SourceError(f"{shown} cannot be opened ({reason(error)}): {advice}") from error
    if container.format.name in _TEXT_FORMATS:
        container.close()
        raise SourceError(f"{shown} is a text, not a video: name a video file")
    return container


def _check_file(name: str) -> None:
    try:
        size = None if os.path.isdir(name) else os.stat(name).st_size
    except (OSError, ValueError) as error:
        missing = getattr(error, "errno", None) == errno.ENOENT
        fault = "does not exist" if missing else f"cannot be opened ({reason(error)})"
        raise SourceError(f"{name} {fault}: check the path") from error
    if size == 0:
        raise SourceError(f"{name} is empty: copy or record it again")


def _check_stdin() -> None:
    if os.isatty(0):
        raise SourceError("the standard input is a terminal: pipe a video into it, as `ffmpeg ... -f matroska - |`")


def reason(error: BaseException) -> str:
    """The system's words for what went wrong."""
    if isinstance(error, (av.error.ExitError, TimeoutError)):  # when PyAV's clock has run out, or libav's own
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error)


def _lacks_index(name: str) -> bool:
    """Whether it looks like an MP4 or MOV whose recording was not finished."""
    if is_away(name):
        return False
    with open(name, "rb") as file:
        return file.read(12)[4:8] in (b"ftyp", b"mdat", b"wide", b"free")


def video_stream(container: Any, name: str) -> Any:
    """The first stream that is a video and not a cover picture, decoding on several threads."""
    for stream in container.streams.video:
        if Disposition.attached_pic not in stream.disposition:
            stream.thread_type = "AUTO"
            return stream
    raise SourceError(f"{name} holds no video ({_kinds(container)}): name a file with pictures in it")


def _kinds(container: Any) -> str:
    kinds = sorted({"a cover picture" if stream.type == "video" else stream.type for stream in container.streams})
    return f"only {' and '.join(kinds)}" if kinds else "nothing at all"


def nominal_rate(stream: Any) -> Fraction:
    """Frames a second as the header says, 30 where it says nothing or nonsense."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= 1000:
            return Fraction(rate)
    return DEFAULT_RATE


def zero_of(container: Any) -> Fraction:
    """The stamp, in seconds, at which a player's clock shows 0: the first one where a format lets stamps begin anywhere
    (MPEG transport streams); elsewhere the format's own zero, with which sound and picture may begin a little later."""
    anywhere = container.format.flags & _STAMPS_BEGIN_ANYWHERE
    return Fraction(container.start_time or 0, 1_000_000) if anywhere else Fraction(0)


class FrameDecoder:
    """Iterates the decoded frames of one stream in presentation order; damaged packets are skipped and counted.

    It owns its container. `close` frees the decoder and its threads, which would else wait for the garbage collector.
    """

    def __init__(self, container: Any, name: str) -> None:
        self.damaged = 0
        self.container, self.stream = container, video_stream(container, name)
        self._away = is_away(name)
        self._frames: Iterator[Any] = self._decode()
        self._given_back: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        while (frame := self.next()) is not None:
            yield frame

    def next(self) -> Any:
        """The next frame, or None at the end."""
        return self._given_back.pop() if self._given_back else next(self._frames, None)

    def give_back(self, frame: Any) -> None:
        """The next frame of the iteration is this one again."""
        self._given_back.append(frame)

    def seek(self, stamp: int) -> None:
        """Go on near the last key frame that is decoded before `stamp`."""
        self._frames = iter(())
        self._given_back.clear()
        self.container.seek(stamp, stream=self.stream)
        self._frames = self._decode()

    def close(self) -> None:
        self._frames = iter(())
        self._given_back.clear()
        self.container.close()
        self.stream = None

    def _decode(self) -> Iterator[Any]:
        for packet in self._packets():
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self.damaged += 1
        yield from self._flush()

    def _packets(self) -> Iterator[Any]:
        """Reads on behind damage; a file that stops in the middle of a packet fails again and again there."""
        failures = 0
        while failures < FAILURES_IN_A_ROW:
            try:
                for packet in self.container.demux(self.stream):
                    if packet.size == 0:  # the end mark
                        return
                    failures = 0
                    yield packet
                return
            except av.error.FFmpegError as error:
                if self._away and not isinstance(error, av.error.InvalidDataError):
                    raise  # the network: what follows never comes
                self.damaged += 1
                failures += 1

    def _flush(self) -> Iterator[Any]:
        try:
            for frame in self.stream.decode(None):
                frame.time_base = self.stream.time_base  # which PyAV leaves out here
                yield frame
        except av.error.FFmpegError:
            return


class ToBgr:
    """Turns the decoded frames of one stream into upright BGR pictures with square pixels."""

    def __init__(self, stream: Any) -> None:
        self._reformatter = VideoReformatter()
        aspect = stream.sample_aspect_ratio  # of a pixel, width over height
        self._aspect = Fraction(aspect) if aspect and 0.2 < aspect < 5 else Fraction(1)

    def __call__(self, frame: Any) -> Image:
        width = round(frame.width * self._aspect)
        # One thread: the decoder's threads are faster than swscale's own, which get in their way.
        converted = self._reformatter.reformat(frame, width, frame.height, format="bgr24", threads=1)
        quarter_turns = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(converted.to_ndarray(), quarter_turns))


@dataclass(frozen=True)
class Place:
    """Where the frame that starts at or after a time lies in a file."""

    stamp: int  # presentation stamp of that frame, in the stream's time base
    stamps: tuple[int, ...]  # of all frames up to it, rising

    def index_of(self, stamp: int) -> int | None:
        """The number of the frame with this stamp; None for a stamp that lies behind the place or is not known."""
        position = int(np.searchsorted(self.stamps, stamp))
        known = position < len(self.stamps) and self.stamps[position] == stamp
        return position if known else None


def locate(name: str, start_s: float, **arguments: Any) -> Place | None:
    """Find the frame at `start_s` by reading packets without decoding them.

    None where a file's stamps cannot be trusted (missing, repeated, running back, packets that show nothing): then only
    decoding from the beginning gives exact frame numbers.
    """
    container = open_container(name, **arguments)
    try:
        stream = video_stream(container, name)
        if stream.codec_context.name in _HIDDEN_FRAMES:
            return None
        start = Fraction(start_s) + zero_of(container) - Fraction(1, 1_000_000)  # stamps may be rounded
        wanted = math.floor(start / stream.time_base)
        stamps = _stamps_until(container, stream, wanted)
    finally:
        container.close()
    if not stamps:
        return None
    position = min(int(np.searchsorted(stamps, wanted)), len(stamps) - 1)
    return Place(stamps[position], tuple(stamps[: position + 1]))


def _stamps_until(container: Any, stream: Any, wanted: int) -> list[int] | None:
    """Sorted presentation stamps of the frames before `wanted` and some behind it; None where they are not sound."""
    stamps: list[int] = []
    last_decoded = None
    try:
        for packet in container.demux(stream):
            if packet.size == 0:  # the end mark
                break
            if packet.pts is None or packet.dts is None or (last_decoded is not None and packet.dts <= last_decoded):
                return None
            last_decoded = packet.dts
            if not packet.is_discard:
                stamps.append(packet.pts)
            if packet.dts > wanted:
                break
    except av.error.FFmpegError:
        return None
    stamps.sort()
    return stamps if len(set(stamps)) == len(stamps) else None
