"""Messages over a WebSocket, by a thread of its own: it connects, loses the receiver, waits, connects again.

Whoever sends puts the newest message into a slot and goes on; a slow receiver misses messages and nothing else happens.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from realtime3d.avatar.base import Pace, Packet
from realtime3d.errors import require

_log = logging.getLogger(__name__)

OPEN_S = 3.0  # for a handshake
BACKOFF_S = (0.5, 5.0)  # wait before the first new try, doubled each time up to the second
CLOSE_S = 1.0  # for the last message and the closing handshake
STUCK_S = 1.5  # a run does not wait longer for a receiver that hangs


class Refused(Exception):
    """The receiver answered and does not want us: it is not asked again in this run. The text is for the user."""


class WebSocketLine:
    """One receiver at ws://host:port/path."""

    pace: Pace = "newest"

    keepalive_s: float | None = None  # the last message is sent again after so long without a newer one

    def __init__(self, url: str) -> None:
        self._url = url
        self.address = shown(url)
        self.sent = 0
        self.dropped = 0  # replaced by a newer one before they could be sent
        self._changed = threading.Condition()
        self._slot: Sequence[Packet] | None = None
        self._closing = False
        self._thread: threading.Thread | None = None
        self._status = f"not connected to {self.address} yet"
        self._said = ""

    def open(self) -> None:
        require("websockets.sync.client", "", "a WebSocket")  # loaded before pictures come
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"realtime3d-send-{self.address}", daemon=True)
        self._thread.start()

    def send(self, packets: Sequence[Packet]) -> None:
        with self._changed:
            self.dropped += self._slot is not None
            self._slot = packets
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(STUCK_S)
            if self._thread.is_alive():
                _log.warning("%s did not close within %g s", self.address, STUCK_S)
            self._thread = None

    @property
    def status(self) -> str:
        return self._status

    @property
    def closing(self) -> bool:
        """Whether the run is ending."""
        return self._closing

    def say(self, text: str, *, warn: bool = False) -> None:
        """Where we are, for the user; told once, not at every try."""
        self._status = text
        if text != self._said:
            self._said = text
            _log.log(logging.WARNING if warn else logging.INFO, "%s", text)

    def _work(self) -> None:
        wait_s = BACKOFF_S[0]
        while not self._closing:
            begun = time.monotonic()
            try:
                self._connected()
            except Refused as error:  # asking again and again would only be a nuisance
                self.say(f"{self.address}: {error}", warn=True)
                return
            except Exception as error:  # whatever a server or a network does: tracking goes on, and we try again
                self.say(f"{self.address}: not connected ({_short(error)}); trying on", warn=True)
            if time.monotonic() - begun > BACKOFF_S[1]:  # it worked for a while
                wait_s = BACKOFF_S[0]
            self._pause(wait_s)
            wait_s = min(2 * wait_s, BACKOFF_S[1])

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._changed:
            while not self._closing and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)

    def _connected(self) -> None:
        from websockets.sync.client import connect

        with connect(
            self._url, open_timeout=OPEN_S, close_timeout=CLOSE_S, compression=None, max_size=2**20, proxy=None
        ) as socket:
            self.greet(socket)
            self.say(f"sending to {self.address}")
            while True:
                packets = self._next()
                if packets is None:
                    return
                for packet in packets:
                    socket.send(packet)
                self.sent += 1
                self._drain(socket)

    def _next(self) -> Sequence[Packet] | None:
        """The newest message, the one before where there is no newer one for a while; None at the end."""
        with self._changed:
            while self._slot is None and not self._closing:
                if not self._changed.wait(self.keepalive_s) and self.keepalive_s is not None:
                    return self.again()
            packets, self._slot = self._slot, None
            return packets

    def _drain(self, socket: Any) -> None:
        """Read what the receiver says, so that it never waits for us."""
        while True:
            try:
                self.heard(socket.recv(timeout=0))
            except TimeoutError:
                return

    def greet(self, socket: Any) -> None:
        """What is said before the first message; raises Refused where the receiver does not want us."""

    def heard(self, message: str | bytes) -> None:
        """What the receiver says later; ours says nothing."""

    def again(self) -> Sequence[Packet]:
        """What is sent to keep the connection alive."""
        return ()


def shown(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
