"""One contract for everything that sends: absent receivers, garbage back, no faces, many faces, no waiting."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from realtime3d.avatar import tokens
from realtime3d.avatar.choose import SCHEMES
from realtime3d.avatar.options import Sending, SendOptions
from realtime3d.avatar.sender import Sender
from realtime3d.face.arkit import NAMES
from realtime3d.sinks.base import pace_of
from tests.helpers.avatars import counted, moment, receiver, tracked
from tests.helpers.faults import fault

UDP = ("vmc", "livelink", "ifacialmocap", "openseeface", "osc", "udp")
URLS = {name: f"{name}://127.0.0.1:{{port}}" for name in (*UDP, "vts", "ws")}
every_scheme = pytest.mark.parametrize("name", URLS)
udp_scheme = pytest.mark.parametrize("name", UDP)


@pytest.fixture(autouse=True)
def own_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tokens.FOLDER_VARIABLE, str(tmp_path / "config"))


def make(name: str, port: int, **options: object) -> Sender:
    (sender,) = Sending(SendOptions((URLS[name].format(port=port),), **options)).senders  # type: ignore[arg-type]
    return sender


@contextmanager
def free_port() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


def test_every_scheme_keeps_the_contract() -> None:
    assert set(URLS) == set(SCHEMES) - {"-", "wss"}  # the same as ws; standard output has its own tests


@every_scheme
def test_it_is_a_sink_of_the_newest_that_wants_no_picture_and_opens_with_with(name: str) -> None:
    with free_port() as port:
        threads = threading.active_count()
        sender = make(name, port)
        assert pace_of(sender) == "newest" and sender.needs_image is False
        assert threading.active_count() == threads
        assert "127.0.0.1" in sender.name


@fault("avatars", "no receiver is there (each protocol)", "the run goes on, nothing waits")
@every_scheme
def test_a_receiver_that_is_not_there_costs_nothing(name: str) -> None:
    with free_port() as port, make(name, port) as sender:
        start = time.perf_counter()
        for i in range(300):
            sender.write(moment(i / 30, tracked(counted())), None)
        assert time.perf_counter() - start < 60
    assert sender.frames == 300


@fault("avatars", "forty faces, nobody, extreme angles, hours without a picture", "every frame is sent, none fails")
@every_scheme
def test_frames_without_faces_and_with_many_and_with_odd_values(name: str) -> None:
    with free_port() as port, make(name, port, face="all") as sender:
        sender.write(moment(0.0), None)
        sender.write(moment(0.1, *(tracked(counted(), face_id=i) for i in range(40))), None)
        sender.write(moment(0.2, tracked(dict.fromkeys(NAMES, 1.0), turn=(89, 179, -179), t=(1e7, -1e7, 1.0))), None)
        sender.write(moment(0.3, tracked(dict.fromkeys(NAMES, 1e-30), face_id=2**31 - 1)), None)
        sender.write(moment(5000.0), None)
    assert sender.frames == 5


@every_scheme
def test_it_may_be_opened_and_closed_without_a_frame(name: str) -> None:
    with free_port() as port:
        start = time.perf_counter()
        with make(name, port):
            pass
        assert time.perf_counter() - start < 30


@fault("avatars", "the receiver sends garbage back (UDP)", "no datagram fails")
@udp_scheme
def test_datagrams_fit_and_garbage_back_does_no_harm(name: str) -> None:
    with receiver() as got, make(name, got.port) as sender:
        for i in range(20):
            sender.write(moment(i / 30, tracked(counted(), turn=(1, 2, 3))), None)
            found = got.packets()
            assert found and all(len(packet) <= 65507 for packet in found)
            if name in ("vmc", "osc"):
                assert all(len(packet) <= 1500 for packet in found)
            address = sender.line._socket.getsockname()  # type: ignore[attr-defined]
            got.socket.sendto(b"\xff" * 900, ("127.0.0.1", address[1]))
    assert sender.line.failed == 0  # type: ignore[attr-defined]


@fault("avatars", "the receiver vanishes and comes again (UDP)", "it gets what is sent from then on")
@udp_scheme
def test_a_receiver_that_comes_late_or_again_gets_what_is_sent_then(name: str) -> None:
    with receiver() as first:
        port = first.port
        with make(name, port) as sender:
            sender.write(moment(0.0, tracked()), None)
            assert first.packets()
            first.close()
            for i in range(1, 10):
                sender.write(moment(i / 30, tracked()), None)
            again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with again:
                again.bind(("127.0.0.1", port))
                again.settimeout(2)
                sender.write(moment(1.0, tracked()), None)
                assert again.recv(65535)


@fault("avatars", "the receiver answers with garbage (WebSocket, VTube Studio)", "the run goes on")
@pytest.mark.parametrize("name", ["vts", "ws"])
def test_a_server_that_answers_with_garbage_does_no_harm(name: str) -> None:
    def talk(connection: ServerConnection) -> None:
        for _ in connection:
            connection.send("{]" * 1000)
            connection.send(b"\x00\xff")
            connection.send("[]")
            connection.send('{"messageType": "APIError", "requestID": "AuthenticationTokenRequest"}')

    server = serve(talk, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with make(name, server.socket.getsockname()[1]) as sender:
            for i in range(30):
                sender.write(moment(i / 30, tracked()), None)
                time.sleep(0.01)
    finally:
        server.shutdown()
        thread.join(5)
    assert sender.frames == 30


@udp_scheme
def test_memory_does_not_grow(name: str) -> None:
    """A short form of benchmarks/senders.py's million."""
    import tracemalloc

    results = [moment(i / 30, tracked(counted())) for i in range(20)]
    with receiver() as got, make(name, got.port) as sender:

        def send(turns: int) -> None:
            for _ in range(turns):
                for result in results:
                    sender.write(result, None)

        send(60)  # fills what is bounded
        gc.collect()
        tracemalloc.start()
        send(5)
        before = tracemalloc.get_traced_memory()[0]
        send(20)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 30_000
