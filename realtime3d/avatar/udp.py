"""Datagrams: sent and forgotten. Nobody has to listen, and nothing is waited for."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import Any

from realtime3d.avatar.base import Pace, Packet
from realtime3d.errors import OutputError

_log = logging.getLogger(__name__)


class UdpLine:
    """Sends to one address, whose name is looked up once."""

    pace: Pace = "newest"

    def __init__(self, host: str, port: int) -> None:
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._to: Any = None
        self.sent = 0  # datagrams
        self.failed = 0  # datagrams that the system refused: full buffers, no network
        self._failing = False

    def open(self) -> None:
        family, self._to = resolve(self._host, self._port)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        if family == socket.AF_INET:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def send(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            self.send_to(packet.encode() if isinstance(packet, str) else packet, self._to)

    def send_to(self, packet: bytes, address: Any) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(packet, address)
        except OSError as error:  # an earlier datagram that was refused, a full buffer, no network just now
            self.failed += 1
            if not self._failing:
                self._failing = True
                _log.warning("%s: nothing goes out (%s); trying on", self.address, error)
        else:
            self.sent += 1
            self._failing = False

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def status(self) -> str:
        return f"nothing goes out to {self.address}" if self._failing else f"sending to {self.address}"


def resolve(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """The first address of a name, IPv4 before IPv6; OutputError where there is none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise OutputError(f"cannot find the host {host} ({error}): check the name, or write its number") from error
    family, *_, address = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)[0]
    return family, address
