"""The server: the page and its files at /, the socket at /ws, uploads, recordings, and /healthz."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from realtime3d.errors import Realtime3dError, UsageError
from realtime3d.view.web.album import Album
from realtime3d.view.web.guard import Guard, GuardedApp
from realtime3d.view.web.messages import FREE, VERSION, Wish, read_wish
from realtime3d.view.web.session import Session
from realtime3d.view.web.viewers import Viewer, Viewers

_log = logging.getLogger(__name__)
PAGE = Path(__file__).parent / "page"  # made from web/ by `npm run build`
MAX_MESSAGE = 4 << 20  # bytes: a JPEG of a large camera picture
MAX_UPLOAD = 1 << 30
SPARE = 200 << 20  # bytes that an upload leaves on the disk
MAX_WRONG = 100  # messages of one socket that are none, then it is closed
MAX_VIEWERS = 64
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' blob:; "  # blob: an avatar's textures
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class PageServer:
    """One session and whoever looks at it."""

    def __init__(
        self,
        session: Session,
        viewers: Viewers,
        guard: Guard,
        *,
        album: Album | None = None,
        max_upload: int = MAX_UPLOAD,
    ) -> None:
        self._session, self._viewers, self._album, self._max_upload = session, viewers, album, max_upload
        routes: list[Any] = [
            Route("/healthz", self._health),
            Route("/upload", self._take_upload, methods=["POST"]),
            Route("/files/{name}", self._give_file),
            Route("/head.{kind:str}", self._give_head),
            Route("/album", self._give_album),
            Route("/album/{face}/{what}", self._give_picture),
            WebSocketRoute("/ws", self._socket),
        ]
        if PAGE.is_dir():
            routes.append(Mount("/", StaticFiles(directory=PAGE, html=True)))
        self.app = GuardedApp(_WithHeaders(Starlette(routes=routes, lifespan=self._life)), guard)

    @contextlib.asynccontextmanager
    async def _life(self, app: Starlette) -> AsyncIterator[None]:
        self._viewers.begin()
        try:
            yield
        finally:
            self._viewers.end()

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "version": VERSION})

    async def _give_file(self, request: Request) -> Response:
        """A recording; nothing else of the disk has a name here."""
        for path in self._session.board.saved:
            if path.name == request.path_params["name"] and path.is_file():
                return FileResponse(path, filename=path.name)
        return PlainTextResponse("no recording of this name: it was moved, or belongs to another run", 404)

    async def _give_album(self, request: Request) -> Response:
        return JSONResponse(self._album.entries() if self._album else [])

    async def _give_picture(self, request: Request) -> Response:
        """A file of a face in the album."""
        path = self._album.file(request.path_params["face"], request.path_params["what"]) if self._album else None
        return FileResponse(path) if path else PlainTextResponse("the album has no such file", 404)

    async def _give_head(self, request: Request) -> Response:
        """Our own head with ARKit's 52 actions, for the avatar: GLB, or VRM for other programs."""
        kind = request.path_params["kind"]
        if kind not in ("glb", "vrm"):
            return PlainTextResponse("the head is there as head.glb and head.vrm", 404)
        try:
            data = await asyncio.to_thread(self._session.head, kind)
        except Realtime3dError as error:  # of an imported face model
            return PlainTextResponse(str(error), 404)
        if data is None:
            return PlainTextResponse("the face model is not loaded yet: try again", 503)
        return Response(data, media_type="model/gltf-binary")

    async def _take_upload(self, request: Request) -> Response:
        """A film or picture as the body, its name in `X-Name`."""
        if not request.scope["may_control"]:
            return PlainTextResponse("this link lets you watch only", 403)
        sources = self._session.sources
        path = sources.new_upload(request.headers.get("x-name", ""))
        try:
            limit = min(self._max_upload, max(0, sources.free_bytes() - SPARE))
            problem = await _receive(request, path, limit)
        except BaseException:  # also of a browser that went away
            path.unlink(missing_ok=True)
            raise
        if problem:
            path.unlink(missing_ok=True)
            return PlainTextResponse(problem, 413 if "at most" in problem else 400)
        sources.take_upload(path)
        shown = "".join(c for c in unquote(request.headers.get("x-name", ""))[:80] if c.isprintable())
        self._session.wishes.ask(Wish("start", ("upload", shown)))
        return JSONResponse({"bytes": path.stat().st_size})

    # -- the socket ---------------------------------------------------------------------------------------------------

    async def _socket(self, websocket: WebSocket) -> None:
        may_control = websocket.scope["may_control"] and "view" not in websocket.query_params
        if self._viewers.count >= MAX_VIEWERS:
            await websocket.close(1013, "too many viewers")
            return
        await websocket.accept()
        viewer = Viewer(may_control=may_control)
        viewer.say({"type": "hello", "version": VERSION, "may_control": may_control,
                    "given": self._session.sources.has_given,
                    "album": self._album.count if self._album else 0})  # fmt: skip
        self._viewers.add(viewer)
        sending = asyncio.create_task(viewer.deliver(websocket.send_text, websocket.send_bytes))
        listening = asyncio.create_task(self._listen(websocket, viewer))
        try:
            done, _ = await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (error := task.exception()) and not isinstance(error, (WebSocketDisconnect, RuntimeError, OSError)):
                    _log.error("a viewer's socket ends", exc_info=error)
        finally:
            self._viewers.remove(viewer)
            for task in (sending, listening):
                task.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)
            if viewer.sends_pictures:
                self._session.wishes.ask_quietly(Wish("leave"))

    async def _listen(self, websocket: WebSocket, viewer: Viewer) -> None:
        wrong = 0
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                self._obey(viewer, message)
            except Realtime3dError as error:
                wrong += 1
                viewer.say({"type": "refused", "text": str(error)})
            if wrong >= MAX_WRONG:
                await websocket.close(1008, "too many messages that are none")
                return

    def _obey(self, viewer: Viewer, message: Any) -> None:
        picture = message.get("bytes")
        if picture is not None:
            if not viewer.may_control:
                raise UsageError("this link lets you watch only")
            viewer.sends_pictures = self._session.push(picture)
            return
        wish = read_wish(message.get("text") or "")
        if wish.do == "wants":
            viewer.wants = wish.value
        elif wish.do not in FREE and not viewer.may_control:
            raise UsageError("this link lets you watch only")
        else:
            self._session.wishes.ask(wish)


async def _receive(request: Request, path: Path, limit: int) -> str:
    """Write the body; why not, where it cannot be taken."""
    too_much = f"a file may have at most {limit / 1e6:.0f} MB: choose a shorter film, or start the server with its path"
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        return too_much
    size = 0
    with path.open("wb") as file:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    return too_much
                await asyncio.to_thread(file.write, chunk)
        except ClientDisconnect:
            return "the upload was broken off: try again"
        except OSError as error:
            return f"the upload cannot be written ({error.strerror}): free some space and try again"
    return "" if size else "the file is empty: choose another"


class _WithHeaders:
    """Puts `HEADERS` on every answer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, or one line that says why not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except (OSError, OverflowError) as error:
        sock.close()
        raise UsageError(
            f"cannot listen on {host}:{port} ({getattr(error, 'strerror', None) or error}): "
            "end the other program, or name another --port (0: any that is free)"
        ) from error
    return sock
