"""Writing what was imported as a model set: part by part, each whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realtime3d.errors import MissingError, OutputError
from realtime3d.files import check_folder, forget_drafts, output_error, refuse_odd, write_whole
from realtime3d.importers.basel import N_EXPRESSION, N_SHAPE
from realtime3d.importers.piece import EXPRESSION, FACE_MODEL, SHAPE, Piece
from realtime3d.nets.modelset import FORMAT, IMPORTED, IMPORTS, LIST, missing_parts, read_list, write_list

OURS = re.compile(rf"\.?({'|'.join(IMPORTS)})-.*\.(onnx|npz)|\.models\..*")  # what a killed import may have left
NAME = "imported"  # of the set in its folder


def check(folder: Path, part: str, overwrite: bool) -> None:
    """Refuse a folder that cannot take this part, before the weights are read."""
    _table(folder, part, overwrite)


def add(folder: Path, piece: Piece, overwrite: bool) -> tuple[Path, list[str]]:
    """Write a part into the set in `folder`, which is made where there is none. Gives its file and the parts that are
    still missing. After a failure the set is as it was."""
    digest = hashlib.sha256(piece.data).hexdigest()
    file = folder / f"{piece.part}-{digest[:8]}{piece.suffix}"
    _check_fit(_table(folder, piece.part, overwrite), piece)
    new_folder, was_there = not folder.exists(), file.exists()
    try:
        write_whole(file, piece.data, make_folder=True)
        table = _table(folder, piece.part, overwrite, ours=file)  # again: another import may have come in between
        old = table.get(piece.part, {}).get("file")
        table[piece.part] = {"file": file.name, "sha256": digest, **piece.facts}
        content = {"format": FORMAT, "default": NAME, NAME: table}
        write_list(folder / LIST, content)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            if not was_there:
                file.unlink(missing_ok=True)
            if new_folder:
                folder.rmdir()
        raise
    forget_drafts(file)
    if old and old != file.name:
        (folder / old).unlink(missing_ok=True)
    return file, missing_parts(table)


def _table(folder: Path, part: str, overwrite: bool, ours: Path | None = None) -> dict[str, Any]:
    """What the set holds so far."""
    try:
        listed = read_list(folder / LIST)
        if not listed and ours is None:
            check_folder(folder, overwrite=True)
            strange = [file for file in folder.iterdir() if not OURS.fullmatch(file.name)] if folder.exists() else []
            if strange:
                raise OutputError(f"{folder} holds {strange[0].name} and is no imported set: name another folder")
        refuse_odd(folder / LIST)
    except OSError as error:
        raise output_error(folder, error) from error
    if not listed:
        return {"status": "imported", "kind": IMPORTED}
    table = listed.get(NAME)
    if listed.get("format") != FORMAT or not isinstance(table, Mapping) or table.get("kind") != IMPORTED:
        raise OutputError(f"{folder} holds models that were not imported: name another folder")
    if part in table and not overwrite:
        raise OutputError(
            f"{folder} has {IMPORTS[part][0]} already: add --overwrite to replace it, or name another folder"
        )
    return dict(table)


def _check_fit(table: Mapping[str, Any], piece: Piece) -> None:
    """The nets' coefficients belong to one face model, that of 2009."""
    model = piece.facts if piece.part == FACE_MODEL else table.get(FACE_MODEL)
    nets = [part for part in (EXPRESSION, SHAPE) if part in table or part == piece.part]
    if model is None or not nets or (model["n_shape"], model["n_expression"]) == (N_SHAPE, N_EXPRESSION):
        return
    raise MissingError(
        f"a face model of {model['n_shape']} shapes and {model['n_expression']} expressions does not fit these nets, "
        f"which answer for {N_SHAPE} and {N_EXPRESSION} of the Basel Face Model of 2009: name another folder"
    )
