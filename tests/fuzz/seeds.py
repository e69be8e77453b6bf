"""Makes the first inputs of every target, small and valid: python -m tests.fuzz.seeds"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from realtime3d.config import Config
from realtime3d.tracking.profile import fingerprint
from realtime3d.view.web.guard import view_token
from tests.fuzz import model_seeds
from tests.fuzz.scratch import face_model
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
HEAD = (
    "frame,face_id,timestamp,confidence,success,pose_Tx,pose_Ty,pose_Tz,pose_Rx,pose_Ry,pose_Rz,box_x,box_y,box_w,box_h"
)
CALIBRATION = """format = 1
preset = "natural"
[weights]
jawOpen = {gain = 1.5, dead = 0.05}
mouth = {gain = 0.8}
[head]
gain = [1.0, 1.2, 1.0]
[lost]
after_s = 0.5
"""
WISHES = (
    {"do": "start", "kind": "stream", "name": "rtsp://a/b"},
    {"do": "use", "models": "compact", "max_faces": 2, "detect_every": 9, "smooth": True, "mirror": False},
    {"do": "record", "kinds": ["csv", "overlay"]},
    {"do": "wants", "picture": True, "vertices": False},
    {"do": "mode", "mode": "mesh"},
    {"do": "pause", "on": True},
)
ROW = "0,0,0.0,0.9,1,1.0,2.0,600.0,0.1,0.2,0.3,10,20,30,40"


def _numbers(prefix: str, count: int) -> str:
    return ",".join(f"{prefix}_{i}" for i in range(count))


def _csv() -> bytes:
    head = f"{HEAD},{_numbers('exp', 29)},{_numbers('id', 99)}"
    rows = [ROW + ",0" * 128, "1,0" + ROW[3:] + ",0.5" * 128]
    return "\n".join([head, *rows, ""]).encode()


def _jsonl() -> bytes:
    face = {"face_id": 0, "confidence": 0.9, "status": "tracked", "pose_T": [1, 2, 600], "pose_R": [0.1, 0.2, 0.3],
            "box": [1, 2, 3, 4], "exp": [0.0] * 29, "id": [0.0] * 99}  # fmt: skip
    lines = [{"frame": i, "timestamp": i / 25, "faces": [face]} for i in range(2)]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _parquet() -> Iterator[bytes]:
    """Tables of a film, of pictures, and of a film as a run writes it, with whole numbers and an identity."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return
    film = {name: [0.0, 1.0] for name in [*HEAD.split(","), *(f"exp_{i}" for i in range(29))]}
    pictures = {"id": ["a", "a_2"], "file": ["a.jpg"] * 2, "face": [1, 2], **dict(list(film.items())[3:])}
    killed = {name: film[name] for name in HEAD.split(",")} | {"frame": [0, 1], "face_id": [0, 0], "id_0": [0.0, 0.5]}
    for columns in (film, pictures, killed):
        target = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(columns), target, compression="none")
        yield target.getvalue()


def _manifest() -> bytes:
    from realtime3d.batch.manifest import Manifest

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m"
        with Manifest(path) as manifest:
            manifest.state_fact("format", 1)
            for name in "abc":
                manifest.add(f"/{name}.mp4", name, 1, 1)
            first, second, third = manifest.waiting()
            manifest.done(first, {"frames": 1, "rows": 1, "seconds": 0.1})
            manifest.failed(second, 3, "broken", aside=True)
            manifest.divide(third, [(0.0, 1.0), (1.0, None)], {"frames": 1})
        return path.read_bytes()


def _vts() -> Iterator[bytes]:
    def said(kind: str, to: str, data: object) -> str:
        return json.dumps({"requestID": to, "messageType": kind, "data": data})

    made = said("ParameterCreationResponse", "ParameterCreationRequest", {})
    yield "\n".join([
        said("AuthenticationTokenResponse", "AuthenticationTokenRequest", {"authenticationToken": "t"}),
        said("AuthenticationResponse", "AuthenticationRequest", {"authenticated": True}), made,
        said("APIError", "ParameterCreationRequest", {"errorID": 1, "message": "m"}), made,
    ]).encode()  # fmt: skip
    yield said("APIError", "AuthenticationTokenRequest", {"errorID": 50, "message": "no"}).encode()


def _requests() -> Iterator[bytes]:
    yield b"/a%20b?token=secret&x=1\nHost: 127.0.0.1:8000\nOrigin: http://127.0.0.1:8000"
    yield b"/\nHost: [::1]:80\nAuthorization: Bearer secret"
    yield b"//a.b/c\nHost: localhost\nOrigin: http://[::1]\nCookie: realtime3d=secret; a=b"
    yield f"/?token={view_token('secret')}\nHost: localhost".encode()


def _picture_table() -> bytes:
    facts = {
        "camera": {
            "fx": 900,
            "fy": 900,
            "cx": 320,
            "cy": 240,
            "width": 640,
            "height": 480,
            "distortion": [0.1, 0, 0, 0],
        }
    }
    head = HEAD.replace("frame,face_id,timestamp", "id,file,face") + "," + _numbers("exp", 29)
    rows = ["a,a.jpg,1,0.9,1" + ",1" * 10 + ",0" * 29, "a_2,a.jpg,2,0.9,1" + ",1" * 10 + ",0" * 29]
    return json.dumps(facts).encode() + b"\0" + "\n".join([head, *rows, ""]).encode()


def seeds(name: str) -> Iterator[bytes]:
    profile = {"format": 1, "face_model": fingerprint(face_model()), "frames": 9, "shape": [0.0] * 99}
    camera = {"camera_matrix": {"rows": 3, "cols": 3, "data": [500, 0, 320, 0, 500, 240, 0, 0, 1]},
              "distortion_coefficients": [0.1, -0.2, 0, 0, 0], "image_width": 640, "image_height": 480}  # fmt: skip
    matrix = (
        "!!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n   data: [ 500., 0., 320., 0., 500., 240., 0., 0., 1. ]"
    )
    xml = "<rows>3</rows><cols>3</cols><dt>d</dt><data>500 0 320 0 500 240 0 0 1</data>"
    side = {"format": 1, "state": "running", "frames": {"first": 0, "last": 1, "read": 2, "dropped": 0},
            "identities": {"0": {"frozen_at_s": 1.0, "frames": 20}}}  # fmt: skip
    net = 'file = "t.onnx"\nsha256 = "0"\nsize = 160\ninput = "image"\noutputs = ["a"]\n'
    kinds = {
        "picture-list": [
            b"ID,FILE,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\na,a.jpg,1,2,3,4\n", b"a.jpg,1,2,3,4\n", b"# x\na\n"
        ],
        "film-list": [b"who,file\nx,a.mp4\n", b"s3://b/a.mp4\nb.mp4\n"],
        "boxes": [b"frame,box_x,box_y,box_w,box_h\n0,1,2,30,40\n1,1,2,30,40\n"],
        "intrinsics": [
            b"\0" + json.dumps(camera).encode(),
            b"\1" + f"%YAML:1.0\n---\ncamera_matrix: {matrix}\nimage_width: 640\nimage_height: 480\n".encode(),
            b"\2" + f"<opencv_storage><camera_matrix>{xml}</camera_matrix></opencv_storage>".encode(),
            b"\3" + model_seeds.npz(camera_matrix=np.eye(3), dist_coeffs=np.zeros(5)),
        ],
        "settings": [Config().to_toml().encode()[:3000], b"[track]\nmax_faces = 2\n"],
        "calibration": [CALIBRATION.encode()],
        "profile": [json.dumps(profile).encode()],
        "model-list": [f'format = 1\ndefault = "a"\n[a.track]\n{net}[a.shape]\n{net}'.encode()],
        "model-file": [model_seeds.face_model_file()],
        "model-part": list(model_seeds.parts()),
        "person": [model_seeds.person_file()],
        "picture-table": [_picture_table()],
        "page-request": list(_requests()),
        "pushed-picture": [cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()],
        "plotted-table": [_csv()],
        "pictures-resumed": [b"a,a.jpg,1,0.9,1,2,3,4\na_2,a.jpg,2,0.9,1,2,3,4\nb,\"b\n.jpg\",1,0.9,1,2,3,4\n"],
        "vts-answers": list(_vts()),
        "obj": [b"mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nf 1/1 2/2 -1/-1\nf 1 2 3\n"],
        "checkpoint": list(model_seeds.checkpoint_tables()),
        "caffe": list(model_seeds.caffe()),
        "table": [b"\0" + _csv(), b"\1" + _jsonl()],
        "parquet": list(_parquet())[:2],
        "parquet-resumed": list(_parquet())[2:],
        "resumed": [_csv(), _jsonl(), b"Timecode,BlendshapeCount\n00:00:01:02.345,61\n"],
        "sidecar": [json.dumps(side).encode()],
        "page-message": [json.dumps(wish).encode() for wish in WISHES],
        "glb": [model_seeds.head_file()],
        "manifest": [_manifest()],
        "pickled-weights": list(model_seeds.weights()),
        "matlab": [seed for seed in [model_seeds.matlab()] if seed],
    }  # fmt: skip
    yield from kinds[name]


def main() -> None:
    face_model()
    for name in TARGETS:
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds(name)):
            (folder / f"seed{number}").write_bytes(seed)


if __name__ == "__main__":
    main()
