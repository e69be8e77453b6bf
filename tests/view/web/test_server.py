"""The live page's server with plain sockets: what it sends, what it obeys, whom it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import random
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from realtime3d.config import Config
from realtime3d.errors import UsageError
from realtime3d.jobs import Job, run
from realtime3d.view.web.guard import view_token
from realtime3d.view.web.server import bind
from tests.helpers.avatars import receiver
from tests.helpers.page_server import PATIENCE_S, Served, Talk, served, vertices_of

websockets = pytest.importorskip("websockets")
from websockets.asyncio.client import connect

TOKEN = "a-token-for-tests"


@pytest.fixture
def job(without_nets: list[str]) -> Job:
    models, _, boxes = (without_nets[i] for i in (1, 3, 5))
    return Job("", config=Config().with_options({"models": models, "backend": "fake"}), boxes=boxes)


@pytest.fixture
def server(job: Job, clip: Path, tmp_path: Path) -> Iterator[Served]:
    with served(job, clip, tmp_path, need_page=False) as running:
        yield running


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


# -- what it sends ----------------------------------------------------------------------------------------------------


def test_a_viewer_gets_mesh_picture_and_vertices(server: Served) -> None:
    heard = talk(server, lambda t: t.until(lambda t: len(t.frames) >= 3 and t.mesh))
    frame, parts = heard.frames[-1], heard.parts
    picture = cv2.imdecode(np.frombuffer(parts["picture"], np.uint8), cv2.IMREAD_COLOR)
    assert list(picture.shape[1::-1]) == frame["size"] == [320, 240]
    (face,) = frame["faces"]
    vertices = vertices_of(parts[f"vertices_{face['id']}"], heard.mesh["step_mm"])
    assert len(vertices) == heard.mesh["vertices"]
    assert 100 < np.ptp(vertices[:, 1]) < 400  # a head in mm
    assert len(face["weights"]) == len(heard.mesh["weights"]) == 52


def test_who_wants_no_picture_gets_none(server: Served) -> None:
    async def numbers_only(heard: Talk) -> None:
        await heard.wish(do="wants", picture=False, vertices=False)
        await heard.until(lambda t: t.frames and not t.frames[-1]["parts"])

    assert talk(server, numbers_only).frames[-1]["faces"]


# -- what it obeys ----------------------------------------------------------------------------------------------------


def test_pause_settings_and_stop(server: Served) -> None:
    async def steer(heard: Talk) -> None:
        await heard.until(lambda t: t.frames)
        await heard.wish(do="pause", on=True)
        await heard.until(lambda t: t.states[-1]["run"] == "paused")
        await heard.wish(do="use", smooth=False, max_faces=2)
        await heard.until(lambda t: t.states[-1]["settings"]["max_faces"] == 2)
        assert heard.states[-1]["settings"]["smooth"] is False
        seen = len(heard.frames)
        await heard.wish(do="pause", on=False)
        await heard.until(lambda t: len(t.frames) > seen)
        await heard.wish(do="stop")
        await heard.until(lambda t: t.states[-1]["run"] == "ended")
        await heard.wish(do="start", kind="clip")
        await heard.until(lambda t: t.states[-1]["run"] == "running")

    talk(server, steer)


def test_a_recording_has_the_rows_of_video(server: Served, job: Job, clip: Path, tmp_path: Path) -> None:
    async def record(heard: Talk) -> None:
        await heard.wish(do="start", kind="clip")
        await heard.wish(do="record", kinds=["csv", "jsonl"])  # of the run that begins now, from its first picture on
        await heard.until(lambda t: t.states[-1]["recording"] and t.states[-1]["recording"]["frames"] > 5)
        await heard.wish(do="end_record")
        await heard.until(lambda t: not t.states[-1]["recording"] and t.states[-1]["saved"])

    heard = talk(server, record)
    assert {"recording-0001.csv", "recording-0001.jsonl", "recording-0001.json"} <= set(heard.states[-1]["saved"])
    status, text = get(f"http://{server.address}/files/recording-0001.csv")
    recorded = list(csv.DictReader(text.splitlines()))
    run(str(clip), csv=tmp_path / "video.csv", config=job.config, blendshapes=True,
        tracker=job.tracker())  # fmt: skip
    expected = {row["frame"]: row for row in csv.DictReader((tmp_path / "video.csv").open())}
    first_round = [row for row in recorded if row["frame"] in expected]
    assert status == 200 and len(first_round) > 3 and first_round[0]["frame"] == "0"
    assert first_round == [expected[row["frame"]] for row in first_round]


def test_two_people_who_press_record_begin_one_recording(server: Served) -> None:
    async def together(one: Talk) -> None:
        async with connect(server.socket, max_size=None, open_timeout=PATIENCE_S, ping_interval=None) as socket:
            other = Talk(socket)
            for person in (one, other):
                await person.until(lambda t: t.frames and t.states)
            await asyncio.gather(*(person.wish(do="record", kinds=["csv"]) for person in (one, other)))
            for person in (one, other):
                await person.until(lambda t: t.states[-1]["said"] == "is recording already")
                assert person.states[-1]["saved"] == ["recording-0001.csv", "recording-0001.json"]

    talk(server, together)


def test_pictures_of_the_browser_s_camera_are_tracked(server: Served) -> None:
    async def push(heard: Talk) -> None:
        await heard.wish(do="start", kind="browser")
        await heard.until(lambda t: t.states and t.states[-1]["source"].get("kind") == "browser")
        camera = asyncio.create_task(film(heard))
        await heard.until(lambda t: t.frames and t.frames[-1]["size"] == [400, 300])
        camera.cancel()
        assert heard.frames[-1]["faces"]

    async def film(heard: Talk) -> None:
        while True:
            await heard.socket.send(jpeg(400, 300))
            await asyncio.sleep(0.05)

    talk(server, push)
    gone = talk(server, lambda t: t.until(lambda t: t.states[-1:] and t.states[-1]["run"] == "ended"))
    assert "went away" in gone.states[-1]["said"]


def test_a_browser_without_pictures_is_told_what_to_do(server: Served) -> None:
    heard = talk(server, _start_without_pictures)
    assert "allow the camera" in heard.states[-1]["error"]


async def _start_without_pictures(heard: Talk) -> None:
    await heard.wish(do="start", kind="browser")
    await heard.until(lambda t: t.states and t.states[-1]["run"] == "failed")


def test_an_upload_is_tracked_and_deleted(
    job: Job, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # other servers have theirs elsewhere
    with served(job, clip, tmp_path, need_page=False) as server:
        status, text = get(f"http://{server.address}/upload", clip.read_bytes(), X_Name="my%20film.mp4")
        assert (status, json.loads(text)) == (200, {"bytes": clip.stat().st_size})
        heard = talk(
            server,
            lambda t: t.until(
                lambda t: t.frames and t.states[-1]["source"]["kind"] == "upload" and t.states[-1]["run"] == "running"
            ),
        )
        assert heard.states[-1]["source"]["name"] == "my film.mp4"
        assert heard.frames and len(list(tmp_path.glob("realtime3d-uploads-*/*.mp4"))) == 1
    assert not list(tmp_path.glob("realtime3d-uploads-*"))


def test_a_film_that_is_none_is_said_and_the_server_lives(server: Served) -> None:
    assert get(f"http://{server.address}/upload", b"this is no film" * 100, X_Name="film.mp4")[0] == 200
    heard = talk(server, lambda t: t.until(lambda t: t.states and t.states[-1]["run"] == "failed"))
    assert heard.states[-1]["error"]
    talk(server, _clip_again)


async def _clip_again(heard: Talk) -> None:
    await heard.wish(do="start", kind="clip")
    await heard.until(lambda t: t.states and t.states[-1]["run"] == "running" and t.frames)


# -- whom it refuses --------------------------------------------------------------------------------------------------


def test_other_hosts_and_origins_are_refused(server: Served) -> None:
    page = f"http://{server.address}/healthz"
    assert get(page)[0] == 200
    assert get(page, Host="evil.example")[0] == 400
    assert get(page, Host="192.168.1.5:8321")[0] == 400  # only this machine was asked for
    assert get(page, Origin="http://evil.example")[0] == 403
    assert get(page, Origin=f"http://{server.address}")[0] == 200
    assert get(f"http://{server.address}/upload", b"x", Origin="http://evil.example")[0] == 403


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"origin": "null"}])
def test_a_socket_of_another_site_is_refused(server: Served, headers: dict[str, str]) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus, match="403"):
        talk(server, lambda t: t.hear(), **headers)


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


async def _ask_to_stop(heard: Talk) -> None:
    await heard.wish(do="stop")
    await heard.until(lambda t: t.refused and t.frames)


def test_a_view_link_only_watches(server: Served) -> None:
    assert "watch only" in talk(server, _ask_to_stop, path="?view").refused[0]


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


# -- other programs ---------------------------------------------------------------------------------------------------


def test_values_go_where_a_page_says_and_no_longer(server: Served) -> None:
    with receiver() as got:

        async def send(heard: Talk) -> None:
            await heard.wish(do="send", url=f"udp://127.0.0.1:{got.port}")
            await heard.until(lambda t: t.states[-1]["targets"] and "frames" in t.states[-1]["targets"][0]["text"])
            assert json.loads(got.packets(1)[0])["faces"]
            await heard.wish(do="start", kind="clip")  # another run sends on
            await heard.until(lambda t: t.states[-1]["runs"] > 1 and t.states[-1]["targets"])
            (target,) = heard.states[-1]["targets"]
            assert target["to"] == f"127.0.0.1:{got.port}" and not target["failed"]
            await heard.wish(do="unsend", number=target["number"])
            await heard.until(lambda t: t.states[-1]["said"] == "sends there no more" and not t.states[-1]["targets"])

        talk(server, send)


def test_a_target_that_cannot_be_reached_is_said_on_the_page(server: Served) -> None:
    async def send(heard: Talk) -> None:
        await heard.wish(do="send", url="vmc://no-such-host.invalid")
        await heard.until(lambda t: t.states[-1]["targets"] and t.states[-1]["targets"][0]["failed"])
        assert "check the name" in heard.states[-1]["targets"][0]["text"]

    talk(server, send)


def test_a_box_drawn_by_hand_is_looked_into_and_pauses_the_run(server: Served) -> None:
    async def draw(heard: Talk) -> None:
        await heard.until(lambda t: t.frames)
        await heard.wish(do="box", box=[40, 30, 160, 150])
        await heard.until(lambda t: t.states[-1]["run"] == "paused" and "in the box" in t.states[-1]["said"])
        await heard.until(lambda t: t.frames[-1]["faces"] and t.frames[-1]["faces"][0]["identity"]["frames"] == 1)
        await heard.wish(do="pause", on=False)
        index = heard.frames[-1]["index"]
        await heard.until(lambda t: t.frames[-1]["index"] > index + 1)

    talk(server, draw)


def test_a_box_of_a_picture_is_what_process_boxes_says(server: Served, job: Job) -> None:
    assert get(f"http://{server.address}/upload", jpeg(400, 300), X_Name="picture.jpg")[0] == 200
    box = [100, 80, 220, 210]
    with job.tracker() as tracker:
        picture = cv2.imdecode(np.frombuffer(jpeg(400, 300), np.uint8), cv2.IMREAD_COLOR)
        (expected,) = tracker.process_boxes(picture, [box]).faces

    async def draw(heard: Talk) -> None:
        await heard.until(lambda t: t.states[-1]["source"]["kind"] == "upload" and t.frames)
        await heard.until(lambda t: t.frames[-1]["size"] == [400, 300])
        await heard.wish(do="box", box=box)
        await heard.until(lambda t: t.states[-1]["run"] == "paused" and same(t.frames[-1]["faces"]))

    def same(faces: list[dict[str, Any]]) -> bool:
        return bool(faces) and np.allclose(faces[0]["t"], expected.pose.t, atol=1e-2)

    (face,) = talk(server, draw).frames[-1]["faces"]
    assert np.allclose(face["R"], expected.pose.R.ravel(), atol=1e-5)
