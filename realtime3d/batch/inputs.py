"""From what the user names to films: files, folders, patterns, lists and addresses."""

from __future__ import annotations

import csv
import glob
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime3d.errors import SourceError
from realtime3d.sources import remote
from realtime3d.sources.pictures import natural

SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv",
     ".ts", ".vob", ".webm", ".wmv", ".y4m"}
)  # fmt: skip
LISTS = frozenset({".txt", ".lst", ".list", ".csv"})
COLUMNS = ("file", "film", "path", "address", "url")  # of a CSV list, the first that is there
_UNFIT = re.compile(r"[^\w.-]", re.UNICODE)
LONGEST_NAME = 120
_READ_AS_VALUES = {"null", "epoch", "infinity", "inf", "nan", "true", "false"}  # by readers of partitions


@dataclass(frozen=True, slots=True)
class Found:
    """A film that is to be done. Size and time of the last change are known where a look at the folder tells them."""

    address: str
    bytes: int | None = None
    changed_ns: int | None = None

    @property
    def name(self) -> str:
        """The film's name in the table's folders: text for every reader of partitioned data."""
        stem = _UNFIT.sub("_", Path(self.address.rstrip("/").rpartition("/")[2].partition("?")[0]).stem)[:LONGEST_NAME]
        readable = stem[:1].isalpha() and stem.lower() not in _READ_AS_VALUES
        return stem if readable else f"film-{stem}"


def find_films(inputs: Sequence[str], without: Path) -> Iterator[Found]:
    """All films that the inputs name, in order. What lies in `without`, the output, is no input."""
    for name in inputs:
        count = 0
        for film in _of_input(name, without.resolve()):
            count += 1
            yield film
        if not count:
            raise SourceError(f"{name} names no film ({', '.join(sorted(SUFFIXES))}): check the path")


def _of_input(name: str, without: Path) -> Iterator[Found]:
    if "://" in name:
        yield from _away(name)
        return
    path = Path(name)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError) as error:  # too long, or a NUL character
        raise SourceError(f"{name[:60]!r} is no file name ({error}): check it") from error
    if is_folder:
        yield from _folder(path, without)
    elif is_file and path.suffix.lower() in LISTS:
        yield from _list(path)
    elif is_file:
        yield _file(path)
    elif glob.has_magic(name):
        found = (Path(file) for file in glob.iglob(name, recursive=True))
        films = (file for file in found if file.suffix.lower() in SUFFIXES and file.is_file())
        yield from map(_file, sorted((f for f in films if without not in f.resolve().parents), key=natural))
    else:
        raise SourceError(f"{name} does not exist: check the name and the folder ({Path.cwd()})")


def _file(path: Path) -> Found:
    """With its size, where it is there: a link may lead nowhere, and a file go meanwhile."""
    try:
        status = path.stat()
    except OSError:
        return Found(os.path.abspath(path))
    return Found(os.path.abspath(path), status.st_size, status.st_mtime_ns)


def _folder(path: Path, without: Path) -> Iterator[Found]:
    """The films of a folder and those below it, folder by folder."""
    for folder, inner, files in os.walk(path):
        inner[:] = sorted(name for name in inner if (Path(folder) / name).resolve() != without)
        films = (Path(folder) / name for name in files if Path(name).suffix.lower() in SUFFIXES)
        yield from map(_file, sorted(films, key=natural))


def _away(address: str) -> Iterator[Found]:
    """One film of a server, or all in one of its folders."""
    if Path(address.partition("?")[0]).suffix.lower() in LISTS:
        with remote.fetched(address) as file:
            yield from _list(file, address.rpartition("/")[0])
        return
    for there in remote.listed(address, SUFFIXES):
        yield Found(there.address, there.bytes, None)


def _list(path: Path, folder: str = "") -> Iterator[Found]:
    """A film a line, relative to the list; of a CSV list the column that names it."""
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise SourceError(f"{path}: cannot read the list ({error.strerror}): check the name") from error
    for name in _column(path, text) if path.suffix.lower() == ".csv" else map(str.strip, text.splitlines()):
        if not name or name.startswith("#"):
            continue
        if "://" in name:
            yield Found(name)
        elif folder:
            yield Found(f"{folder}/{name}")
        else:
            there = path.parent / name
            yield _file(there) if _is_file(there) else Found(os.path.abspath(there))


def _is_file(path: Path) -> bool:
    """A name that no file can have, because it is too long, is that of a film that cannot be read."""
    try:
        return path.is_file()
    except OSError:
        return False


def _column(path: Path, text: str) -> Iterator[str]:
    reader = csv.reader(io.StringIO(text), skipinitialspace=True)
    try:
        column: int | None = None
        for row in reader:
            cells = [cell.strip() for cell in row]
            if column is None:
                heads = [cell.lower() for cell in cells]
                column = next((heads.index(name) for name in COLUMNS if name in heads), -1)
                if column >= 0:
                    continue
                column = 0
            if len(cells) > column:
                yield cells[column]
    except csv.Error as error:
        raise SourceError(f"{path}, line {reader.line_num}: {error}: this is no CSV file, or a damaged one") from error
