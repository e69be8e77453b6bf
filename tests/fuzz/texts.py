"""Readers of lists, settings, tables and messages: each takes an input as a user's file or as a message."""

from __future__ import annotations

import contextlib
import json
import os
from urllib.parse import unquote, unquote_to_bytes

from tests.fuzz.scratch import FOLDER, face_model, kept, quietly


def picture_list(data: bytes) -> None:
    from realtime3d.sources.lists import read_inputs

    for name in ("list.csv", "list.txt"):
        quietly(lambda name=name: read_inputs([str(kept(data, name))], FOLDER / "out"))  # type: ignore[misc]


def film_list(data: bytes) -> None:
    from realtime3d.batch.inputs import find_films

    for name in ("films.csv", "films.txt"):
        quietly(lambda name=name: [f.name for f in find_films([str(kept(data, name))], FOLDER / "out")])  # type: ignore[misc]


def boxes(data: bytes) -> None:
    from realtime3d.detect.fixed import FixedBoxes

    FixedBoxes.read(kept(data, "boxes.csv"))


def intrinsics(data: bytes) -> None:
    """The first byte says which kind of file it is."""
    from realtime3d.sources.intrinsics import read_intrinsics

    suffix = (".json", ".yml", ".xml", ".npz")[data[0] % 4 if data else 0]
    read_intrinsics(kept(data[1:], f"camera{suffix}"))


def settings(data: bytes) -> None:
    from realtime3d.config import Config

    Config.read(kept(data, "settings.toml")).to_toml()


def calibration(data: bytes) -> None:
    from realtime3d.avatar.calibration import Calibration

    Calibration.read(kept(data, "calibration.toml"))


def profile(data: bytes) -> None:
    from realtime3d.tracking.profile import load_profile

    load_profile(kept(data, "profile.json"), face_model())


def plotted_table(data: bytes) -> None:
    from realtime3d.demo.plot import read_face

    read_face(kept(data, "faces.csv"))


def pictures_resumed(data: bytes) -> None:
    """What a killed run over pictures left behind the header of its table."""
    from realtime3d.pictures.run import _done_before
    from realtime3d.pictures.sheet import read_faces

    header = b"id,file,face,confidence,box_x,box_y,box_w,box_h\n"
    path = kept(header + data, "pictures.csv")
    end, _ = _done_before(path, header, {"a", "b"})
    os.truncate(path, end)
    read_faces(path)


def model_list(data: bytes) -> None:
    from realtime3d.nets.modelset import find

    kept(data, "models.toml")
    find(str(FOLDER))


def table(data: bytes) -> None:
    """The first byte says which kind of file it is."""
    from realtime3d.sinks.read_back import read_recording

    suffix = (".csv", ".jsonl")[data[0] % 2 if data else 0]
    recording = read_recording(kept(data[1:], f"table{suffix}"), face_model())
    for _, result in zip(range(3), recording, strict=False):
        [face.weights for face in result.faces if hasattr(face, "weights")]


def parquet(data: bytes) -> None:
    """Of a film, or of pictures."""
    from realtime3d.sinks.read_back import read_recording
    from realtime3d.sinks.read_pictures import is_of_pictures, read_pictures

    path = kept(data, "table.parquet")
    recording = (read_pictures if is_of_pictures(path) else read_recording)(path, face_model())
    for _, result in zip(range(3), recording, strict=False):
        [face.vertices() for face in result.faces]


def parquet_resumed(data: bytes) -> None:
    from realtime3d.sinks.known import known_faces
    from realtime3d.sinks.parquet import last_part_time

    path = kept(data, "killed.parquet")
    end = last_part_time(path)
    if end is not None:
        known_faces({"parquet": path}, end)


def resumed(data: bytes) -> None:
    """What a killed run left."""
    from realtime3d.sinks.known import known_faces
    from realtime3d.sinks.livelink_csv import rows
    from realtime3d.sinks.tables import last_time

    rows(kept(data, "take.csv"))
    for kind in ("csv", "jsonl"):
        path = kept(data, f"killed.{kind}")
        end = last_time(path)
        if end is not None:
            quietly(lambda kind=kind, path=path, end=end: known_faces({kind: path}, end))  # type: ignore[misc]


def page_request(data: bytes) -> None:
    """An address, then a header a line; to a server with a token, and to one of this machine alone."""
    from realtime3d.view.web.guard import Guard, _without_token

    address, *lines = data.split(b"\n")
    path, _, query = address.partition(b"?")
    headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    scope = {"type": "http", "headers": headers, "path": unquote(path.decode("latin-1")), "query_string": query}
    for guard in (Guard("0.0.0.0", "secret"), Guard("127.0.0.1")):
        verdict = guard.judge(scope)
        where = dict(_without_token(scope, verdict.token or "secret"))[b"location"]
        assert where[:1] == b"/" and where[1:2] != b"/" and not set(where) & set(b"\r\n")
        if guard.token and not verdict.status and verdict.may_control and scope["path"] != "/healthz":
            assert b"secret" in unquote_to_bytes(data)


def sidecar(data: bytes) -> None:
    from realtime3d.sinks.resume import noted_identities
    from realtime3d.sinks.sidecar import read_sidecar

    read_sidecar(kept(data, "table.json"))
    noted_identities({"csv": FOLDER / "table.csv"})


def page_message(data: bytes) -> None:
    from realtime3d.view.web.messages import read_wish

    read_wish(data.decode("utf-8", "surrogateescape" if data[:1] == b"\0" else "replace"))


def manifest(data: bytes) -> None:
    """A batch's manifest that somebody has damaged."""
    from realtime3d.batch.manifest import Manifest

    with Manifest(kept(data, "manifest.sqlite")) as opened:
        opened.facts()
        opened.counts()
        list(opened.finished())
        list(opened.set_aside())
        for film, chunks in opened.split():
            if not chunks:
                opened.chunk_notes(film)


def vts_answers(data: bytes) -> None:
    """What VTube Studio says, a message a line: to our greeting, and later."""
    from realtime3d.avatar.vts import VtsLine
    from realtime3d.avatar.websocket import Refused

    os.environ["XDG_CONFIG_HOME"] = str(FOLDER)  # where a token is kept
    line = VtsLine("localhost", 8001)
    with contextlib.suppress(Refused, TimeoutError):
        line.greet(Messages(data.split(b"\n"), line))
    for message in data.split(b"\n"):
        line.heard(message)


class Messages:
    """A receiver that says what it says, whatever it is asked; then the run ends."""

    def __init__(self, messages: list[bytes], line: object) -> None:
        self._messages, self._line = iter(messages), line

    def send(self, text: str) -> None:
        json.loads(text)

    def recv(self, timeout: float) -> str | bytes:
        message = next(self._messages, None)
        if message is None:
            self._line._closing = True  # type: ignore[attr-defined]
            raise TimeoutError
        return message if message[:1] == b"\0" else message.decode("utf-8", "replace")


def picture_table(data: bytes) -> None:
    """Up to a NUL: what is known of the first picture; then the table of a folder of pictures."""
    from realtime3d.sinks.read_pictures import is_of_pictures, read_pictures
    from realtime3d.view.web.album import Album

    facts, _, table = data.partition(b"\0")
    (FOLDER / "a").mkdir(exist_ok=True)
    kept(facts, "a/a.json")
    path = kept(table, "faces.csv")
    quietly(lambda: Album(FOLDER).entries())
    if is_of_pictures(path):
        for _, result in zip(range(3), read_pictures(path, face_model()), strict=False):
            [face.vertices() for face in result.faces]


def pushed_picture(data: bytes) -> None:
    """Of a browser's camera."""
    from realtime3d.sources.pushed import jpeg_size

    jpeg_size(data)
