"""Servers that keep silent, break off or lie: one line within the limits, and Ctrl-C ends every wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realtime3d.errors import SourceError
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.choose import open_source
from realtime3d.types import Frame
from tests.helpers.bad_servers import H264, BadServer, SilentRtsp, answers, head, mute
from tests.helpers.faults import cases, fault
from tests.helpers.io_live import QUICK, gaps_until, next_frame
from tests.helpers.io_media import write_video
from tests.helpers.io_server import transport_stream

SILENCE_S = 0.3
IMPATIENT = SourceOptions(live=False, open_timeout_s=SILENCE_S, read_timeout_s=SILENCE_S)
LONGEST_S = 60.0  # the limits add up to 12; the rest is for a busy machine
ONE_LINE = "one line within the time limits, exit code 4"

Script = Callable[[bytes], "BadServer"]
HTTP: dict[str, Script] = {
    "a server that accepts and never answers": lambda film: BadServer(mute),
    "a server that sends its header and then nothing": lambda film: BadServer(answers(head(len(film)))),
    "a server that stalls in the middle of a film": lambda film: BadServer(
        answers(head(len(film)) + film[: len(film) // 2])
    ),
    "a server that sends a byte now and then": lambda film: BadServer(
        answers(*(bytes([b]) for b in head(len(film)) + film), piece_s=0.1)
    ),
    "a server that hangs up in the middle of a film": lambda film: BadServer(
        answers(head(len(film)) + film[: len(film) // 2], then="close")
    ),
    "a server that hangs up at once": lambda film: BadServer(answers(then="close")),
    "an empty answer": lambda film: BadServer(answers(head(0), then="close")),
    "an address that is not there (404)": lambda film: BadServer(answers(head(0, "404 Not Found"), then="close")),
    "a server that has an error (500)": lambda film: BadServer(answers(head(0, "500 Oh"), then="close")),
    "a page instead of a film": lambda film: BadServer(answers(head(6000) + b"<html>" * 1000, then="close")),
    "a circle of redirections": lambda film: BadServer(
        answers(b"HTTP/1.1 302 Found\r\nLocation: /film.mp4\r\nContent-Length: 0\r\n\r\n", then="close")
    ),
    "nonsense instead of HTTP": lambda film: BadServer(answers(b"\0\xff" * 3000, then="close")),
    "a header that never ends": lambda film: BadServer(
        answers(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000, then="silence")
    ),
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film whose index comes first, large enough not to fit into buffers."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    options = {"qp": "4", "preset": "ultrafast"}
    faststart = {"movflags": "faststart"}
    times = [i / 25 for i in range(150)]
    return write_video(path, times, options=options, container_options=faststart, size=(640, 480)).read_bytes()


def read_all(url: str, options: SourceOptions) -> int:
    with open_source(url, options) as source:
        return sum(isinstance(item, Frame) for item in source)


def assert_one_line_soon(url: str, options: SourceOptions) -> None:
    start = time.monotonic()
    with pytest.raises(SourceError) as caught:
        read_all(url, options)
    assert time.monotonic() - start < LONGEST_S
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize("script", cases("network", ONE_LINE, HTTP))
def test_a_film_from_a_bad_server(script: Script, film: bytes) -> None:
    server = script(film)
    try:
        assert_one_line_soon(f"http://user:secret@127.0.0.1:{server.port}/film.mp4", IMPATIENT)
    finally:
        server.close()


NEVER_A_PICTURE = {f"{what}, live": script for what, script in HTTP.items() if "middle" not in what}


@pytest.mark.parametrize("script", cases("network", ONE_LINE, NEVER_A_PICTURE))
def test_a_live_stream_from_a_bad_server(script: Script, film: bytes) -> None:
    server = script(film)
    try:
        options = SourceOptions(open_timeout_s=SILENCE_S, read_timeout_s=SILENCE_S, give_up_s=0.5, backoff_s=0.1)
        assert_one_line_soon(f"http://user:secret@127.0.0.1:{server.port}/film.mp4", options)
    finally:
        server.close()


ADDRESSES = {
    "a port where nobody listens": "http://127.0.0.1:9/film.mp4",
    "a host that does not exist": "http://nowhere.invalid/film.mp4",
    "a scheme that does not exist": "abc://127.0.0.1/film.mp4",
    "no host at all": "http:///film.mp4",
    "an open bracket for a host": "http://[",
    "a host of two ports": "rtsp://a:1:2/live",
    "UDP to which nobody sends": "udp://127.0.0.1:45871",
    "RTSP where nobody listens": "rtsp://127.0.0.1:9/live",
}


@pytest.mark.parametrize("address", cases("network", ONE_LINE, ADDRESSES))
@pytest.mark.parametrize("live", [False, None], ids=["film", "live"])
def test_an_address_that_does_not_answer(address: str, live: bool | None) -> None:
    assert_one_line_soon(address, SourceOptions(live=live, open_timeout_s=SILENCE_S, read_timeout_s=SILENCE_S))


SILENT = {
    "RTSP that answers PLAY and sends nothing": SilentRtsp.SDP,
    "RTSP that says H.264, answers PLAY and sends nothing": H264,
}


@pytest.mark.parametrize("sdp", cases("network", ONE_LINE, SILENT))
@pytest.mark.parametrize("live", [False, None], ids=["film", "live"])
def test_rtsp_that_sends_nothing(sdp: bytes, live: bool | None) -> None:
    server = SilentRtsp(sdp=sdp)
    try:
        assert_one_line_soon(server.url, SourceOptions(live=live, open_timeout_s=SILENCE_S, read_timeout_s=SILENCE_S))
    finally:
        server.die()


@fault("network", "RTSP that comes back silent", "the line in the window says so; tries go on, then exit code 4")
@pytest.mark.parametrize("sdp", [SilentRtsp.SDP])
def test_rtsp_that_comes_back_silent(sdp: bytes) -> None:
    server = SilentRtsp(transport_stream(), sdp, generous=1)
    try:
        options = SourceOptions(
            gap_after_s=0.05, tick_s=0.02, backoff_s=0.02, backoff_max_s=0.05, open_timeout_s=2, read_timeout_s=0.4,
            give_up_s=2.0,
        )  # fmt: skip
        with open_source(server.url, options) as source:
            items = iter(source)
            next_frame(items)
            server.flowing.clear()
            gaps_until(items, "reconnecting")
            with pytest.raises(SourceError, match="given up after 2 s"):
                for _ in items:
                    continue
        assert server.connections >= 2
    finally:
        server.flowing.set()
        server.die()


@fault("network", "a password in an address", "never shown and never written")
def test_a_password_is_not_in_what_is_known_of_a_film(film: bytes) -> None:
    server = BadServer(answers(head(len(film)) + film, then="close"))
    try:
        with open_source(f"http://user:secret@127.0.0.1:{server.port}/film.mp4", SourceOptions(live=False)) as source:
            assert source.info.name == f"http://127.0.0.1:{server.port}/film.mp4"
            assert sum(isinstance(item, Frame) for item in source) == 150
    finally:
        server.close()


@pytest.fixture
def stalled(request: pytest.FixtureRequest, film: bytes) -> Iterator[str]:
    server = HTTP[request.param](film)
    yield f"http://127.0.0.1:{server.port}/film.mp4"
    server.close()


SIGNALS = [("SIGINT", signal.SIGINT), ("SIGTERM", signal.SIGTERM)]
OPENING, READING = "a server that sends its header and then nothing", "a server that stalls in the middle of a film"


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize(
    ("stalled", "command", "number"),
    [
        pytest.param(
            where,
            command,
            number,
            id=f"{command}-{name}-{'opening' if where is OPENING else 'reading'}",
            marks=fault(
                "network",
                f"{name} while `{command}` waits for a server that "
                + ("never sends a picture" if where is OPENING else "stalls in a film"),
                "ends at once, exit code 130; what was written is whole",
            ),
        )
        for command, where in (("video", OPENING), ("video", READING), ("live", OPENING))
        for name, number in SIGNALS
    ],
    indirect=["stalled"],
)
def test_a_signal_ends_the_wait(
    stalled: str, command: str, number: int, without_nets: list[str], tmp_path: Path
) -> None:
    table = tmp_path / "a.csv"
    words = [command, stalled, "--csv", str(table), *(["--no-window"] if command == "live" else []), *without_nets]
    running = subprocess.Popen(
        [sys.executable, "-c", WAITING, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None and "waiting" in running.stdout.readline()
        time.sleep(2.0 if command == "video" else 1.0)
        assert running.poll() is None
        running.send_signal(number)
        _, said = running.communicate(timeout=30)  # far below the server's silence
    finally:
        running.kill()
    assert running.returncode == 130 and "Traceback" not in said
    if table.exists():
        assert len({line.count(",") for line in table.read_text().splitlines()}) == 1


WAITING = """
import sys
from realtime3d.sources import choose
opened = choose._open_path
def opening(*told):
    print("waiting", flush=True)
    return opened(*told)
choose._open_path = opening
from realtime3d.__main__ import main
sys.exit(main())
"""


@fault("network", "a stream that stalls and goes on", "the picture waits, tracks are held; then it goes on")
def test_a_stream_that_stalls_goes_on() -> None:
    server = SilentRtsp(transport_stream(), generous=99)
    try:
        with open_source(server.url, QUICK) as source:
            items = iter(source)
            before = next_frame(items)
            server.flowing.clear()
            gaps_until(items, "waiting")
            server.flowing.set()
            assert next_frame(items).index > before.index
    finally:
        server.flowing.set()
        server.die()
