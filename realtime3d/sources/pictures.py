"""Pictures as a source: files in a folder or pattern, and arrays that a program hands over."""

from __future__ import annotations

import glob
import itertools
import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.clock import to_ns, to_s
from realtime3d.errors import SourceError, UsageError
from realtime3d.sources.base import Gap, Source, SourceInfo, SourceOptions, SourceStatus
from realtime3d.sources.pixels import to_bgr
from realtime3d.types import Frame, Image

_log = logging.getLogger(__name__)
DEFAULT_FPS = 30.0
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm"}
_NUMBER = re.compile(r"%(0?)(\d*)d")


def names_pictures(name: str) -> bool:
    try:
        is_file, is_folder = os.path.isfile(name), os.path.isdir(name)
    except ValueError:  # a NUL character
        return False
    pattern = not is_file and ("%" in name or glob.has_magic(name))
    return is_folder or pattern or Path(name).suffix.lower() in PICTURE_SUFFIXES


class _Pictures(Source, ABC):
    """What both kinds share: `--start`, `--end`, `--every`, and one pass."""

    def __init__(self, options: SourceOptions, info: SourceInfo) -> None:
        self._options, self._info = options, info
        self._closed = self._started = False
        self._warnings: list[str] = []

    @abstractmethod
    def _timed(self) -> Iterator[tuple[int, int, Any]]:
        """(index, t_ns, something `_load` turns into a picture) for everything there is."""

    @abstractmethod
    def _load(self, item: Any) -> Image | None:
        """The picture, or None where it is to be skipped."""

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def status(self) -> SourceStatus:
        return SourceStatus("ended" if self._closed else "running", warnings=tuple(self._warnings))

    def __iter__(self) -> Iterator[Frame | Gap]:
        if self._started:
            raise SourceError(f"{self._info.name} was read already: open it again")
        self._started = True
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        start_ns = to_ns(self._options.start_s) - 1_000  # times in tables are rounded to the microsecond
        end_ns = None if self._options.end_s is None else to_ns(self._options.end_s)
        first = None
        for index, t_ns, item in self._timed():
            if self._closed or (end_ns is not None and t_ns >= end_ns):
                return
            if t_ns < start_ns:
                continue
            first = index if first is None else first
            image = self._load(item) if (index - first) % self._options.every == 0 else None
            if image is not None:
                yield Frame(index, t_ns, image, self._info.name)
        if first is None:
            raise SourceError(f"{self._info.name} ends before the start of {self._options.start_s:g} s: start earlier")

    def close(self) -> None:
        self._closed = True


class PictureSequence(_Pictures):
    """Picture files in order, at a constant rate. `Frame.index` is the position, or the number in a `%05d` pattern."""

    def __init__(
        self,
        files: Sequence[Path],
        options: SourceOptions,
        numbers: Sequence[int] | None = None,
        name: str = "pictures",
    ) -> None:
        self._files = files
        self._numbers = range(len(files)) if numbers is None else numbers
        image = next((image for file in files if (image := read_picture(file)) is not None), None)
        if image is None:
            raise SourceError(f"{files[0]} is no picture that can be read: check it or name another")
        fps, count = options.fps or DEFAULT_FPS, self._numbers[-1] + 1
        height, width = image.shape[:2]
        super().__init__(options, SourceInfo(name, width, height, fps, len(files), count / fps))
        self._fps = fps

    def _timed(self) -> Iterator[tuple[int, int, Path]]:
        for number, file in zip(self._numbers, self._files, strict=True):
            yield number, round(to_ns(number) / self._fps), file

    def _load(self, item: Path) -> Image | None:
        image = read_picture(item)
        if image is None:
            text = f"{item} is no picture that can be read and was skipped"
            self._warnings.append(text)
            _log.warning("%s", text)
        return image


def read_picture(path: str | Path) -> Image | None:
    """A picture file as BGR, turned upright by its EXIF tag; None where it cannot be read."""
    import cv2

    try:
        data = np.fromfile(path, dtype=np.uint8)  # cv2.imread does not open every path on Windows
    except OSError:
        return None
    if data.size == 0:
        return None
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        return None if picture is None else to_bgr(picture)
    except (cv2.error, UsageError):
        return None


def open_pictures(name: str, options: SourceOptions) -> PictureSequence:
    """A folder, a glob, a `%05d` pattern or a single picture."""
    path = Path(name)
    if path.is_file():
        return PictureSequence([path], options, name=path.name)
    numbered = _numbered_files(path) if _NUMBER.search(path.name) else None
    if numbered is not None:
        first = numbered[0][0] if numbered else 0
        files, numbers = [file for _, file in numbered], [number - first for number, _ in numbered]
    else:
        found = path.iterdir() if path.is_dir() else map(Path, glob.glob(name, recursive=True))
        files = sorted((f for f in found if f.suffix.lower() in PICTURE_SUFFIXES and f.is_file()), key=natural)
        numbers = list(range(len(files)))
    if not files:
        reason = "holds no pictures" if path.is_dir() else "names no picture that exists"
        raise SourceError(f"{name} {reason} ({', '.join(sorted(PICTURE_SUFFIXES))}): check the path")
    return PictureSequence(files, options, numbers, name)


def _numbered_files(pattern: Path) -> list[tuple[int, Path]]:
    """(number, file) for what matches a C pattern such as `%05d.png`, rising."""
    match = _NUMBER.search(pattern.name)
    if match is None or not pattern.parent.is_dir():
        return []
    digits = rf"(\d{{{match[2]},}})" if match[2] else r"(\d+)"
    text = re.escape(pattern.name[: match.start()]) + digits + re.escape(pattern.name[match.end() :])
    named = ((re.fullmatch(text, file.name), file) for file in pattern.parent.iterdir())
    return sorted((int(found[1]), file) for found, file in named if found is not None)


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key in which frame 9 comes before frame 10."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


class ArraySource(_Pictures):
    """Arrays, or `(seconds, array)` with rising times; the first one is taken at once to learn the size."""

    def __init__(self, items: Iterable[Any], options: SourceOptions) -> None:
        if isinstance(items, np.ndarray) and (items.ndim == 2 or (items.ndim == 3 and items.shape[2] in (1, 3, 4))):
            items = [items]  # one picture, not a stack of rows
        self._items = iter(items)
        self._fps = options.fps or DEFAULT_FPS
        self._first = next(self._items, None)
        if self._first is None:
            raise SourceError("there are no pictures: give at least one")
        picture = self._first[1] if _has_time(self._first) else self._first
        height, width = to_bgr(picture).shape[:2]
        count = len(items) if isinstance(items, Sized) else None
        info = SourceInfo("pictures", width, height, None if _has_time(self._first) else self._fps, count, None)
        super().__init__(options, info)

    def _timed(self) -> Iterator[tuple[int, int, Any]]:
        last = None
        for index, item in enumerate(itertools.chain([self._first], self._items)):
            time, picture = item if _has_time(item) else (index / self._fps, item)
            last = _checked_time(time, last)
            yield index, last, picture

    def _load(self, item: Any) -> Image:
        return to_bgr(item)


def _has_time(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2


def _checked_time(time: Any, last_ns: int | None) -> int:
    seconds = float(time)
    if not np.isfinite(seconds):
        raise UsageError(f"the time of a picture is {seconds}: give finite seconds")
    t_ns = to_ns(seconds)
    if last_ns is not None and t_ns <= last_ns:
        raise UsageError(f"the time {seconds} s does not come after {to_s(last_ns)} s: give rising times")
    return t_ns
