"""From what the user names to the source that reads it."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import numpy as np

from realtime3d.errors import UsageError
from realtime3d.io.base import Source, SourceOptions, SourceSpec

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm"}
DEFAULTS = SourceOptions()
LARGEST_KEPT_BLOCK = 31 << 20


def open_source(spec: SourceSpec, options: SourceOptions = DEFAULTS) -> Source:
    """Open what `spec` names and return it ready to iterate; the caller closes it.

    - a number, a string of digits or `/dev/video0`: a camera;
    - `scheme://...`: a stream (RTSP, HTTP, UDP ...);
    - a folder of pictures, a glob (`frames/*.png`), a pattern (`frames/%05d.png`), one picture or a list of them;
    - any other path: a video file;
    - an iterable of pictures, or of `(seconds, picture)`: (H, W[, 1, 3 or 4]) uint8 or uint16, BGR order.
    """
    _check(options)
    keep_freed_pages()
    if isinstance(spec, int) or (isinstance(spec, str) and (spec.isdecimal() or spec.startswith("/dev/video"))):
        from realtime3d.io.camera import open_camera

        return open_camera(spec, options)
    if isinstance(spec, (str, Path)):
        return _open_path(str(spec), options)
    if isinstance(spec, Iterable):
        return _open_items(spec, options)
    raise UsageError(f"{spec!r} is no source: name a camera number, a URL, a file, a folder or give pictures")


def keep_freed_pages() -> None:
    """Make room for pictures once instead of for every frame.

    glibc hands the pages of a freed picture back to the system and asks for new ones for the next picture, which costs
    about as much as converting it (0.8 ms at 720p). It stops doing so for all blocks smaller than the largest that it
    has seen freed, up to 32 MB. Elsewhere this does nothing.
    """
    np.empty(LARGEST_KEPT_BLOCK, np.uint8)


def _check(options: SourceOptions) -> None:
    if options.every < 1:
        raise UsageError(f"every must be at least 1, not {options.every}")
    if options.start_s < 0 or (options.end_s is not None and options.end_s <= options.start_s):
        raise UsageError(f"the end ({options.end_s} s) must come after the start ({options.start_s} s)")
    if options.fps is not None and not 0 < options.fps < 10_000:
        raise UsageError(f"fps must be positive, not {options.fps}")


def _open_path(name: str, options: SourceOptions) -> Source:
    if "://" in name and options.live is not False:
        from realtime3d.io.stream import open_stream

        return open_stream(name, options)
    if _names_pictures(name):
        from realtime3d.io.pictures import open_pictures

        return open_pictures(name, options)
    from realtime3d.io.video_source import VideoFile

    return VideoFile(name, options)


def _names_pictures(name: str) -> bool:
    try:
        is_file, is_folder = os.path.isfile(name), os.path.isdir(name)
    except ValueError:  # a NUL character
        return False
    pattern = not is_file and ("%" in name or glob.has_magic(name))
    return is_folder or pattern or Path(name).suffix.lower() in PICTURE_SUFFIXES


def _open_items(items: Iterable[object], options: SourceOptions) -> Source:
    from realtime3d.io.pictures import ArraySource, PictureSequence

    if isinstance(items, (list, tuple)) and items and all(isinstance(item, (str, Path)) for item in items):
        return PictureSequence([Path(cast("str | Path", item)) for item in items], options)
    return ArraySource(items, options)


def parse_time(text: str) -> float:
    """Seconds from `12.5`, `MM:SS` or `HH:MM:SS[.fff]`."""
    parts = text.strip().split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if (
        not 1 <= len(numbers) <= 3
        or not all(0 <= n < float("inf") for n in numbers)
        or any(n >= 60 for n in numbers[1:])
    ):
        raise UsageError(f"{text!r} is no time: write seconds (12.5) or HH:MM:SS (0:01:12.5)")
    seconds = 0.0
    for number in numbers:
        seconds = seconds * 60 + number
    return seconds
