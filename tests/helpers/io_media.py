"""Pictures that carry their own number, videos made of them, and a camera that is not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from realtime3d.types import Image

BITS = 10
MICRO = Fraction(1, 1_000_000)


def numbered(number: int, width: int = 160, height: int = 96) -> Image:
    """A picture whose upper half shows `number` as ten black or white bars; coding losses do not change it."""
    image = np.full((height, width, 3), 90, np.uint8)
    bar = width // BITS
    for bit in range(BITS):
        image[: height // 2, bit * bar : (bit + 1) * bar] = 235 if number >> bit & 1 else 20
    return image


def number_of(image: Image) -> int:
    """The number that `numbered` drew, at any size."""
    height, width = image.shape[:2]
    bar = width / BITS
    samples = [image[height // 4, int((bit + 0.5) * bar)].mean() for bit in range(BITS)]
    return sum(1 << bit for bit, value in enumerate(samples) if value > 127)


def write_video(
    path: Path,
    times_s: Iterable[float],
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rotation: int | None = None,
    aspect: Fraction | None = None,
    sound: str | None = None,
    size: tuple[int, int] = (160, 96),
    title: str | None = None,
) -> Path:
    """A video with one numbered picture at each time, and with a tone where `sound` names an audio codec."""
    times = [Fraction(t).limit_denominator(90_000) for t in times_s]
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if codec != "mpeg4":
            stream.codec_context.time_base = Fraction(1, 90_000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if title is not None:
            container.metadata["title"] = title
        tone = _Tone(container, sound) if sound else None
        for number, t in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="bgr24")
            base = stream.codec_context.time_base or Fraction(1, 25)
            frame.pts, frame.time_base = round(t / base), base
            container.mux(stream.encode(frame))
            if tone:
                tone.until(float(t))
        container.mux(stream.encode(None))
        if tone:
            tone.end()
    return path


class _Tone:
    def __init__(self, container: Any, codec: str) -> None:
        self._container, self._stream = container, container.add_stream(codec, rate=48_000)
        self._samples = 0

    def until(self, time_s: float) -> None:
        while self._samples < time_s * 48_000:
            phase = np.arange(self._samples, self._samples + 1024) * (2 * np.pi * 440 / 48_000)
            data = (np.sin(phase) * 8000).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, self._samples, Fraction(1, 48_000)
            self._samples += 1024
            self._container.mux(self._stream.encode(frame))

    def end(self) -> None:
        self._container.mux(self._stream.encode(None))


class FakeCapture:
    """Answers as `cv2.VideoCapture` does. Class attributes steer all instances of a test's subclass."""

    period_s = 0.004
    plugged: threading.Event
    opened = 0
    count = 0
    refuses: tuple[int, ...] = ()  # properties that keep their value

    def __init__(self, target: int | str) -> None:
        type(self).opened += 1
        self.target = target
        self.released = False
        self.values: dict[int, float] = {3: 160, 4: 96, 5: 30, 6: int.from_bytes(b"YUYV", "little")}
        self.order: list[int] = []

    @classmethod
    def fresh(cls) -> type[FakeCapture]:
        """A device of its own for one test."""
        plugged = threading.Event()
        plugged.set()
        return type("Capture", (cls,), {"plugged": plugged, "opened": 0, "count": 0})

    def isOpened(self) -> bool:
        return self.plugged.is_set()

    def set(self, property: int, value: float) -> bool:
        self.order.append(property)
        if property in self.refuses:
            return False
        self.values[property] = value
        return True

    def get(self, property: int) -> float:
        return self.values.get(property, 0)

    def grab(self) -> bool:
        time.sleep(self.period_s)
        type(self).count += 1
        return self.plugged.is_set() and not self.released

    def retrieve(self) -> tuple[bool, Any]:
        return True, numbered(self.count % 1000, int(self.values[3]), int(self.values[4]))

    def release(self) -> None:
        self.released = True
