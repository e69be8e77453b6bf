"""Real servers that send a live MPEG-TS stream over HTTP or RTSP, and can stall, die and return."""

from __future__ import annotations

import contextlib
import io
import itertools
import socket
import struct
import threading
import time
from fractions import Fraction
from typing import Any

import av

from tests.helpers.io_media import numbered


def transport_stream(frames: int = 200, rate: int = 50) -> bytes:
    """A short MPEG-TS of numbered pictures, a key frame every five."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mpegts") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.gop_size = 5
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


class LiveServer:
    """Sends the stream over and over to whoever connects, in small pieces."""

    def __init__(self, data: bytes, pace_s: float = 0.004, piece: int = 188 * 7) -> None:
        self._data, self._pace_s, self._piece = data, pace_s, piece
        self.flowing = threading.Event()
        self.flowing.set()
        self._stop = threading.Event()
        self._clients: list[socket.socket] = []
        self.port = 0
        self.connections = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://user:secret@127.0.0.1:{self.port}/live.ts"

    def start(self) -> None:
        """Listen, at the same port as before if this is a return."""
        self._stop.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name="live server", daemon=True)
        self._thread.start()

    def die(self) -> None:
        """Close every connection and the port."""
        self._stop.set()
        self._thread.join(5)
        self._listener.close()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # at once, no waiting state
                client.close()
        self._clients.clear()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                self.connections += 1
                self._clients.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self._greet(client)
            for number, start in enumerate(itertools.cycle(range(0, len(self._data), self._piece))):
                if self._stop.is_set():
                    return
                self.flowing.wait(10)
                client.sendall(self._wrap(self._data[start : start + self._piece], number))
                time.sleep(self._pace_s)

    def _greet(self, client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")

    def _wrap(self, piece: bytes, number: int) -> bytes:
        return piece


class RtspServer(LiveServer):
    """The same over RTSP: MPEG-TS in RTP packets (RFC 2250), interleaved in the TCP connection (RFC 2326, 10.12)."""

    SDP = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track\r\n"

    @property
    def url(self) -> str:
        return f"rtsp://user:secret@127.0.0.1:{self.port}/live"

    def _greet(self, client: socket.socket) -> None:
        """Answer requests until the client wants the stream to play."""
        waiting, method = b"", b""
        while method != b"PLAY":
            waiting += client.recv(4096)
            while b"\r\n\r\n" in waiting:
                request, _, waiting = waiting.partition(b"\r\n\r\n")
                method = request.partition(b" ")[0]
                client.sendall(self._answer(method, request))

    def _answer(self, method: bytes, request: bytes) -> bytes:
        lines = [line for line in request.split(b"\r\n") if line.lower().startswith(b"cseq:")]
        body = self.SDP if method == b"DESCRIBE" else b""
        if method == b"OPTIONS":
            lines.append(b"Public: DESCRIBE, SETUP, PLAY, TEARDOWN")
        elif method == b"DESCRIBE":
            lines += [b"Content-Type: application/sdp", b"Content-Length: %d" % len(body)]
        elif method == b"SETUP":
            lines.append(b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        session = [] if method in (b"OPTIONS", b"DESCRIBE") else [b"Session: 1"]
        return b"\r\n".join([b"RTSP/1.0 200 OK", *lines, *session, b"", body])

    def _wrap(self, piece: bytes, number: int) -> bytes:
        stamp = int(time.monotonic() * 90_000) & 0xFFFFFFFF
        packet = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, stamp, 1) + piece
        return struct.pack(">cBH", b"$", 0, len(packet)) + packet
