"""A window on the screen, through OpenCV. Everything here belongs to the main thread."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from realtime3d.errors import OutputError, first_line
from realtime3d.face.state import FrameResult
from realtime3d.process import load_windows_first, windows_came_late
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

_NAMES = {27: "escape", 32: "space", 13: "enter", 10: "enter", 9: "tab", 8: "backspace"}
TRIES, PAUSE_S = 3, 0.2  # of a display that does not answer
_ADVICE = "add --no-window, or start it where there is a screen"


class WindowSink:
    """Shows each picture and collects the keys pressed meanwhile.

    `keys()` gives what was pressed since the last call: "q", "?", "space", "escape", ... `closed` becomes true when the
    user closes the window; from then on `write` shows nothing.
    """

    needs_image = True

    def __init__(self, title: str = "realtime3d", gui: Any = None) -> None:
        self._title, self._gui = title, gui
        self._keys: list[str] = []
        self._shown = False
        self.closed = False

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            if self._gui is None:
                stack.enter_context(display())
                if windows_came_late():
                    raise OutputError(
                        "no window can be opened after PyAV: call realtime3d.process.load_windows_first() before it"
                    )
                import cv2

                self._gui = cv2
            self._open()
        return self

    def _open(self) -> None:
        try:
            plain = self._gui.WINDOW_GUI_NORMAL  # without Qt's toolbar
            self._gui.namedWindow(self._title, self._gui.WINDOW_NORMAL | self._gui.WINDOW_KEEPRATIO | plain)
        except self._gui.error as error:
            raise OutputError(f"no window can be opened ({first_line(error)}): {_ADVICE}") from error

    def write(self, result: FrameResult, image: Image | None) -> None:
        if image is None:
            raise ValueError("the window needs the drawn picture of every frame")
        self.show(image)

    def show(self, image: Image) -> None:
        """Put up a picture and look after keys; also without a new frame, while a source is silent."""
        if self.closed:
            return
        try:
            if not self._shown:
                self._gui.resizeWindow(self._title, image.shape[1], image.shape[0])
            self._gui.imshow(self._title, image)
            self._shown = True
            self._listen()
        except self._gui.error as error:
            raise OutputError(f"the window shows nothing any more ({first_line(error)}): {_ADVICE}") from error

    def _listen(self) -> None:
        code = self._gui.waitKey(1)  # the window is drawn in here
        while code not in (-1, 255):
            name = _NAMES.get(code & 0xFF) or chr(code & 0xFF)
            self._keys.append(name)
            code = self._gui.pollKey()
        try:
            visible = self._gui.getWindowProperty(self._title, self._gui.WND_PROP_VISIBLE)
        except self._gui.error:  # OpenCV 5 has no answer for the last window that was closed
            visible = 0
        self.closed = visible < 1

    def keys(self) -> list[str]:
        """Names of the keys pressed since the last call, in order."""
        keys, self._keys = self._keys, []
        return keys

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not self.closed:
            with contextlib.suppress(self._gui.error):  # gone already
                self._gui.destroyWindow(self._title)
        self.closed = True


def check_display() -> None:
    """Raise where no window can be opened, and load its libraries; before PyAV is imported."""
    with display():
        load_windows_first()


@contextlib.contextmanager
def display() -> Iterator[None]:
    """Raise where no window can be opened: on Linux, Qt would end the whole process instead of raising.

    Holds a connection meanwhile: an X server without other clients starts anew when its last client leaves, and refuses
    those who come just then.
    """
    name = os.environ.get("DISPLAY", "")
    if not sys.platform.startswith("linux"):
        yield
        return
    if not name:
        raise OutputError(f"there is no display: {_ADVICE}")
    with contextlib.ExitStack() as stack:
        if not any(_connect(name, stack) for _ in _pauses(TRIES)):
            raise OutputError(f"the display {name} does not answer: {_ADVICE}")
        yield


def _pauses(count: int) -> Iterator[int]:
    for number in range(count):
        if number:
            time.sleep(PAUSE_S)
        yield number


def _connect(name: str, stack: contextlib.ExitStack) -> bool:
    """Whether the X server lets us in; the connection is closed with `stack`."""
    with contextlib.suppress(OSError, AttributeError):  # no libX11 on this machine: the socket tells
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
        connection = x11.XOpenDisplay(name.encode())
        if connection:
            stack.callback(x11.XCloseDisplay, connection)
        return bool(connection)
    host, _, number = name.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdecimal():
        return False
    try:
        if host in ("", "unix"):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(2)
            client.connect(f"/tmp/.X11-unix/X{number}")
        else:
            stack.enter_context(socket.create_connection((host, 6000 + int(number)), timeout=2))
    except OSError:
        return False
    return True
