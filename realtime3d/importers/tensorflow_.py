"""Checkpoints of TensorFlow 1, both formats of it, read without TensorFlow.

The newer one is a table NAME.index, which says where each variable lies in NAME.data-00000-of-00001; the older one
is one table that holds everything.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError
from realtime3d.importers import protobuf, sstable
from realtime3d.importers.protobuf import Fields, fields, messages, number, text

KINDS = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}  # TensorFlow's numbers of types; others are left out
INDEX = ".index"
LONGEST = 1 << 31  # of a variable, in one dimension
AGAIN = "copy or download it again"


@dataclass(frozen=True, slots=True)
class Variable:
    """Where one variable lies: in a file, or (older format) in a message that was read with all others."""

    kind: str
    shape: tuple[int, ...]
    file: Path
    offset: int = 0
    size: int = 0
    message: memoryview | None = None


class Checkpoint:
    """The variables of one checkpoint by name. Numbers are read when they are asked for."""

    def __init__(self, path: Path, variables: dict[str, Variable]) -> None:
        """`path` is its name without the newer format's endings."""
        self.path = path
        self._variables = variables

    def __contains__(self, name: str) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._variables[name].shape

    def read(self, name: str) -> NDArray:
        """A variable's numbers; MissingError where the file ends before them."""
        variable = self._variables[name]
        values = _from_file(name, variable) if variable.message is None else _from_message(variable)
        if values.size != prod(variable.shape):
            raise unreadable(variable.file, f"the variable {name} has {values.size} numbers for {variable.shape}")
        return values.reshape(variable.shape)


def unreadable(path: Path, why: str) -> MissingError:
    return MissingError(f"{path} cannot be read ({why}): {AGAIN}")


def name_of(path: Path) -> Path:
    """The checkpoint's name from any file of it."""
    for ending in (INDEX, ".meta"):
        if path.name.endswith(ending):
            return path.with_name(path.name.removesuffix(ending))
    stem, found, _ = path.name.partition(".data-0")
    return path.with_name(stem) if found else path


def is_checkpoint(path: Path) -> bool:
    """Whether there is a checkpoint of this name, of either format."""
    if _with(path, INDEX).is_file():
        return True
    try:
        with open(path, "rb") as file:
            file.seek(-len(sstable.MAGIC), 2)
            return path.suffix != INDEX and sstable.is_table(file.read())
    except OSError:  # not there, a folder, or shorter than that
        return False


def checkpoints_in(folder: Path) -> list[Path]:
    """The names of all checkpoints in a folder."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    return sorted({name_of(file) for file in files if file.name.endswith(INDEX)} | set(filter(is_checkpoint, files)))


def open_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint by its name, or by any of its files. MissingError where it is none or cut off."""
    path = name_of(path)
    index = _with(path, INDEX)
    newer = index.is_file()
    table = index if newer else path
    if not table.is_file():
        raise MissingError(f"there is no checkpoint {path}: name its .index file, or the folder it lies in")
    try:
        content = memoryview(table.read_bytes())
        return Checkpoint(path, _newer(path, content) if newer else _older(path, content))
    except (ValueError, UnicodeDecodeError) as error:
        raise unreadable(table, str(error)) from error
    except OSError as error:
        raise unreadable(table, error.strerror or str(error)) from error


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _shape(message: Fields, field: int) -> tuple[int, ...]:
    """TensorShapeProto."""
    inner = messages(message, field)
    shape = tuple(number(fields(size), 1) for size in messages(fields(inner[-1]), 2)) if inner else ()
    if max(shape, default=0) > LONGEST:
        raise ValueError(f"a variable of the shape {shape}")
    return shape


# -- the newer format -------------------------------------------------------------------------------------------------


def _newer(path: Path, content: memoryview) -> dict[str, Variable]:
    variables: dict[str, Variable] = {}
    shards = 1
    for key, value in sstable.items(content):
        entry = fields(value)
        if not key:
            shards = number(entry, 1, 1)
            if number(entry, 2):
                raise ValueError("its numbers are big-endian, which is not known here")
            continue
        name, kind = key.decode("utf-8"), KINDS.get(number(entry, 1))
        if kind is None:
            continue
        if messages(entry, 7):
            raise ValueError(f"the variable {name} lies in slices, which is not known here")
        file = _with(path, f".data-{number(entry, 3):05d}-of-{shards:05d}")
        if not file.is_file():
            raise MissingError(f"{path}{INDEX} has no {file.name} beside it: a checkpoint is both files")
        shape, size = _shape(entry, 2), number(entry, 5)
        if size != prod(shape) * np.dtype(kind).itemsize:
            raise ValueError(f"the variable {name} has {size} bytes for {shape}")
        variables[name] = Variable(kind, shape, file, number(entry, 4), size)
    return variables


def _from_file(name: str, variable: Variable) -> NDArray:
    try:
        with open(variable.file, "rb") as file:
            if variable.offset + variable.size > os.fstat(file.fileno()).st_size:
                raise unreadable(variable.file, f"it ends within the variable {name}")
            file.seek(variable.offset)
            data = file.read(variable.size)
    except OSError as error:
        raise unreadable(variable.file, error.strerror or str(error)) from error
    return np.frombuffer(data, variable.kind)


# -- the older format -------------------------------------------------------------------------------------------------


def _older(path: Path, content: memoryview) -> dict[str, Variable]:
    kinds: dict[str, tuple[str, tuple[int, ...]]] = {}
    numbers: dict[str, memoryview] = {}
    for key, value in sstable.items(content):
        saved = fields(value)
        if not key:
            tensors = [tensor for meta in messages(saved, 1) for tensor in messages(fields(meta), 1)]
            for said in map(fields, tensors):
                kind = KINDS.get(number(said, 3))
                if kind is not None:
                    kinds[text(said, 1)] = kind, _shape(said, 2)
            continue
        for part in map(fields, messages(saved, 2)):
            name = text(part, 1)
            if name in numbers:
                raise ValueError(f"the variable {name} lies in slices, which is not known here")
            numbers[name] = next(iter(messages(part, 3)), memoryview(b""))
    lost = sorted(set(kinds) - set(numbers))
    if lost:
        raise ValueError(f"the variable {lost[0]} has no numbers")
    return {name: Variable(*kinds[name], path, message=numbers[name]) for name in kinds}


def _from_message(variable: Variable) -> NDArray:
    """TensorProto."""
    try:
        tensor = fields(variable.message or memoryview(b""))
        content = messages(tensor, 4)
        if content:
            return np.frombuffer(content[-1], variable.kind)
        field = {"<f4": 5, "<f8": 6}.get(variable.kind)
        if field is None:
            raise ValueError("numbers of this type are not read from the older format")
        return protobuf.floats(tensor, field, variable.kind)
    except ValueError as error:
        raise unreadable(variable.file, str(error)) from error
