"""Finding the originals' files from what people name: a file of a checkpoint, its folder, or the whole checkout."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import MissingError, UsageError
from realtime3d.importers import caffe
from realtime3d.importers.tensorflow_ import AGAIN, Checkpoint, checkpoints_in, is_checkpoint, name_of, open_checkpoint
from realtime3d.outside import DAMAGED

LARGEST_ARRAY = 64 << 20  # bytes of a mean image or of statistics


def check_there(path: Path) -> None:
    """Refuse a name under which there is nothing, or nothing that may be read."""
    try:
        found = path.exists() or is_checkpoint(name_of(path))
        if found and path.is_dir():
            next(path.iterdir(), None)
    except OSError as error:
        raise MissingError(f"{path} cannot be read ({error.strerror}): change its permissions, or copy it") from error
    if not found:
        raise UsageError(f"there is no {path}: name a file of the weights, or the folder they lie in")


def folders(path: Path, known: Sequence[str]) -> Iterator[Path]:
    """Where files of one project may lie: around `path`, and in the folders its authors use (`known`)."""
    here = path if path.is_dir() else path.parent
    places = [here, *(here / name for name in known)]
    if here.name in known:
        places += [here.parent / name for name in known]
    yield from (place for place in places if place.is_dir())


def beside(path: Path, names: Sequence[str], known: Sequence[str]) -> Path | None:
    """The first of these files that is there; an earlier name comes before a nearer place."""
    places = list(folders(path, known))
    return next((place / name for name in names for place in places if (place / name).is_file()), None)


def needed_beside(path: Path, names: Sequence[str], known: Sequence[str], what: str) -> Path:
    """The same; MissingError where there is none."""
    found = beside(path, names, known)
    if found is None:
        raise MissingError(f"{path} has no {' or '.join(names)} beside it, {what}: put it into the same folder")
    return found


def find_checkpoint(path: Path, fits: Callable[[Checkpoint], bool], known: Sequence[str], what: str) -> Checkpoint:
    """The one checkpoint under `path` that fits; `what` it is for messages."""
    if not path.is_dir():
        found = open_checkpoint(path)
        if not fits(found):
            some = next(iter(found), "no variable")
            raise MissingError(f"{found.path} is no checkpoint of {what}: it holds {some} and others; name another one")
        return found
    places = [folder for folder in (path, *(path / name for name in known)) if folder.is_dir()]
    there = [open_checkpoint(name) for place in places for name in checkpoints_in(place)]
    fitting = [checkpoint for checkpoint in there if fits(checkpoint)]
    if len(fitting) != 1:
        names = ", ".join(checkpoint.path.name for checkpoint in fitting or there)
        if fitting:
            raise UsageError(f"{path} has several checkpoints of {what}: name one of {names}")
        raise MissingError(
            f"{path} has no checkpoint of {what}{f' ({names} are of other nets)' if names else ''}: name another folder"
        )
    return fitting[0]


def check_variables(
    path: Path, there: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]], what: str
) -> None:
    """Refuse what is not exactly the net `what`, naming what is missing or differs."""
    lacking = [name for name in wanted if name not in there]
    if lacking:
        raise MissingError(
            f"{path} lacks {len(lacking)} of the {len(wanted)} variables of {what}, the first is {lacking[0]}: "
            "it is another net, name the one that its authors give"
        )
    for name, shape in wanted.items():
        if there[name] != shape:
            raise MissingError(
                f"{path} has {name} of shape {there[name]}, {what} has {shape}: it is another net, name the one that "
                "its authors give"
            )


def finite(path: Path, name: str, values: NDArray) -> NDArray:
    """Refuse numbers that are none."""
    if not np.isfinite(values).all():
        raise MissingError(f"{path} has values in {name} that are no numbers: {AGAIN}")
    return values


def array(path: Path, name: str = "") -> NDArray:
    """A .npy file, or the array `name` of a .npz; never a pickle."""
    try:
        if path.stat().st_size > LARGEST_ARRAY:
            raise ValueError("it is too large")
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        values = loaded if isinstance(loaded, np.ndarray) else loaded[name]
        return finite(path, name or "it", np.asarray(values, dtype=np.float64))
    except DAMAGED as error:
        raise MissingError(f"{path} cannot be read ({error}): {AGAIN}") from error


def numbers(path: Path, name: str, count: int) -> NDArray:
    """The first `count` numbers of an array in a file."""
    values = array(path, name).ravel()
    if len(values) < count:
        raise MissingError(
            f"{path} has {len(values)} numbers{f' in {name}' if name else ''}, {count} are needed: {AGAIN}"
        )
    return values[:count]


def mean_image(path: Path, side: int) -> NDArray:
    """(3, side, side) mean of the training pictures, BGR, 0 to 255."""
    values = caffe.picture(path) if path.suffix == ".binaryproto" else array(path, "arr_0")
    if values.size != 3 * side * side or values.shape[-3:] != (3, side, side):
        raise MissingError(f"{path} is {values.shape}, a mean picture is {(3, side, side)}: name another with --mean")
    return values.reshape(3, side, side)
