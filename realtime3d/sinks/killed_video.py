"""The overlay video of a killed run: where it stopped, and its frames for the run that goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.error
from av.bitstream import BitStreamFilterContext

from realtime3d.files import leftovers


def previous_video(path: Path) -> Path:
    """Where a killed run's video waits while its frames are taken over."""
    return leftovers(path)[1]


class KilledVideo:
    """Reads what is whole; a video that was killed before its first fragment has no frames and no size."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container: Any = None
        self._stream: Any = None
        with contextlib.suppress(av.error.FFmpegError):
            self._container = av.open(str(path))
            self._stream = next(iter(self._container.streams.video), None)

    @property
    def size(self) -> tuple[int, int] | None:
        return None if self._stream is None else (self._stream.width, self._stream.height)

    def fits(self, stream: Any) -> bool:
        """Whether its packets can be followed by those of `stream`: same encoder, same settings."""
        if self._stream is None:
            return True
        extradata = stream.codec_context.extradata or b""
        return all(unit in extradata for unit in parameter_sets(self._stream.codec_context.extradata or b""))

    def packets_before(self, time_s: float) -> Iterator[Any]:
        """As an encoder gives them."""
        if self._stream is None:
            return
        with contextlib.suppress(av.error.FFmpegError):  # the fragment during which it was killed
            as_encoders_write = BitStreamFilterContext("h264_mp4toannexb", self._stream)
            for packet in self._container.demux(self._stream):
                if packet.pts is None or packet.size == 0 or packet.pts * packet.time_base >= time_s:
                    return
                yield from as_encoders_write.filter(packet)

    def close(self) -> None:
        if self._container is not None:
            self._container.close()

    def remove(self) -> None:
        """Close it and delete the file."""
        self.close()
        self._path.unlink()


def parameter_sets(extradata: bytes) -> list[bytes]:
    """The units of an MP4's `avcC` that a decoder needs before the first picture: SPS and PPS."""
    units, position = [], 5
    for mask in (0x1F, 0xFF):
        if position >= len(extradata):
            break
        count, position = extradata[position] & mask, position + 1
        for _ in range(count):
            length = int.from_bytes(extradata[position : position + 2], "big")
            units.append(extradata[position + 2 : position + 2 + length])
            position += 2 + length
    return units


def last_frame_s(path: Path) -> float | None:
    """The time of the last whole frame in a killed run's video, None where there is none."""
    aside = previous_video(path)
    with contextlib.closing(KilledVideo(aside if aside.exists() else path)) as video:
        return max((float(p.pts * p.time_base) for p in video.packets_before(float("inf"))), default=None)
