"""Keeps MediaPipe off the network: from 0.10.30 on it reports its use to Google and has no setting against that.

Its library starts a thread that sends. On Linux the kernel refuses that thread any socket: a seccomp filter binds the
thread that sets it and those it starts, so MediaPipe is opened in a thread of its own, and the program it is part of
keeps its network. Elsewhere the library is told of a file of trusted certificates that does not exist: it may look up
its makers' host and greet it, but then trusts no answer, and ends the connection before it reports anything.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Opened = TypeVar("Opened")

NO_CERTIFICATES = "/realtime3d/keeps/mediapipe/offline.pem"  # is nowhere
_SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}  # machine -> its number, the call's number
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # of prctl
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of BPF
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES


def opened_offline(make: Callable[[], Opened]) -> Opened:
    """What `make` gives, called where neither it nor any thread it starts can open a socket (on Linux)."""
    done: list[Opened] = []
    failed: list[BaseException] = []

    def work() -> None:
        refuse_sockets()
        try:
            done.append(make())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="realtime3d-offline")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def refuse_sockets() -> bool:
    """From now on the kernel refuses this thread, and those it starts, every socket. False: it cannot be told to."""
    if not sys.platform.startswith("linux") or platform.machine() not in _SOCKET:
        return False
    machine, call = _SOCKET[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),  # which machine's calls
        (_EQUAL, 0, 3, machine),
        (_LOAD, 0, 0, 0),  # which call
        (_EQUAL, 0, 1, call),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    words = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(words)))
    prctl: Any = ctypes.CDLL(None).prctl
    no_more = (ctypes.c_ulong(1), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    allowed = prctl(ctypes.c_int(_NO_NEW_PRIVILEGES), *no_more) == 0
    return allowed and prctl(ctypes.c_int(_SET_SECCOMP), ctypes.c_ulong(_FILTER), program) == 0


def without_certificates(base_options: Any) -> Any:
    """MediaPipe's class of options, changed so that its library trusts no host."""

    class Offline(base_options):  # type: ignore[misc]
        def to_ctypes(self) -> Any:
            options = super().to_ctypes()
            if hasattr(options, "ca_bundle_path"):
                options.ca_bundle_path = NO_CERTIFICATES.encode()
            return options

    return Offline
