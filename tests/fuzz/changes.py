"""Changes that keep a file's form, so that what lies behind its parser is reached: a checksum, a length or a bracket
that is wrong ends most inputs whose bytes alone are changed.

Each takes an input and a source of chance, and gives None where the input has not this form.
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from realtime3d.outside import DAMAGED

Change = Callable[[bytes, Random], bytes | None]
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2, 7, 255, 1 << 31, 1 << 63, 10**400, 0.5, -0.0, 1e308, float("nan"), float("-inf"), "", "a",
    "0", "nan", "../x", "\0", "\ud800", [], [0], [[]], [[0, 0], [0]], {}, {"a": 0},
)  # fmt: skip
ODD_WORDS = (
    "", " ", "0", "-0", "-1", "1", "2", "0.5", "1e308", "1e999", "-1e999", "nan", "inf", "9" * 20, "9" * 400, "x", '"',
    "a,b", "true", "\0", "٣", "../x", "/", "#", "1_0",
)  # fmt: skip
ODD_CELLS = (
    None, 0, -1, 1, 3, (1 << 63) - 1, 0.5, 1e308, "", "a", "{}", "[]", "null", '{"a": [1]}', b"\0\xff", "9" * 400,
)  # fmt: skip
DEEP = 300  # lists in lists; more are tried by tests of their own


def bytes_of(data: bytes, chance: Random) -> bytes:
    """A few bytes are others, gone, or there twice."""
    new = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(new) + 1)
        kind = chance.randrange(4)
        if kind == 0 and new:
            new[place % len(new)] = chance.randrange(256)
        elif kind == 1:
            del new[place : place + chance.randrange(1, 20)]
        elif kind == 2:
            new[place:place] = chance.choice([b"-", b"1e999", b"[" * 50, b"\0", b"\xff\xfe", b'"', b"\n", b"9" * 30])
        else:
            new[place:place] = new[place : place + chance.randrange(1, 40)]
    return bytes(new)


# -- JSON -------------------------------------------------------------------------------------------------------------


def json_of(data: bytes, chance: Random) -> bytes | None:
    """One of the JSON objects in it has another value, or lacks one."""
    text = data.decode("latin-1")
    begins = [match.start() for match in re.finditer(r"(?:^|(?<=[\n\0\1\2\3]))[{\[]", text)]
    if not begins:
        return None
    begin = chance.choice(begins)
    try:
        whole, end = json.JSONDecoder().raw_decode(text, begin)
        new = json.dumps(_changed(whole, chance))
    except (ValueError, RecursionError):
        return None
    return (text[:begin] + new + text[end:]).encode("latin-1", "replace")


def _changed(whole: Any, chance: Random) -> Any:
    holder = [whole]
    places: list[tuple[Any, Any]] = []
    _collect(holder, places)
    for _ in range(chance.randrange(1, 3)):
        inside, key = chance.choice(places)
        _change_one(inside, key, places, chance)
    return holder[0] if holder else None


def _collect(inside: Any, places: list[tuple[Any, Any]]) -> None:
    """Every value as what it lies in and its key or number there."""
    for key in inside if isinstance(inside, dict) else range(len(inside)):
        places.append((inside, key))
        if isinstance(inside[key], dict | list):
            _collect(inside[key], places)


def _change_one(inside: Any, key: Any, places: list[tuple[Any, Any]], chance: Random) -> None:
    kind = chance.randrange(6)
    if key not in inside if isinstance(inside, dict) else key >= len(inside):
        return  # another change took it away
    if kind == 0:
        del inside[key]
    elif kind == 1 and isinstance(inside, list):
        inside.append(json.loads(json.dumps(inside[key])))
    elif kind == 2:
        other, name = chance.choice(places)
        if name in other if isinstance(other, dict) else name < len(other):
            inside[key] = json.loads(json.dumps(other[name]))
    elif kind == 3 and chance.randrange(20) == 0:
        for _ in range(DEEP):
            inside[key] = [inside[key]]
    elif kind == 4 and isinstance(inside[key], int | float) and abs(inside[key]) < 1 << 53:
        inside[key] += chance.choice((-1, 1, 0.5, -100, 1 << 20))
    else:
        inside[key] = json.loads(json.dumps(chance.choice(ODD)))


def glb_of(data: bytes, chance: Random) -> bytes | None:
    """Its JSON is another one, its lengths are right."""
    if len(data) < 20:
        return None
    size = struct.unpack_from("<I", data, 12)[0]
    new = json_of(data[20 : 20 + size].strip(b" "), chance)
    if new is None:
        return None
    new += b" " * (-len(new) % 4)
    rest = data[20 + size :]
    return data[:8] + struct.pack("<II", 20 + len(new) + len(rest), len(new)) + data[16:20] + new + rest


# -- tables and settings ----------------------------------------------------------------------------------------------


def cells_of(data: bytes, chance: Random) -> bytes | None:
    """Some cells of a table are others, gone, or there twice."""
    lines = [line.split(b",") for line in data.split(b"\n")]
    if len(lines) < 2:
        return None
    for _ in range(chance.randrange(1, 4)):
        row = chance.choice(lines)
        place, kind = chance.randrange(len(row)), chance.randrange(8)
        if kind == 0:
            row.insert(place, row[place])
        elif kind == 1 and len(row) > 1:
            del row[place]
        elif kind == 2:
            lines.insert(chance.randrange(len(lines) + 1), list(row))
        else:
            row[place] = chance.choice(ODD_WORDS).encode()
    return b"\n".join(b",".join(row) for row in lines)


def toml_of(data: bytes, chance: Random) -> bytes | None:
    """A setting has another value."""
    lines = data.split(b"\n")
    places = [i for i, line in enumerate(lines) if b"=" in line]
    if not places:
        return None
    place = chance.choice(places)
    name = lines[place].partition(b"=")[0]
    words = (*ODD_WORDS, '"a"', '""', "[]", "{}", "[1, 2, 3]", "{a = 1}", "1979-05-27")
    lines[place] = name + b"= " + chance.choice(words).encode()
    return b"\n".join(lines)


# -- files of several parts -------------------------------------------------------------------------------------------


def zip_of(data: bytes, chance: Random) -> bytes | None:
    """A file in a ZIP is another one, and its checksum is right."""
    begin = data.find(b"PK\3\4")
    if begin < 0 or begin > 1:  # a byte before it says which kind of file it is
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data[begin:])) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except DAMAGED:
        return None
    if not files:
        return None
    name = chance.choice(list(files))
    kind = chance.randrange(8)
    if kind == 0:
        del files[name]
    elif kind == 1:
        files[name] = files[chance.choice(list(files))]
    else:
        files[name] = _numbers_of(files[name], chance) if kind > 4 else bytes_of(files[name], chance)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for each, content in files.items():
            archive.writestr(each, content)
    return data[:begin] + packed.getvalue()


def _numbers_of(content: bytes, chance: Random) -> bytes:
    """The text at the beginning of an array's file has another number or kind; its length stays."""
    found = list(re.finditer(rb"\d+|<f\d|<i\d|<U\d|True|False", content[:200]))
    if not found:
        return bytes_of(content, chance)
    match = chance.choice(found)
    words = (b"0", b"1", b"2", b"3", b"9", b"-1", b"99", b"<f4", b"<f8", b"|O8", b"<i8", b"<U3", b"True", b"|V4")
    new = chance.choice(words)
    at = match.end() + max(len(new) - len(match[0]), 0)
    return content[: match.start()] + new.ljust(len(match[0])) + content[at:]


def database_of(data: bytes, chance: Random) -> bytes | None:
    """A cell of a SQLite file is another one."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / "m"
        path.write_bytes(data)
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = OFF")
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            table = chance.choice(tables)
            columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
            column, kind = chance.choice(columns), chance.randrange(10)
            if kind == 0:
                connection.execute(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
            elif kind == 1:
                connection.execute(f'DELETE FROM "{table}"')
            else:
                number = chance.randrange(1, 4)
                old = connection.execute(f'SELECT "{column}" FROM "{table}" LIMIT 1 OFFSET {number - 1}').fetchone()
                connection.execute(
                    f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (_odd_cell(old, chance), number)
                )
        except (sqlite3.Error, IndexError, UnicodeError, OverflowError):
            return None
        finally:
            connection.close()
        return path.read_bytes()


def _odd_cell(old: tuple[Any, ...] | None, chance: Random) -> Any:
    if old and isinstance(old[0], str) and chance.randrange(2):
        return (json_of(old[0].encode("utf-8", "replace"), chance) or b"").decode("utf-8", "replace")
    return chance.choice(ODD_CELLS)


def parquet_of(data: bytes, chance: Random) -> bytes | None:
    """A column is of another kind."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
        if not table.num_columns:
            return None
        place, count = chance.randrange(table.num_columns), table.num_rows
        odd = chance.choice([None, "a", "1", True, 1 << 62, -1, float("nan"), [1.0], {"a": 1}, b"x", 10**30])
        column = pyarrow.array([odd] * count)
        if chance.randrange(3) == 0:
            table = table.remove_column(place)
        else:
            table = table.set_column(place, table.column_names[place], column)
        target = io.BytesIO()
        pyarrow.parquet.write_table(table, target)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError):
        return None
    return target.getvalue()
