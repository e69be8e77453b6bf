"""Streams on a bad day: dying servers, silence, pages that are no video."""

from __future__ import annotations

import functools
import http.server
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from realtime3d.errors import SourceError
from realtime3d.sources.base import SourceOptions
from realtime3d.sources.choose import open_source
from realtime3d.types import Frame
from tests.helpers.io_live import QUICK, gaps_until, next_frame
from tests.helpers.io_media import number_of, numbered, write_video
from tests.helpers.io_server import LiveServer, RtspServer, transport_stream


@pytest.fixture(scope="module")
def stream_data() -> bytes:
    return transport_stream()


@pytest.fixture(params=[LiveServer, RtspServer], ids=["http", "rtsp"])
def server(request: pytest.FixtureRequest, stream_data: bytes) -> Iterator[LiveServer]:
    running: LiveServer = request.param(stream_data)
    yield running
    running.flowing.set()
    running.die()


def test_a_server_that_dies_and_returns_goes_on(server: LiveServer) -> None:
    with open_source(server.url, QUICK) as source:
        items = iter(source)
        before = next_frame(items)
        server.die()
        gaps = gaps_until(items, "reconnecting")
        assert "secret" not in gaps[-1].status.message
        server.start()
        after = next_frame(items, lambda frame: frame.t_ns > gaps[-1].t_ns)
        assert after.index > before.index
        assert 0 <= number_of(after.image) < 200
    assert server.connections >= 2


def test_a_stream_that_stalls_is_opened_again(server: LiveServer) -> None:
    with open_source(server.url, QUICK) as source:
        items = iter(source)
        next_frame(items)
        server.flowing.clear()
        gaps = gaps_until(items, "reconnecting")
        assert gaps[0].status.state == "waiting"
        assert "no answer in time" in gaps[-1].status.message
        server.flowing.set()
        next_frame(items)


def test_passwords_are_not_shown(server: LiveServer) -> None:
    with open_source(server.url, QUICK) as source:
        assert source.info.name == server.url.replace("user:secret@", "")
    server.die()
    with pytest.raises(SourceError) as caught:
        open_source(server.url, QUICK)
    server.start()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_page_that_is_no_video_is_one_clear_line(stream_data: bytes) -> None:
    running = LiveServer(b"<html>" + b"no video here " * 5000, pace_s=0)
    try:
        with pytest.raises(SourceError, match=r"127\.0\.0\.1"):
            open_source(running.url, SourceOptions(open_timeout_s=1.0, read_timeout_s=0.3))
    finally:
        running.die()


def test_an_address_where_nobody_answers_is_one_clear_line() -> None:
    with pytest.raises(SourceError, match="no answer in time"):
        open_source("udp://127.0.0.1:45997", SourceOptions(open_timeout_s=0.2, read_timeout_s=0.2))


@pytest.fixture
def web_clip(tmp_path: Path) -> Iterator[str]:
    """The address of an ordinary video file on an ordinary web server."""
    write_video(tmp_path / "clip.mp4", [i / 25 for i in range(30)], container_options={"movflags": "faststart"})

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(tmp_path)))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/clip.mp4"
    httpd.shutdown()
    thread.join(5)
    httpd.server_close()


def test_a_url_can_be_read_like_a_file(web_clip: str) -> None:
    with open_source(web_clip, SourceOptions(live=False)) as source:
        assert not source.info.live
        assert [number_of(item.image) for item in source if isinstance(item, Frame)] == list(range(30))


def test_a_live_url_with_an_end_ends(web_clip: str) -> None:
    with open_source(web_clip, QUICK) as source:
        frames = [item for item in source if isinstance(item, Frame)]
        assert source.status.state == "ended"
    assert number_of(frames[-1].image) == 29


def test_udp_is_received(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stop = threading.Event()

    def send() -> None:
        options = {"preset": "ultrafast", "tune": "zerolatency"}
        with av.open(f"udp://127.0.0.1:{port}?pkt_size=1316", "w", format="mpegts") as container:
            stream: Any = container.add_stream("libx264", rate=50, options=options)
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
            stream.codec_context.gop_size = 5
            for number in range(2000):
                if stop.is_set():
                    break
                frame = av.VideoFrame.from_ndarray(numbered(number % 1000), format="bgr24")
                frame.pts, frame.time_base = number, Fraction(1, 50)
                container.mux(stream.encode(frame))
                time.sleep(0.01)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        with open_source(f"udp://127.0.0.1:{port}", SourceOptions(read_timeout_s=2)) as source:
            items = iter(source)
            first, second = next_frame(items), next_frame(items)
            assert second.t_ns > first.t_ns
            assert number_of(second.image) > number_of(first.image) > 0
    finally:
        stop.set()
        sender.join(10)
