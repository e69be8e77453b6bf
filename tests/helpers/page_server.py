"""A server of the live page on a free port, in this process."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from websockets.asyncio.client import connect

from realtime3d.jobs import Job
from realtime3d.view.web.serve import Address, serve
from tests.helpers.paths import ROOT

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


@cache
def schema(name: str = "") -> Any:
    """Of what the server says, or of one definition in it; None where jsonschema is not installed."""
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        return None
    whole = json.loads((ROOT / "docs" / "page-messages.schema.json").read_text())
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": whole["$defs"]} if name else whole)


def check(message: dict[str, Any]) -> None:
    """Every message that a test hears is as the docs' schema says."""
    validator = schema(message["type"] if message["type"] in ("hello", "state", "refused", "mesh", "frame") else "")
    if validator is not None:
        validator.validate(message)


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
            check(header)
            if header["type"] == "mesh":
                self.mesh = header
            else:
                self.frames.append(header)
                self.parts = parts
            return
        told = json.loads(message)
        check(told)
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


def talk(server: Served, what: Callable[[Talk], Coroutine[Any, Any, Any]], path: str = "", **options: Any) -> Talk:
    """One conversation, from opening the socket to closing it. No limit of its own: the machine may be slow."""
    options = {"open_timeout": PATIENCE_S, "ping_interval": None, "max_size": None, **options}

    async def go() -> Talk:
        async with connect(server.socket + path, **options) as socket:
            heard = Talk(socket)
            await what(heard)
            return heard

    return asyncio.run(go())


def get(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, data, {k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def jpeg(width: int = 320, height: int = 240) -> bytes:
    return cv2.imencode(".jpg", np.full((height, width, 3), 90, np.uint8))[1].tobytes()
