"""Our messages over a WebSocket: absent, late, slow, rude and dying receivers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import Server, ServerConnection, serve

from realtime3d.avatar.message import Messages
from realtime3d.avatar.websocket import WebSocketLine
from tests.helpers.avatars import frame, until
from tests.helpers.faults import fault


@contextmanager
def server(talk: Callable[[ServerConnection], None], port: int = 0) -> Iterator[Server]:
    one = serve(talk, "127.0.0.1", port)
    thread = threading.Thread(target=one.serve_forever, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.shutdown()
        thread.join(5)


def url(one: Server) -> str:
    return f"ws://127.0.0.1:{one.socket.getsockname()[1]}/faces?room=1"


def test_messages_arrive_in_order_and_the_end_is_said() -> None:
    heard: list[dict] = []
    paths: list[str] = []

    def talk(connection: ServerConnection) -> None:
        paths.append(connection.request.path if connection.request else "")
        heard.extend(json.loads(text) for text in connection)

    with server(talk) as one:
        line = WebSocketLine(url(one))
        line.open()
        for i in range(20):
            line.send(Messages().packets([frame(index=i)]))
            assert until(lambda i=i: len(heard) == i + 1)
        line.send(Messages().goodbye(1.0))
        line.close()
        assert until(lambda: heard[-1]["type"] == "end")
    assert [message["frame"] for message in heard[:-1]] == list(range(20))
    assert set(paths) == {"/faces?room=1"}


@fault(
    "avatars",
    "the receiver comes a thousand frames late (WebSocket)",
    "each reason is told once; it gets the newest frame",
)
def test_an_absent_receiver_costs_nothing_and_gets_the_newest_when_it_comes(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    pause = WebSocketLine._pause
    monkeypatch.setattr(WebSocketLine, "_pause", lambda line, seconds: pauses.append(seconds) or pause(line, seconds))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = WebSocketLine(f"ws://127.0.0.1:{port}/")
    line.open()
    for i in range(1000):
        line.send(Messages().packets([frame(index=i)]))
    assert line.dropped == 999  # nobody waited for the receiver
    assert until(lambda: len(pauses) >= 2)  # two tries
    heard: list[dict] = []
    with server(lambda connection: heard.extend(json.loads(text) for text in connection), port):
        assert until(lambda: heard)
        line.close()
    assert heard[0]["frame"] == 999
    said = [r.message for r in caplog.records if "not connected" in r.message]
    assert said and len(said) == len(set(said))  # each reason is told once, not at every try


@fault("avatars", "the receiver reads nothing (WebSocket)", "messages are left out and counted, nothing waits")
def test_a_slow_receiver_misses_messages_and_delays_nobody() -> None:
    go_on = threading.Event()

    def talk(connection: ServerConnection) -> None:
        connection.recv()
        go_on.wait(300)

    with server(talk) as one:
        line = WebSocketLine(url(one))
        line.open()
        large = "x" * 500_000
        assert until(lambda: line.send([large]) or line.sent >= 1)
        for _ in range(200):  # more than what lies between the two can hold; with a wait it would hang here
            line.send([large])
            time.sleep(0.002)
        assert line.dropped > 100
        line.close()
        go_on.set()


@fault("avatars", "the receiver talks without end, then dies (WebSocket)", "it is found again")
def test_a_receiver_that_talks_is_listened_to_and_one_that_dies_is_found_again() -> None:
    heard: list[str] = []

    def talk(connection: ServerConnection) -> None:
        for _ in range(500):
            connection.send("garbage \x00" * 100)
        heard.append(str(connection.recv()))
        connection.close(1011)

    with server(talk) as one:
        line = WebSocketLine(url(one))
        line.open()
        assert until(lambda: line.send(Messages().packets([frame()])) or len(heard) >= 2)
        line.close()


@fault("avatars", "a password or token in a receiver's address", "never shown")
def test_secrets_in_a_url_are_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    line = WebSocketLine("ws://me:secret@127.0.0.1:1/room?token=hidden")
    line.open()
    assert until(lambda: "not connected" in line.status and "yet" not in line.status)
    line.close()
    assert line.address == "ws://127.0.0.1:1/room"
    assert "secret" not in line.status + caplog.text and "hidden" not in line.status + caplog.text


@fault("avatars", "a port that takes connections and says nothing (WebSocket)", "tries go on; the line says so")
def test_what_is_no_websocket_is_tried_again_without_harm() -> None:
    with socket.socket() as silent:  # takes connections and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        line = WebSocketLine(f"ws://127.0.0.1:{silent.getsockname()[1]}/")
        line.open()
        line.send(Messages().packets([frame()]))
        assert until(lambda: "trying on" in line.status)
        line.close()
