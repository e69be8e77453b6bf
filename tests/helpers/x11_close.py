"""Closing a window as its close button does, which `xdotool` learned only lately (`windowquit`)."""

from __future__ import annotations

import ctypes

CLIENT_MESSAGE = 33


class _Message(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
    )


class _Event(ctypes.Union):
    _fields_ = (("message", _Message), ("room", ctypes.c_long * 24))


def ask_to_close(display: str, window: int) -> None:
    """Send WM_DELETE_WINDOW."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    connection = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    event = _Event()
    event.message.type, event.message.window, event.message.format = CLIENT_MESSAGE, window, 32
    event.message.message_type = x11.XInternAtom(connection, b"WM_PROTOCOLS", False)
    event.message.data[0] = x11.XInternAtom(connection, b"WM_DELETE_WINDOW", False)
    x11.XSendEvent(connection, ctypes.c_ulong(window), False, ctypes.c_long(0), ctypes.byref(event))
    x11.XCloseDisplay(connection)
