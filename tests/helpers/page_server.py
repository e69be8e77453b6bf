"""A server of the live page on a free port, in this process."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from realtime3d.jobs import Job
from realtime3d.view.web.serve import Address, serve

PATIENCE_S = 180.0  # also where much else runs on the machine


@dataclass
class Served:
    """Where it is, and how to end it."""

    folder: Path
    links: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    error: BaseException | None = None

    @property
    def page(self) -> str:
        return self.links["page"]

    @property
    def address(self) -> str:
        """Host and port."""
        return self.page.split("/")[2]

    @property
    def socket(self) -> str:
        return f"ws://{self.address}/ws"


@contextmanager
def served(job: Job, clip: Path, folder: Path, source: str | None = None, **options: Any) -> Iterator[Served]:
    """The page of a job; `options` are those of `Address` and `serve`."""
    address = Address(**{key: options.pop(key) for key in ("host", "port", "token") if key in options})
    state, ready = Served(folder), threading.Event()

    def say(links: dict[str, str]) -> None:
        state.links = links
        ready.set()

    def run() -> None:
        try:
            serve(job, source, clip, address, folder, ready=say, stopped=lambda: state.ended, **options)
        except BaseException as error:
            state.error = error
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(PATIENCE_S), "the server did not start"
        if state.error:
            raise state.error
        yield state
    finally:
        state.ended = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the server did not end"
    if state.error:
        raise state.error


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Header and parts of a binary message, as docs/page-messages.md says."""
    assert message[:4] == b"R3D1"
    length = int.from_bytes(message[4:8], "little")
    header = json.loads(message[8 : 8 + length])
    start = 8 + length
    return header, {name: message[start + at : start + at + size] for name, (at, size) in header["parts"].items()}


def vertices_of(data: bytes, step_mm: float = 0.01) -> np.ndarray:
    return np.frombuffer(data, "<i2").reshape(-1, 3) * step_mm


class Talk:
    """A plain socket that keeps what it hears."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.states: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.parts: dict[str, bytes] = {}
        self.mesh: dict[str, Any] = {}

    async def wish(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> None:
        message = await self.socket.recv()
        if isinstance(message, bytes):
            header, parts = unpack(message)
            if header["type"] == "mesh":
                self.mesh = header
            else:
                self.frames.append(header)
                self.parts = parts
            return
        told = json.loads(message)
        if told["type"] == "state":
            self.states.append(told)
        elif told["type"] == "refused":
            self.refused.append(told["text"])

    async def until(self, reached: Callable[[Talk], Any], patience_s: float = PATIENCE_S) -> None:
        end = time.monotonic() + patience_s
        while not self.states or not reached(self):
            left = end - time.monotonic()
            assert left > 0, f"not reached; last state: {self.states[-1:]}, refused: {self.refused[-3:]}"
            await asyncio.wait_for(self.hear(), left)
