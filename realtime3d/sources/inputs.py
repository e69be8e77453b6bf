"""What a named source reads: its files, which no output may replace, and what tells it from another input."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from realtime3d.errors import SourceError
from realtime3d.sources.base import SourceSpec
from realtime3d.sources.choose import is_file_name
from realtime3d.sources.pictures import names_pictures, picture_files

HASHED_BYTES = 1 << 16  # of the beginning and of the end: two films of the same size differ there
_FILE_URL = re.compile(r"file:(?://(?:localhost(?=/))?)?(.+)", re.S)


def _is_file(source: SourceSpec) -> bool:
    return isinstance(source, Path) or (isinstance(source, str) and is_file_name(source))


def check_input(source: SourceSpec) -> None:
    """Refuse a file or folder that is not there."""
    try:
        missing = _is_file(source) and not Path(str(source)).exists()
    except (OSError, ValueError) as error:  # too long, or a NUL character
        raise SourceError(f"{str(source)[:60]!r} is no file name ({error}): check it") from error
    if missing:
        raise SourceError(f"{source} does not exist: check the name and the folder ({Path.cwd()})")


def input_files(spec: SourceSpec) -> list[Path]:
    """Every file of this machine that reading `spec` opens; none for cameras, networks and arrays."""
    if isinstance(spec, (list, tuple)):
        return [Path(item) for item in spec if isinstance(item, (str, Path))]
    if not isinstance(spec, (str, Path)):
        return []
    name = str(spec)
    if os.path.isfile(name):
        return [Path(name)]
    if names_pictures(name) and "://" not in name:
        return [file for _, file in picture_files(name)]
    return [path for path in _of_url(name) if path.exists()]


def _of_url(name: str) -> Iterator[Path]:
    """A `file:` URL is read by FFmpeg as it is written; others mean the same with %20 for a blank."""
    match = _FILE_URL.search(name)
    if match:
        yield Path(match[1])
        yield Path(unquote(match[1]))


def identity_of(spec: SourceSpec) -> dict[str, Any]:
    """What stays the same when an input is read again, and differs between inputs, as far as files tell."""
    files = input_files(spec)
    if not files:
        return {}
    digest = hashlib.sha256()
    sizes = [file.stat().st_size for file in files]
    if len(files) > 1:  # pictures: their names and sizes, and how the first one begins
        names = "\0".join(f"{file.name}\0{size}" for file, size in zip(files, sizes, strict=True))
        digest.update(os.fsencode(names))
    with open(files[0], "rb") as file:
        digest.update(file.read(HASHED_BYTES))
        file.seek(max(0, sizes[0] - HASHED_BYTES))
        digest.update(file.read(HASHED_BYTES))
    return {"files": len(files), "bytes": sum(sizes), "sha256_of_ends": digest.hexdigest()}
