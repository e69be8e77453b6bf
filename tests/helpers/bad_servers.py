"""Servers that keep silent, break off, or send what is no video."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from tests.helpers.io_server import LiveServer, RtspServer

Serve = Callable[[socket.socket, threading.Event], None]
H264 = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    b"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\na=control:track\r\n"
)


def head(length: int, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: video/mp4\r\nContent-Length: {length}\r\n\r\n".encode()


def answers(*pieces: bytes, then: str = "silence", piece_s: float = 0.0) -> Serve:
    """Send these pieces to whoever asks, then keep silent or close."""

    def serve(client: socket.socket, stop: threading.Event) -> None:
        client.recv(4096)
        for piece in pieces:
            client.sendall(piece)
            if piece_s and stop.wait(piece_s):
                return
        if then == "silence":
            stop.wait()

    return serve


def mute(client: socket.socket, stop: threading.Event) -> None:
    """Accept and say nothing."""
    stop.wait()


class BadServer:
    """Serves every connection by one function, until `close`."""

    def __init__(self, serve: Serve) -> None:
        self._serve, self._stop = serve, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._one, args=(client,), daemon=True))
                self._threads[-1].start()

    def _one(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self._serve(client, self._stop)

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()


class SilentRtsp(RtspServer):
    """Answers PLAY and sends nothing; the first `generous` connections get the stream."""

    def __init__(self, data: bytes = b"", sdp: bytes = RtspServer.SDP, generous: int = 0) -> None:
        self.SDP, self._generous = sdp, generous
        super().__init__(data)

    def _serve(self, client: socket.socket) -> None:
        if self.connections <= self._generous:
            super()._serve(client)
            return
        with contextlib.suppress(OSError):
            self._greet(client)
            while not self._stop.is_set():
                time.sleep(0.05)


__all__ = ["H264", "BadServer", "LiveServer", "SilentRtsp", "answers", "head", "mute"]
