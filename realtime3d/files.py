"""Writing files so that whatever happens, what is there is whole, and errors are one clear line."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
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
    errno.EEXIST: "somebody else has just made it: name another file",
    errno.ELOOP: "it is a symbolic link: name the file itself",
}
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def output_error(path: str | Path, error: BaseException) -> OutputError:
    """What went wrong while writing `path`, as one line that says what to do."""
    number = getattr(error, "errno", None)
    known = number if isinstance(number, int) else 0
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"cannot write {path}: {_ADVICE.get(known, f'{reason}: name another file or folder')}")


def check_output(path: Path, overwrite: bool, inputs: Iterable[Path] | Inputs = ()) -> None:
    """Refuse what must not be written: an input, a link, a folder, a device, and (unless told to overwrite) a file that
    exists or that a killed run left; make the folder above it, and see that it can be written to."""
    try:
        if "\0" in str(path):
            raise ValueError("a NUL character in the name")
        if path in (inputs if isinstance(inputs, Inputs) else Inputs(inputs)):
            raise OutputError(f"{path} is the input: name another output")
        refuse_odd(path)
        if path.exists() and not overwrite:
            raise OutputError(f"{path} is there already: add --overwrite to replace it, or name another file")
        left = next((other for other in leftovers(path) if os.path.lexists(other)), None)
        if left is not None and not overwrite:
            raise OutputError(
                f"a killed run left {left}: add --resume to go on with it (a camera or a stream cannot), or "
                "--overwrite to start anew"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        _try_to_write(path)
    except (OSError, ValueError) as error:
        raise output_error(path, error) from error


def refuse_odd(path: Path) -> None:
    """Only ordinary files are replaced: a link leads elsewhere, a device or a pipe is none of ours."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise OutputError(f"{path} is a symbolic link: name the file itself")
    if stat.S_ISDIR(mode):
        raise OutputError(f"{path} is a folder: name a file in it")
    if not stat.S_ISREG(mode):
        raise OutputError(f"{path} is no ordinary file: name one")


def _try_to_write(path: Path) -> None:
    """A file beside `path` comes and goes, with a name as long as its own."""
    draft = draft_of(path)
    os.close(open_new(draft))
    draft.unlink()


def check_folder(path: Path, overwrite: bool, inputs: Iterable[Path] | Inputs = ()) -> None:
    """Refuse a folder that holds something (unless told to overwrite) or an input; make those above it."""
    try:
        if "\0" in str(path):
            raise ValueError("a NUL character in the name")
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise OutputError(f"{path} is a file or a link: name a folder")
        if path.is_dir() and path in (inputs if isinstance(inputs, Inputs) else Inputs(inputs)):
            raise OutputError(f"{path} is the input: name another output")
        if path.is_dir() and next(path.iterdir(), None) is not None and not overwrite:
            raise OutputError(f"{path} is there already and not empty: add --overwrite, or name another folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        _try_to_write(path)
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
    name = "stdin" if source == "-" else Path(source.rstrip("/").rpartition("/")[2]).stem
    return "".join(c if c not in '%*?[]<>:"|\\' else "_" for c in name) or "output"


def leftovers(path: Path) -> tuple[Path, Path]:
    """Where a run that was killed may have left a part of `path`: Parquet's parts, a video being taken over."""
    return path.with_name(path.name + ".parts"), path.with_name(path.name + ".previous")


def others(path: Path) -> Iterator[Path]:
    """The files of a second face and more, beside that of the first: `NAME_ID`."""
    ours = re.compile(rf"{re.escape(path.stem)}_\d+{re.escape(path.suffix)}")
    if path.parent.is_dir():
        yield from (file for file in path.parent.iterdir() if ours.fullmatch(file.name))


def draft_of(path: Path) -> Path:
    """A new name beside `path` for what is to replace it."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{uuid.uuid4().hex[:8]}{path.suffix}")


def forget_drafts(path: Path) -> None:
    """Remove the drafts of `path` that killed runs left; nobody else may be writing it."""
    ours = re.compile(rf"\.{re.escape(path.stem)}\.\d+-[0-9a-f]{{8}}{re.escape(path.suffix)}")
    for file in path.parent.iterdir():
        if ours.fullmatch(file.name):
            file.unlink(missing_ok=True)


def open_new(path: Path) -> int:
    """A descriptor of a file that did not exist: whatever got there meanwhile, a link above all, is not touched."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666)


class Inputs:
    """Files that are read: `path in inputs` knows them by any name, hard links included."""

    def __init__(self, paths: Iterable[Path]) -> None:
        paths = list(paths)
        self._places = {path.resolve() for path in paths}
        self._files = {_number_of(path) for path in paths} - {None}

    def __contains__(self, path: Path) -> bool:
        return path.resolve() in self._places or _number_of(path) in self._files


def _number_of(path: Path) -> tuple[int, int] | None:
    """What the system knows a file by."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino)


def remove(path: Path) -> None:
    """Delete a file, if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


class AppendFile:
    """A file that grows by whole pieces, each handed to the system at once; one that fails half way is taken back."""

    def __init__(self, path: Path, keep: int | None = None) -> None:
        """A new file; with `keep` one that may be there, of which so many bytes stay."""
        self._path = path
        try:
            if keep == 0:
                path.unlink(missing_ok=True)
            file = os.open(path, os.O_RDWR | _NO_LINK) if keep else open_new(path)
            keep = keep or 0
            self._file = os.fdopen(file, "r+b", buffering=0)
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
    draft = draft_of(path)
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
