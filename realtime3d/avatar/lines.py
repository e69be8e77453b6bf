"""JSON lines on standard output, for the next program of a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from realtime3d.avatar.base import Pace, Packet


class OutputLine:
    """One message a line. Ends the run when the reader goes away, as programs in pipes do."""

    address = "standard output"
    pace: Pace = "every"

    def __init__(self) -> None:
        self.sent = 0

    def open(self) -> None:
        """Nothing to do."""

    def send(self, packets: Sequence[Packet]) -> None:
        for packet in packets:
            text = packet if isinstance(packet, bytes) else packet.encode()
            self.sent += 1
            _write_all(sys.stdout.fileno(), text + b"\n")

    def close(self) -> None:
        """Nothing to do: it is not ours."""

    @property
    def status(self) -> str:
        return "writing to standard output"


def _write_all(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(number, view) :]
