"""Writing files so that whatever happens, what is there is whole, and errors are one clear line."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from realtime3d.errors import OutputError

_ADVICE = {
    errno.ENOSPC: "the disk is full: make room or name another folder",
    errno.EDQUOT: "the quota is used up: make room or name another folder",
    errno.EACCES: "permission denied: name another folder",
    errno.EPERM: "permission denied: name another folder",
    errno.EROFS: "the folder is read-only: name another one",
    errno.ENOENT: "the folder does not exist: make it first",
    errno.ENOTDIR: "a part of the path is a file: name another folder",
    errno.EISDIR: "it is a folder: name a file",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


def output_error(path: str | Path, error: BaseException) -> OutputError:
    """What went wrong while writing `path`, as one line that says what to do."""
    number = getattr(error, "errno", None)
    known = number if isinstance(number, int) else 0
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"cannot write {path}: {_ADVICE.get(known, f'{reason}: name another file or folder')}")


def check_output(path: Path, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse a file that exists (unless told to overwrite) or that is an input; make the folder above it."""
    try:
        if "\0" in str(path):
            raise ValueError("a NUL character in the name")
        if any(_same(path, other) for other in inputs):
            raise OutputError(f"{path} is the input: name another output")
        if path.is_dir():
            raise OutputError(f"{path} is a folder: name a file in it")
        if path.exists() and not overwrite:
            raise OutputError(f"{path} is there already: add --overwrite to replace it, or name another file")
        left = next((other for other in leftovers(path) if other.exists()), None)
        if left is not None and not overwrite:
            raise OutputError(f"a killed run left {left}: add --resume to go on with it, or --overwrite to start anew")
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise output_error(path, error) from error


def check_folder(path: Path, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Refuse a folder that holds something (unless told to overwrite) or an input; make those above it."""
    try:
        if "\0" in str(path):
            raise ValueError("a NUL character in the name")
        if path.exists() and not path.is_dir():
            raise OutputError(f"{path} is a file: name a folder")
        if path.is_dir() and any(_same(path, other) for other in inputs):
            raise OutputError(f"{path} is the input: name another output")
        if path.is_dir() and next(path.iterdir(), None) is not None and not overwrite:
            raise OutputError(f"{path} is there already and not empty: add --overwrite, or name another folder")
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise output_error(path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def stem_for(source: str) -> str:
    """A file name for what is made of an input, without a suffix."""
    name = Path(source.rstrip("/").rpartition("/")[2]).stem
    return "".join(c if c not in '%*?[]<>:"|\\' else "_" for c in name) or "output"


def leftovers(path: Path) -> tuple[Path, Path]:
    """Where a run that was killed may have left a part of `path`: Parquet's parts, a video being taken over."""
    return path.with_name(path.name + ".parts"), path.with_name(path.name + ".previous")


def _same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


class AppendFile:
    """A file that grows by whole pieces, each handed to the system at once; one that fails half way is taken back."""

    def __init__(self, path: Path, keep: int = 0) -> None:
        """Open for writing behind the first `keep` bytes; what follows them is cut off."""
        self._path = path
        try:
            self._file = open(path, "r+b" if keep else "wb", buffering=0)  # noqa: SIM115 (closed by `close`)
            self._file.truncate(keep)
            self._end = self._file.seek(keep)
        except OSError as error:
            raise output_error(path, error) from error

    def append(self, piece: bytes) -> None:
        """Write a piece completely or not at all."""
        view = memoryview(piece)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            with contextlib.suppress(OSError):  # the first error is the one to tell
                self._file.truncate(self._end)
                self._file.seek(self._end)
            raise output_error(self._path, error) from error
        self._end += len(piece)

    def close(self) -> None:
        self._file.close()


@contextlib.contextmanager
def whole(path: Path, *, make_folder: bool = False) -> Iterator[Path]:
    """A draft beside `path` that takes its place when the block ends well: readers see the old content or the new one.

    After a failure, Ctrl-C included, the draft is gone and the old file is as it was; an OSError
    becomes the OutputError that says what to do.
    """
    draft = path.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        os.replace(draft, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise output_error(path, error) from error
        raise


def write_whole(path: Path, data: bytes, *, make_folder: bool = False, mode: int = 0o666) -> None:
    """Replace a file in one step. `mode` says who may read and write it, less what the user's umask takes away."""
    with whole(path, make_folder=make_folder) as draft:
        draft.touch(mode=mode)
        draft.write_bytes(data)


def user_cache() -> Path:
    """This package's folder for what can be made again."""
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "realtime3d"
