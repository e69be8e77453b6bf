"""From a job to a page: checks everything, then serves until it is stopped."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from realtime3d.errors import MissingError, UsageError
from realtime3d.jobs import Job, check
from realtime3d.process import give_back_pages
from realtime3d.view.web.album import Album
from realtime3d.view.web.guard import Guard, GuardedApp, is_loopback, new_token, view_token
from realtime3d.view.web.server import MAX_MESSAGE, MAX_UPLOAD, PAGE, PageServer, bind
from realtime3d.view.web.session import Session
from realtime3d.view.web.sources import Sources
from realtime3d.view.web.viewers import Viewers

NO_PAGE = (
    "the page is not built: install Node 20 or newer with npm and install realtime3d again, "
    "or in a checkout `npm --prefix web ci && npm --prefix web run build`"
)
GOODBYE_S = 2  # that open sockets get at the end
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and who may come in."""

    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None

    def check(self) -> None:
        if self.tls_key and not self.tls_cert:
            raise UsageError("--tls-key needs --tls-cert")
        if self.token and not (8 <= len(self.token) <= 200 and self.token.isascii() and self.token.isprintable()):
            raise UsageError("--token must have 8 to 200 plain characters")
        if self.tls_cert:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key)
            except (OSError, ssl.SSLError) as error:
                raise UsageError(f"{self.tls_cert} is no certificate with its key ({error}): name PEM files") from error


def serve(
    job: Job,
    source: str | None,
    clip: Path,
    address: Address,
    folder: Path,
    *,
    ready: Callable[[dict[str, str]], None] = lambda links: None,
    stopped: Callable[[], bool] = lambda: False,
    images: Path | None = None,
    max_upload: int = MAX_UPLOAD,
    need_page: bool = True,
) -> None:
    """Serve the page until `stopped` says so. `ready` gets the links, by what they are for.

    `job` has the settings; `source` is what runs first, `clip` where it is None. `images` is a folder of results of
    `realtime3d images` to browse.
    """
    try:
        _serve(job, source, clip, address, folder, ready, stopped, images, max_upload, need_page)
    finally:
        # A web application refers to itself all over, and holds a tracker with its face model: some 10 MB, which
        # Python's garbage collector finds only after many pages.
        gc.collect()
        give_back_pages()


def _serve(
    job: Job,
    source: str | None,
    clip: Path,
    address: Address,
    folder: Path,
    ready: Callable[[dict[str, str]], None],
    stopped: Callable[[], bool],
    images: Path | None,
    max_upload: int,
    need_page: bool,
) -> None:
    address.check()
    if source is not None:
        check([Job(source)])
    if need_page and not (PAGE / "index.html").is_file():
        raise MissingError(NO_PAGE)
    album = Album(images) if images else None
    token = address.token or ("" if is_loopback(address.host) else new_token())
    sock = bind(address.host, address.port)
    viewers, sources = Viewers(), Sources(clip, source)
    session = Session(job, viewers, sources, folder)
    app = PageServer(session, viewers, Guard(address.host, token), album=album, max_upload=max_upload).app
    server = _http(app, address)
    links = _links(address, sock.getsockname()[1], token)

    async def run() -> None:
        viewers.begin()
        session.start("given" if source is not None else "clip")  # opens its nets while the server begins to listen
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        told = False
        while not serving.done():
            if server.started and not told:
                told = True
                ready(links)
            if stopped():
                server.should_exit = True
            await asyncio.wait({serving}, timeout=POLL_S)
        await serving

    try:
        asyncio.run(run())
    finally:
        session.close()
        sock.close()


def _http(app: GuardedApp, address: Address) -> uvicorn.Server:
    """The server that answers, on a socket that is bound already."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            ws_max_size=MAX_MESSAGE,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=GOODBYE_S,
            log_config=None,
            access_log=False,
            server_header=False,
            ssl_certfile=address.tls_cert,
            ssl_keyfile=address.tls_key,
        )
    )


def _links(address: Address, port: int, token: str) -> dict[str, str]:
    scheme = "https" if address.tls_cert else "http"
    host = _reachable(address.host)
    start = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
    if not token:
        return {"page": start}
    return {"page": f"{start}?token={token}", "to watch only": f"{start}?view&token={view_token(token)}"}


def _reachable(host: str) -> str:
    """An address that others can type where a server listens on all."""
    if host not in ("0.0.0.0", "::"):
        return host
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks only which way a packet would take
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
