"""Tables, meshes and messages of somebody else: read, or refused in one line. Most of these were found by fuzzing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from realtime3d.avatar.vts import VtsLine
from realtime3d.avatar.websocket import Refused
from realtime3d.backends.engines import read_info
from realtime3d.batch.manifest import Manifest
from realtime3d.bench.report import read as read_report
from realtime3d.errors import MissingError, OutputError, Realtime3dError, SourceError, UsageError
from realtime3d.sinks.read_back import UNKNOWN_PICTURE, read_recording
from realtime3d.sinks.read_pictures import read_pictures
from realtime3d.sources.intrinsics import read_intrinsics
from realtime3d.view.glb_file import GlbFile
from realtime3d.view.surfaces import read_obj
from tests.fuzz import model_seeds
from tests.fuzz.scratch import face_model
from tests.fuzz.seeds import seeds
from tests.fuzz.texts import Messages
from tests.helpers.faults import ONE_LINE, cases, refused

DEEP = "[" * 100_000


# -- tables -----------------------------------------------------------------------------------------------------------


def _jsonl(change: Callable[[dict[str, Any]], object]) -> str:
    line = json.loads(next(data for data in seeds("table") if data[:1] == b"\1")[1:].splitlines()[0])
    change(line["faces"][0])
    return json.dumps(line) + "\n"


LINES = {
    "replay: a confidence that is a word": _jsonl(lambda face: face.update(confidence="high")),
    "replay: a coefficient that is a list": _jsonl(lambda face: face["exp"].__setitem__(0, [1.0])),
    "replay: coefficients that are lists": _jsonl(lambda face: face.update(exp=[[0.0, 1.0]] * 29)),
    "replay: a number of 400 digits": _jsonl(lambda face: face.update(confidence=10**400)),
    "replay: a time of 1e308 s": _jsonl(lambda face: None).replace('"timestamp": 0.0', '"timestamp": 1e308'),
    "replay: a frame of number 1e300": _jsonl(lambda face: None).replace('"frame": 0', '"frame": 1e300'),
    "replay: a line nested 100,000 deep": DEEP + "\n",
}


@pytest.mark.parametrize("text", cases("tables", ONE_LINE, LINES))
def test_a_line_of_json(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    refused(lambda: list(read_recording(tmp_path / "a.jsonl", face_model())), SourceError, "a.jsonl")


COLUMNS: dict[str, list[Any]] = {
    "replay: a Parquet table with words for numbers": ["a", "b"],
    "replay: a Parquet table with lists for numbers": [[1.0], [2.0]],
}


@pytest.mark.parametrize("values", cases("tables", ONE_LINE, {name: (values,) for name, values in COLUMNS.items()}))
def test_a_parquet_table_of_others(values: list[Any], tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    for data, read in zip(seeds("parquet"), (read_recording, read_pictures), strict=True):
        path = tmp_path / "a.parquet"
        path.write_bytes(data)
        table = arrow.parquet.read_table(path)
        arrow.parquet.write_table(table.set_column(5, table.column_names[5], arrow.array(values)), path)
        refused(lambda read=read, path=path: list(read(path, face_model())), SourceError, "a.parquet")  # type: ignore[misc]


CAMERA = {"fx": 900, "fy": 900, "cx": 320, "cy": 240, "width": 640, "height": 480, "distortion": []}
CAMERAS = {
    "a width of a half": {**CAMERA, "width": 0.5},
    "a height below 0": {**CAMERA, "height": -480},
    "a width of a million": {**CAMERA, "width": 10**6},
    "words": {**CAMERA, "fx": "wide"},
    "no focal length": {**CAMERA, "fx": 0},
    "an infinite centre": {**CAMERA, "cx": float("inf")},
    "a lens of three numbers": {**CAMERA, "distortion": [0.1, 0.2, 0.3]},
    "a lens that is a number": {**CAMERA, "distortion": 1},
    "no object": [900, 900],
}


@pytest.mark.parametrize(
    "camera",
    cases(
        "tables",
        "that of a usual picture is taken",
        {f"replay: a picture's camera is {name}": camera for name, camera in CAMERAS.items()},
    ),
)
def test_a_picture_with_an_odd_camera(camera: object, tmp_path: Path) -> None:
    facts, _, table = next(seeds("picture-table")).partition(b"\0")
    (tmp_path / "faces.csv").write_bytes(table)
    (tmp_path / "a").mkdir()
    for text, size in ((facts.decode(), (640, 480)), (json.dumps({"camera": camera}), UNKNOWN_PICTURE)):
        (tmp_path / "a" / "a.json").write_text(text)
        result = next(iter(read_pictures(tmp_path / "faces.csv", face_model())))
        assert result.camera is not None and (result.camera.width, result.camera.height) == size


# -- meshes -----------------------------------------------------------------------------------------------------------


def _glb(change: Callable[[dict[str, Any]], object]) -> bytes:
    data = model_seeds.head_file()
    size = struct.unpack_from("<I", data, 12)[0]
    content = json.loads(data[20 : 20 + size])
    change(content)
    text = json.dumps(content).encode()
    return data[:12] + struct.pack("<I", len(text)) + data[16:20] + text + data[20 + size :]


def _primitive(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["meshes"][0]["primitives"][0]
    return found


GLBS = {
    "a GLB whose pictures are other files": _glb(lambda c: c.update(images=[{"uri": "a.png"}] * 2)),
    "a GLB with bytes for texture coordinates": _glb(lambda c: c["accessors"][2].update(componentType=5121)),
    "a GLB whose triangles have corners that are not there": _glb(lambda c: c["accessors"][0].update(count=2)),
    "a GLB with fewer weights than targets": _glb(lambda c: (c.pop("animations"), c["meshes"][0].update(weights=[]))),
    "a GLB with an animation of something else": _glb(lambda c: c["animations"][0]["channels"][0].update(target={})),
    "a GLB with an animation of other length": _glb(lambda c: c["accessors"][6].update(count=1)),
    "a GLB without triangles": _glb(lambda c: c["accessors"][1].update(count=0)),
    "a GLB with normals of two numbers": _glb(lambda c: _primitive(c)["attributes"].update(NORMAL=2)),
}


@pytest.mark.parametrize("data", cases("pictures", ONE_LINE, GLBS))
def test_a_glb_of_others(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_bytes(data)
    refused(lambda: GlbFile(tmp_path / "a.glb"), SourceError, "a.glb")


def test_the_glb_they_are_made_of_is_whole(tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_bytes(_glb(lambda content: None))
    file = GlbFile(tmp_path / "a.glb")
    assert file.times_s == [0.0, 1.0] and file.vertices(1).shape == (3, 3) and file.normals(1) is not None
    assert file.texture == file.normal_map == b"picture "


TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n"
OBJS = {
    "an OBJ with a corner of 30 digits": f"{TRIANGLE}f 1 2 {'9' * 30}\n",
    "an OBJ with a corner that is not there": f"{TRIANGLE}f 1 2 4\n",
    "an OBJ with a corner before the first": f"{TRIANGLE}f 1 2 -9\n",
}


@pytest.mark.parametrize("text", cases("pictures", ONE_LINE, OBJS))
def test_an_obj_of_others(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(text)
    refused(lambda: read_obj(tmp_path / "a.obj"), SourceError, "a.obj")


MATERIALS = {
    "an OBJ whose material has a name of 5,000 letters": "m" * 5000,
    "an OBJ whose material is not there": "none.mtl",
    "an OBJ whose material names pictures that cannot be": "odd.mtl",
}


@pytest.mark.parametrize("name", cases("pictures", "the mesh is shown without a picture", MATERIALS))
def test_an_obj_without_its_material(name: str, tmp_path: Path) -> None:
    (tmp_path / "odd.mtl").write_text(f"map_Kd\nmap_Kd  \nmap_Kd {'p' * 5000}\nnorm {tmp_path}\n")
    (tmp_path / "a.obj").write_text(f"mtllib {name}\n{TRIANGLE}")
    surface = read_obj(tmp_path / "a.obj")
    assert surface.texture is None and len(surface.triangles) == 1


def test_a_material_in_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "skin.mtl").write_text("map_Kd skin.png\n")
    (tmp_path / "maps" / "skin.png").write_bytes(b"a picture")
    (tmp_path / "a.obj").write_text(f"mtllib maps/skin.mtl\n{TRIANGLE}")
    assert read_obj(tmp_path / "a.obj").texture == b"a picture"


# -- what programs keep and say ---------------------------------------------------------------------------------------

NESTED = {
    "an engine's sidecar nested 100,000 deep": (lambda path: read_info(path, "realtime3d build"), MissingError),
    "a benchmark's report nested 100,000 deep": (read_report, UsageError),
    "a calibration of a camera nested 100,000 deep": (read_intrinsics, UsageError),
}


@pytest.mark.parametrize(("read", "kind"), cases("configuration", ONE_LINE, NESTED))
def test_json_that_nests_without_end(read: Any, kind: type[Realtime3dError], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(DEEP)
    refused(lambda: read(tmp_path / "a.json"), kind, "a.json")


def said(kind: str, to: str, data: object) -> bytes:
    return json.dumps({"requestID": to, "messageType": kind, "data": data}).encode()


TOKENS = {
    "VTube Studio's answer is a list": [said("AuthenticationTokenResponse", "AuthenticationTokenRequest", [])],
    "VTube Studio's token is a number": [
        said("AuthenticationTokenResponse", "AuthenticationTokenRequest", {"authenticationToken": 1})
    ],
    "VTube Studio says why in a list": [said("APIError", "AuthenticationTokenRequest", ["no"])],
}


@pytest.mark.parametrize("answers", cases("avatars", "told in one line, not asked again in this run", TOKENS))
def test_odd_answers_of_vtube_studio(answers: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    line = VtsLine("localhost", 8001)
    with pytest.raises(Refused, match="VTube Studio"):
        line.greet(Messages([DEEP.encode(), *answers], line))


COUNTS = {
    "a manifest with an infinite size": "UPDATE films SET bytes = 9e999",
    "a manifest with sizes beyond all numbers": "UPDATE films SET bytes = 9223372036854775807",
}


@pytest.mark.parametrize("statement", cases("batch", "one line that names the file", COUNTS))
def test_a_manifest_with_odd_sizes(statement: str, tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    path.write_bytes(next(seeds("manifest")))
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(statement)
        database.commit()
    with Manifest(path) as manifest:
        refused(manifest.counts, OutputError, "m.sqlite")
