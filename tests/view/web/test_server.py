"""The live page's server with plain sockets: what it sends and what it obeys."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.asyncio.client import connect

from realtime3d.jobs import Job
from realtime3d.running import run
from tests.helpers.avatars import receiver
from tests.helpers.faults import fault
from tests.helpers.page_server import PATIENCE_S, Served, Talk, get, jpeg, served, talk, vertices_of

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


def test_a_set_without_a_net_for_masks_hides_nothing(server: Served) -> None:
    async def masked(heard: Talk) -> None:
        await heard.wish(do="wants", picture=False, vertices=False, hidden=True)
        await heard.until(lambda t: t.frames and not t.frames[-1]["parts"])

    assert talk(server, masked).frames[-1]["faces"]


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


@fault("page", "two people press record at once", "one recording; the other is told")
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


@fault("page", "the browser whose camera is followed goes away", "the run ends and says so; the server lives")
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


@fault("page", "the browser's camera gives no picture", "a line says what to allow")
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


@fault("page", "an upload that is no film", "the page says so; the next source runs")
def test_a_film_that_is_none_is_said_and_the_server_lives(server: Served) -> None:
    assert get(f"http://{server.address}/upload", b"this is no film" * 100, X_Name="film.mp4")[0] == 200
    heard = talk(server, lambda t: t.until(lambda t: t.states and t.states[-1]["run"] == "failed"))
    assert heard.states[-1]["error"]
    talk(server, _clip_again)


async def _clip_again(heard: Talk) -> None:
    await heard.wish(do="start", kind="clip")
    await heard.until(lambda t: t.states and t.states[-1]["run"] == "running" and t.frames)


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


@fault("page", "an avatar's receiver that cannot be reached", "the page says so")
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
