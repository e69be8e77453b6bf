"""One run at a time writes a file: a lock beside it, which the system releases however the run ends."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from realtime3d.errors import OutputError
from realtime3d.files import output_error

_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}  # what systems answer when somebody else holds it


class Lock:
    """Held from construction to `close`. Nobody waits: where another run holds it, that is an OutputError."""

    def __init__(self, path: Path, purpose: str) -> None:
        """`path`: the lock's own file, made here and removed by `close`; `purpose`: what is written under it."""
        self._path, self._file = path, -1
        while self._file < 0:
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
            except OSError as error:
                raise output_error(path, error) from error
            try:
                _take(file, purpose)
                there = _is_at(file, path)
            except BaseException:
                os.close(file)
                raise
            if there:
                self._file = file
            else:  # its owner ended, and removed it, between the two
                os.close(file)

    def close(self) -> None:
        """Let the next run in."""
        if self._file < 0:
            return
        file, self._file = self._file, -1
        if sys.platform != "win32":  # there an open file cannot be removed
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(file)
        if sys.platform == "win32":
            with contextlib.suppress(OSError):  # another run has it already
                self._path.unlink()


def _take(file: int, purpose: str) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise OutputError(
                f"another run is writing {purpose} right now: wait until it has ended, or name another output"
            ) from error
        # else: a file system without locks; what exists is refused there, too


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False
