"""Which pictures to look at, and where in them: folders, patterns, files, text lists and CSV lists with boxes."""

from __future__ import annotations

import csv
import glob
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime3d.errors import SourceError
from realtime3d.sources.pictures import PICTURE_SUFFIXES, natural
from realtime3d.words import counted

TEXT_SUFFIXES, CSV_SUFFIXES = (".txt", ".lst", ".list"), (".csv",)
BOX = ("x", "y", "width", "height")
_NAMES = {  # a column's name, in small letters -> what it is
    "id": "id",
    "file": "file",
    **{f"{start}{name}": BOX[i] for start in ("", "face_", "box_") for i, name in enumerate(BOX)},
    **{f"{start}{name}": BOX[2 + i] for start in ("", "face_", "box_") for i, name in enumerate("wh")},
}
_WITHOUT_HEADER = {  # number of columns -> what they are
    1: ("file",),
    2: ("id", "file"),
    5: ("file", *BOX),
    6: ("id", "file", *BOX),
}

Box = tuple[float, float, float, float]  # left, top, width, height, px


@dataclass(frozen=True, slots=True)
class Wanted:
    """One picture, or one face of it, that somebody wants. `problem` says why it cannot be had."""

    id: str  # as the list says; empty: to be made of the file's name
    file: Path
    box: Box | None = None  # None: faces are looked for
    where: str = ""  # the list and its line
    problem: str = ""


def read_inputs(inputs: Sequence[str], without: Path | None = None) -> list[Wanted]:
    """What all inputs name, in order. Rows of lists that make no sense come with their `problem`.

    Folders and patterns name nothing that lies in the folder `without`: an output is no input.
    """
    wanted: list[Wanted] = []
    for name in inputs:
        wanted += _read_input(name, without.resolve() if without else None)
    return wanted


def _read_input(name: str, without: Path | None) -> list[Wanted]:
    path = Path(name)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError) as error:  # too long, or a NUL character
        raise SourceError(f"{name[:60]!r} is no file name ({error}): check it") from error
    suffix = path.suffix.lower()
    if is_file and suffix in CSV_SUFFIXES:
        return list(_csv_rows(path))
    if is_file and suffix in TEXT_SUFFIXES:
        return list(_text_lines(path))
    if is_file:
        return [Wanted("", path)]
    if not is_folder and not glob.has_magic(name):
        raise SourceError(f"{name} does not exist: check the name and the folder ({Path.cwd()})")
    found = path.rglob("*") if is_folder else map(Path, glob.glob(name, recursive=True))
    pictures = (f for f in found if f.suffix.lower() in PICTURE_SUFFIXES and f.is_file())
    files = sorted((f for f in pictures if without not in f.resolve().parents), key=natural)
    if not files:
        reason = "holds no pictures" if is_folder else "names no picture that exists"
        raise SourceError(f"{name} {reason} ({', '.join(sorted(PICTURE_SUFFIXES))}): check the path")
    return [Wanted("", file) for file in files]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return path.read_bytes().decode("latin-1")  # an old list: names with accents, every byte a letter
    except OSError as error:
        raise SourceError(f"{path}: cannot read the list ({error.strerror}): check the name") from error


def _text_lines(path: Path) -> Iterator[Wanted]:
    """A path a line; empty lines and those that begin with # are left out."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        name = line.strip()
        if name and not name.startswith("#"):
            yield _wanted(path, number, {"file": name})


def _csv_rows(path: Path) -> Iterator[Wanted]:
    """`ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT`, `FILE,X,Y,W,H` and parts of them, with or without header."""
    columns: Sequence[str] | None = None
    reader = csv.reader(io.StringIO(_text(path)), skipinitialspace=True)
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            if not any(row):
                continue
            if columns is None:
                columns = _header(row)
                if columns is not None:
                    _check_header(path, columns)
                    continue
                columns = _WITHOUT_HEADER.get(len(row))
                if columns is None:
                    raise SourceError(
                        f"{path} has no header and {counted(len(row), 'column')}: write ID,FILE,FACE_X,FACE_Y,"
                        "FACE_WIDTH,FACE_HEIGHT or FILE,X,Y,W,H"
                    )
            yield _row(path, reader.line_num, columns, row)
    except csv.Error as error:
        raise SourceError(f"{path}, line {reader.line_num}: {error}: this is no CSV file, or a damaged one") from error


def _header(row: Sequence[str]) -> list[str] | None:
    names = [_NAMES.get(re.sub(r"[\s<>]", "", cell).lower(), "") for cell in row]
    return names if "file" in names else None


def _check_header(path: Path, columns: Sequence[str]) -> None:
    boxes = [name for name in BOX if name in columns]
    missing = [name for name in BOX if name not in columns]
    if boxes and missing:
        raise SourceError(f"{path} has {', '.join(boxes)} of a box but not {', '.join(missing)}: give all four or none")


def _row(path: Path, number: int, columns: Sequence[str], row: Sequence[str]) -> Wanted:
    values = {name: cell for name, cell in zip(columns, row, strict=False) if name}
    missing = [name for name in columns if name and name not in values]
    if missing:
        return _wanted(path, number, values, f"{', '.join(missing)} is missing in this row")
    return _wanted(path, number, values)


def _wanted(path: Path, number: int, values: dict[str, str], problem: str = "") -> Wanted:
    where = f"{path}:{number}"
    name = values.get("file", "")
    if not problem and (not name or "\0" in name):
        problem = "no file is named in this row"
    box = None
    if not problem and BOX[0] in values:
        box, problem = _box([values[part] for part in BOX])
    if not problem and "id" in values and not values["id"]:
        problem = "the ID is empty"
    return Wanted(values.get("id", ""), _beside(path, name.replace("\0", "")), box, where, problem)


def _box(cells: Sequence[str]) -> tuple[Box | None, str]:
    text = ",".join(cells)
    try:
        x, y, width, height = map(float, cells)
    except ValueError:
        return None, f"the box {text} is not four numbers"
    if not all(map(math.isfinite, (x, y, width, height))) or width <= 0 or height <= 0:
        return None, f"the box {text} is empty: width and height must be over 0"
    return (x, y, width, height), ""


def _beside(path: Path, name: str) -> Path:
    """A file relative to its list; where only that exists, relative to the working folder, as the originals took it."""
    file = path.parent / name
    try:
        return Path(name) if not file.exists() and Path(name).exists() else file
    except OSError:  # too long a name: the picture cannot be read, and says so
        return file
