"""Whom and what the live page's server refuses, and that it lives on."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import websockets

from realtime3d.errors import UsageError
from realtime3d.jobs import Job
from realtime3d.view.web.guard import _without_token, view_token
from realtime3d.view.web.server import bind
from tests.helpers.faults import fault
from tests.helpers.page_server import Served, Talk, get, served, talk

TOKEN = "a-token-for-tests"


@fault("page", "a page of another site asks (by name or by origin)", "refused (400, 403)")
def test_other_hosts_and_origins_are_refused(server: Served) -> None:
    page = f"http://{server.address}/healthz"
    assert get(page)[0] == 200
    assert get(page, Host="evil.example")[0] == 400
    assert get(page, Host="192.168.1.5:8321")[0] == 400  # only this machine was asked for
    assert get(page, Origin="http://evil.example")[0] == 403
    assert get(page, Origin=f"http://{server.address}")[0] == 200
    assert get(f"http://{server.address}/upload", b"x", Origin="http://evil.example")[0] == 403
    assert get(page, Origin="http://[")[0] == 403  # no address at all


@fault("page", "a page of another site opens the socket", "refused (403)")
@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"origin": "null"}])
def test_a_socket_of_another_site_is_refused(server: Served, headers: dict[str, str]) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus, match="403"):
        talk(server, lambda t: t.hear(), **headers)


@fault("page", "no token, a wrong one, one that only watches", "refused (401, 403), after ten tries 429")
def test_the_token(job: Job, clip: Path, tmp_path: Path) -> None:
    with served(job, clip, tmp_path, host="127.0.0.1", token=TOKEN, need_page=False) as server:
        address = f"http://{server.address}"
        assert server.page == f"{address}/?token={TOKEN}"
        assert get(f"{address}/healthz")[0] == 200
        assert get(f"{address}/files/x")[0] == 401
        with pytest.raises(websockets.exceptions.InvalidStatus):
            talk(server, lambda t: t.hear())
        assert get(f"{address}/files/x", Authorization=f"Bearer {TOKEN}")[0] == 404
        assert get(f"{address}/files/x", Cookie=f"realtime3d={TOKEN}")[0] == 404
        talk(server, lambda t: t.until(lambda t: t.frames), path=f"?token={TOKEN}")
        watch = talk(server, _ask_to_stop, path=f"?token={view_token(TOKEN)}")
        assert "watch only" in watch.refused[0]
        assert get(f"{address}/upload", b"x", Authorization=f"Bearer {view_token(TOKEN)}")[0] == 403
        assert [get(f"{address}/files/x?token=wrong{n}")[0] for n in range(11)] == [401] * 10 + [429]


@fault("page", "a link with the token leads to another server, or holds a line break", "stays on this server")
@pytest.mark.parametrize("path", ["//evil.example/a", "/%0d%0aSet-Cookie:%20a=b", "/a%20b/é"])
def test_where_a_link_with_the_token_leads(path: str) -> None:
    scope = {"path": unquote(path), "query_string": b"token=secret&x=1"}
    where = dict(_without_token(scope, "secret"))[b"location"].decode()
    assert where == quote("/" + scope["path"].lstrip("/")) + "?x=1"
    assert where.isprintable() and not where.startswith("//")


async def _ask_to_stop(heard: Talk) -> None:
    await heard.wish(do="stop")
    await heard.until(lambda t: t.refused and t.frames)


@fault("page", "who only watches asks for something", "refused with the reason")
def test_a_view_link_only_watches(server: Served) -> None:
    assert "watch only" in talk(server, _ask_to_stop, path="?view").refused[0]


@fault("page", "a message that means nothing, or names a file of the disk", "answered with the reason; nothing is done")
@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("no json", "JSON"),
        ("[]", "`do`"),
        ('{"do": "explode"}', "one of"),
        ('{"do": "start", "kind": "camera", "name": "/etc/passwd"}', "number"),
        ('{"do": "start", "kind": "stream", "name": "file:///etc/passwd"}', "begins with"),
        ('{"do": "start", "kind": "stream", "name": "/etc/passwd"}', "begins with"),
        ('{"do": "start", "kind": "video", "name": "/etc/passwd"}', "`kind`"),
        ('{"do": "use", "models": "/home/somebody"}', "models"),
        ('{"do": "use", "max_faces": "many"}', "whole number"),
        ('{"do": "use", "max_faces": 0}', "between"),
        ('{"do": "record", "kinds": ["exe"]}', "kinds"),
        ('{"do": "mode", "mode": "loud"}', "mode"),
        ('{"do": "send", "url": "gopher://x"}', "cannot send to"),
        ('{"do": "send", "url": "-"}', "address like"),
        ('{"do": "box", "box": [1, 2, 3]}', "boxes are"),
        ('{"do": "box", "box": [9, 9, 1, 1]}', "x0 < x1"),
        ('{"do": "box", "box": [0, 0, NaN, 9]}', "px"),
        ('{"do": "unsend", "number": "1"}', "number"),
        ("[" * 100_000, "characters"),
    ],
)
def test_a_wrong_message_is_answered(server: Served, message: str, says: str) -> None:
    async def send(heard: Talk) -> None:
        await heard.socket.send(message)
        await heard.until(lambda t: t.refused)

    assert says in talk(server, send).refused[0]


@fault("page", "ten thousand messages of garbage", "others go on as before")
def test_ten_thousand_messages_of_garbage(server: Served) -> None:
    numbers = random.Random(1)

    async def fuzz(heard: Talk) -> None:
        for _ in range(100):
            size = numbers.randrange(0, 200)
            data = numbers.randbytes(size)
            await heard.socket.send(data if numbers.random() < 0.5 else data.decode("latin-1"))

    for _ in range(100):
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):  # of who says too much nonsense
            talk(server, fuzz, max_queue=None, close_timeout=2)  # else a full queue keeps the goodbye waiting
    assert talk(server, lambda t: t.until(lambda t: len(t.frames) > 3)).frames


@fault("page", "a message of nine megabytes", "its socket is closed, no other")
def test_a_huge_message_closes_its_socket_and_no_other(server: Served) -> None:
    async def flood(heard: Talk) -> None:
        await heard.socket.send(b"x" * (9 << 20))
        while True:
            await heard.hear()

    with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
        talk(server, flood)
    goodbye = closed.value.rcvd  # none where the connection broke before it was read
    assert goodbye is None or goodbye.code == 1009
    assert talk(server, lambda t: t.until(lambda t: t.frames)).frames


def test_a_too_large_upload_is_refused_before_it_is_there(job: Job, clip: Path, tmp_path: Path) -> None:
    with served(job, clip, tmp_path, max_upload=1000, need_page=False) as server:
        status, text = get(f"http://{server.address}/upload", b"x" * 1001, X_Name="a.mp4")
        assert status == 413 and "at most" in text
        assert get(f"http://{server.address}/upload", b"", X_Name="a.mp4")[0] == 400


@fault("page", "names that lead out of the folder of recordings", "404")
def test_files_of_the_disk_have_no_name_here(server: Served) -> None:
    for name in ("x", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "%2e%2e/secret"):
        assert get(f"http://{server.address}/files/{name}")[0] in (404, 405)


def test_a_port_in_use_is_one_line() -> None:
    first = bind("127.0.0.1", 0)
    try:
        with pytest.raises(UsageError, match="--port"):
            bind("127.0.0.1", first.getsockname()[1])
    finally:
        first.close()
