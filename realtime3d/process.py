"""Everything that the library does to the process it runs in, each with its reason. Nothing else does any of it."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import faulthandler
import importlib.util
import io
import os
import platform
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from realtime3d.errors import UsageError

LARGEST_KEPT_BLOCK = 31 << 20
_users: set[int] = set()  # processes that used the libraries: this one, and those it was forked from
_holders: weakref.WeakSet[Any] = weakref.WeakSet()  # of what those libraries made
_left: weakref.WeakSet[Any] = weakref.WeakSet()  # for the system to free
_STDERR = threading.Lock()  # two at once would end with the null device


def prefer_egl() -> None:
    """OpenGL without a screen: PyOpenGL reads this when it is imported, and no argument says it."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")


def turn_off_telemetry() -> None:
    """ONNX Runtime, from 1.29 on, reports what it runs to its makers unless this was said before it is loaded."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@contextlib.contextmanager
def when_first_used(module: str) -> Iterator[None]:
    """What is imported meanwhile gets a stand-in for `module`, which loads the real one when something is asked of it.

    MediaPipe imports sounddevice, which runs ldconfig, gcc and ld from PATH to find a library that nothing here needs.
    Who uses the real one, before or after, in MediaPipe or elsewhere, gets it.
    """
    stand_in = _StandIn(module)
    installed = sys.modules.setdefault(module, stand_in) is stand_in
    try:
        yield
    finally:
        if installed and sys.modules.get(module) is stand_in:
            del sys.modules[module]


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def refuse_after_use() -> None:
    """Note that this process uses the inference libraries; UsageError in one that was forked from a process that did.

    Their threads do not survive a fork: the child would hang or abort.
    """
    _users.add(os.getpid())
    if is_forked():
        raise UsageError(
            "this process was forked from one that had used a FaceTracker, and its libraries do not survive that: "
            "start processes with multiprocessing.get_context('spawn')"
        )


class _HasTurn(Protocol):
    _turn: Any  # a threading.RLock


S = TypeVar("S", bound=_HasTurn)
P = ParamSpec("P")
T = TypeVar("T")


def one_thread(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """UsageError where another thread is in a method of the same object: two at once break native code for good."""

    @wraps(method)
    def guarded(self: S, *arguments: P.args, **named: P.kwargs) -> T:
        if not self._turn.acquire(blocking=False):
            raise UsageError(
                f"another thread is using this {type(self).__name__}: make one for each thread (they can share nets, "
                "see SharedBackend), or take turns with a lock"
            )
        try:
            return method(self, *arguments, **named)
        finally:
            self._turn.release()

    return guarded


def system_name() -> str:
    """System, its release and the kind of machine. `platform.platform()` would run uname from PATH."""
    return f"{platform.system()}-{platform.release()}-{platform.machine()}"


def is_forked() -> bool:
    """Whether this process was forked from one that used the inference libraries. Then nothing of theirs is closed."""
    return bool(_users - {os.getpid()})


def leave_to_parent(holder: object) -> None:
    """In processes forked from this one, never free `holder`: its libraries would wait for threads that are gone."""
    _holders.add(holder)


def _keep_holders() -> None:
    """In the child: a reference more than will ever be dropped, not even when the interpreter ends."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(list(_holders)))


def leave_to_system(holder: object) -> None:
    """Never free `holder` while the interpreter ends: its library would complain that its threads are gone."""
    _left.add(holder)


@atexit.register
def _keep_left() -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(list(_left)))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_holders)


def keep_freed_pages() -> None:
    """Make room for pictures once instead of for every frame.

    glibc hands the pages of a freed picture back to the system and asks for new ones for the next picture, which costs
    about as much as converting it (0.8 ms at 720p). It stops doing so for all blocks smaller than the largest that it
    has seen freed, up to 32 MB. Elsewhere this does nothing.
    """
    import numpy as np

    np.empty(LARGEST_KEPT_BLOCK, np.uint8)


def give_back_pages() -> None:
    """Hand what is free to the system: decoders' threads leave a little in each of glibc's arenas, film after film."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
        if trim is not None:
            trim(0)


def fill_standard_descriptors() -> None:
    """Where standard input, output or errors were closed (`2>&-`), the null device takes the place.

    Else the next file that is opened, a table say, would be what native code writes its messages to.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: SIM115


def hush_native_code() -> None:
    """Point file descriptor 2 at nothing while Python keeps writing to the real stderr.

    TensorFlow Lite, FFmpeg and OpenCV write start-up chatter straight to the descriptor; no setting turns it off.
    """
    try:
        if sys.stderr.fileno() != 2:  # captured, or hushed before
            return
    except (AttributeError, OSError, io.UnsupportedOperation):
        return
    sys.stderr.flush()
    real = os.dup(2)
    sys.stderr = os.fdopen(real, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    faulthandler.enable(sys.stderr)  # a crash of native code must still leave its trace


def load_windows_first() -> None:
    """Load what cv2's windows need, on Linux before PyAV is imported; `windows_came_late` says when it was not.

    Both wheels carry XCB libraries under one file name, built against different others. The first that is loaded serves
    both, and with PyAV's a window of cv2 waits for ever.
    """
    plugin = _cv2_folder() / "qt" / "plugins" / "platforms" / "libqxcb.so"
    if plugin.is_file():
        with contextlib.suppress(OSError):  # a system without X: the window says so itself
            ctypes.CDLL(str(plugin))


def windows_came_late() -> bool:
    """Whether PyAV's XCB library is loaded where cv2 has one of that name for its windows."""
    try:
        loaded = Path("/proc/self/maps").read_text(errors="replace")
    except OSError:  # no such file on other systems, which have no XCB
        return False
    names = set(re.findall(r"av\.libs/(libxcb-\S+)", loaded))
    return any((folder / name).is_file() for folder in _cv2_folder().parent.glob("opencv*.libs") for name in names)


def _cv2_folder() -> Path:
    found = importlib.util.find_spec("cv2")
    return Path(found.origin or "").parent if found else Path("no cv2")


@contextlib.contextmanager
def quiet_native_log() -> Iterator[None]:
    """MediaPipe's C++ part writes notes to stderr whatever it is told: look away while it opens and closes."""
    with _STDERR, _null_stderr():
        yield


@contextlib.contextmanager
def _null_stderr() -> Iterator[None]:
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError, ValueError):  # no stderr at all: nothing to quiet
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
