"""First inputs that are models, weights and meshes, small and valid."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from realtime3d.face.arkit import NAMES
from realtime3d.face.expressions import ACTIONS, EMOTIONS
from realtime3d.face.prior import SHAPES as PRIOR_SHAPES
from realtime3d.surface.activations import ACTIVATIONS
from realtime3d.surface.film import FilmDetail
from realtime3d.surface.film_file import save_film
from tests.fuzz.models import PERSON_OF, small_layout
from tests.helpers import checkpoints


def npz(**arrays: np.ndarray) -> bytes:
    target = io.BytesIO()
    np.savez_compressed(target, **arrays)  # type: ignore[arg-type]
    return target.getvalue()


def head_file() -> bytes:
    """A triangle with a picture, a morph target and two keys of an animation."""
    points, triangles = np.zeros((3, 3), "<f4"), np.arange(4, dtype="<u2")
    flat, two = np.zeros((3, 2), "<f4"), np.array([0, 1], "<f4")
    turns, ways = np.tile(np.array([0, 0, 0, 1], "<f4"), 2), np.zeros((2, 3), "<f4")
    parts = [points, triangles, flat, points, two, two, turns, ways, np.frombuffer(b"picture ", np.uint8)]
    starts = np.cumsum([0, *(part.nbytes for part in parts)]).tolist()
    kinds = ("VEC3", "SCALAR", "VEC2", "VEC3", "SCALAR", "SCALAR", "VEC4", "VEC3")
    counts = (3, 3, 3, 3, 2, 2, 2, 2)
    paths = {"weights": 5, "rotation": 6, "translation": 7}
    content = {
        "asset": {"version": "2.0"},
        "meshes": [{"primitives": [{
            "attributes": {"POSITION": 0, "TEXCOORD_0": 2, "NORMAL": 3}, "indices": 1, "material": 0,
            "targets": [{"POSITION": 3, "NORMAL": 3}],
        }], "weights": [0.5]}],
        "materials": [{"normalTexture": {"index": 0}}],
        "images": [{"bufferView": 8}, {"bufferView": 8}],
        "animations": [{
            "channels": [{"sampler": i, "target": {"path": path}} for i, path in enumerate(paths)],
            "samplers": [{"input": 4, "output": output} for output in paths.values()],
        }],
        "accessors": [
            {"bufferView": i, "componentType": 5123 if i == 1 else 5126, "count": count, "type": kind}
            for i, (count, kind) in enumerate(zip(counts, kinds, strict=True))
        ],
        "bufferViews": [
            {"byteOffset": start, "byteLength": part.nbytes} for start, part in zip(starts, parts, strict=False)
        ],
    }  # fmt: skip
    text, data = json.dumps(content).encode(), b"".join(part.tobytes() for part in parts)
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sIII4s", b"glTF", 2, 28 + len(text) + len(data), len(text), b"JSON")
    return head + text + struct.pack("<I4s", len(data), b"BIN\0") + data


def face_model_file() -> bytes:
    """A whole face model with six vertices, two of them eyes; of its full head nothing but the format."""
    zeros = {"shape_basis": (99, 6, 3), "expression_basis": (29, 6, 3), "extra_basis": (5, 6, 3), "uv": (6, 2),
             "retarget_gram": (52, 52), "retarget_cross": (52, 34), "arkit_to_motion": (34, 52),
             "landmarks_ibug68_weights": (68, 3)}  # fmt: skip
    arrays = {name: np.zeros(shape, np.float16) for name, shape in zeros.items()}
    rows = np.array([[0, 1, 2], [3, 4, 5]], np.uint16)
    return npz(
        format=np.array(2), mean=np.array([[1, 0, 0], [-1, 0, 0]] * 3, np.float32), triangles=rows, uv_triangles=rows,
        uv_vertex=np.arange(6), region=np.array([0, 0, 0, 0, 1, 1], np.uint8), region_names=np.array(["face", "eyes"]),
        extra_names=np.array(["a", "b", "c", "d", "e"]), arkit_names=np.array(NAMES), eye_sine=np.array(0.5),
        eye_weights_left=np.ones(1, np.float32), eye_weights_right=np.ones(1, np.float32),
        landmarks_ibug68_vertices=np.zeros((68, 3), np.uint16), **arrays,
    )  # fmt: skip


def weights() -> Iterator[bytes]:
    """PyTorch's files: the old form without a tensor, the new one with one."""
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"epoch": 3, "names": ["a", "b"]}, [])
    yield b"".join(pickle.dumps(part, 2) for part in parts)

    def text(word: str) -> bytes:
        return pickle.BINUNICODE + struct.pack("<I", len(word)) + word.encode()

    def named(name: str) -> bytes:
        return pickle.GLOBAL + name.replace(" ", "\n").encode() + b"\n"

    two = pickle.BININT1 + b"\2"
    pair = two + two + pickle.TUPLE2
    steps = two + pickle.BININT1 + b"\1" + pickle.TUPLE2
    storage = pickle.MARK + text("storage") + named("torch FloatStorage") + text("0") + text("cpu")
    storage += pickle.BININT1 + b"\4" + pickle.TUPLE + pickle.BINPERSID
    hooks = named("collections OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
    tensor = named("torch._utils _rebuild_tensor_v2") + pickle.MARK + storage + pickle.BININT1 + b"\0" + pair + steps
    tensor += pickle.NEWFALSE + hooks + pickle.TUPLE + pickle.REDUCE
    content = pickle.PROTO + b"\2" + pickle.EMPTY_DICT + text("w") + tensor + pickle.SETITEM + pickle.STOP
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("net/data.pkl", content)
        archive.writestr("net/data/0", bytes(16))
        archive.writestr("net/version", "3\n")
    yield target.getvalue()


def matlab() -> bytes | None:
    try:
        from scipy import io as scipy_io
    except ImportError:
        return None
    target = io.BytesIO()
    scipy_io.savemat(target, {"a": np.eye(3), "s": {"x": np.arange(3.0), "name": "n"}})
    return target.getvalue()


def parts() -> Iterator[bytes]:
    """The files beside a face model, small: a prior, an expression head, the usual detail."""
    prior = {name: np.zeros(shape, np.float32) for name, shape in PRIOR_SHAPES.items()}
    yield b"\0" + npz(format=np.array(1), **prior)
    names = {"emotions": np.array(EMOTIONS), "units": np.array(tuple(ACTIONS)), "weights": np.array(NAMES)}
    head = {
        "gains": (14, 52),
        "offsets": (14,),
        "matrix_0": (54, 2),
        "bias_0": (2,),
        "matrix_1": (2, 7),
        "bias_1": (7,),
    }
    arrays = {name: np.zeros(shape, np.float32) for name, shape in head.items()}
    yield b"\1" + npz(format=np.array(1), **arrays, **names)
    levels = np.zeros((7, 2, 2), np.int8)
    yield b"\2" + npz(format=np.array(1), levels=levels, activations=np.array(tuple(ACTIVATIONS)))


def person_file() -> bytes:
    size, shape = small_layout().size, small_layout().inside.shape
    maps, some = np.zeros(shape, np.float32), np.zeros(len(ACTIVATIONS), np.float32)
    folds = np.zeros((len(some), *shape), np.float32)
    film = FilmDetail(maps, folds, some, some, some, np.append(some, 0), maps, np.zeros((size, size, 3), np.uint8), 9)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "me.npz"
        save_film(path, film, PERSON_OF)
        return path.read_bytes()


def checkpoint_tables() -> Iterator[bytes]:
    variables = {"a/weights": np.zeros((2, 3), np.float32), "a/biases": np.zeros(3, np.float32)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net"
        checkpoints.write_older(path, variables)
        yield b"\0" + path.read_bytes()
        checkpoints.write_newer(path, variables)
        yield b"\1" + Path(f"{path}.index").read_bytes()


def caffe() -> Iterator[bytes]:
    arrays = [np.ones((2, 1, 1, 3)), np.zeros(2), np.ones(1)]
    layers = {"conv": ("Convolution", arrays[:2]), "bn": ("BatchNorm", arrays), "fc": ("InnerProduct", arrays[:1])}
    with tempfile.TemporaryDirectory() as folder:
        for old in (False, True):
            path = Path(folder) / "net"
            checkpoints.write_caffe(path, layers, old)
            yield path.read_bytes()
    yield checkpoints.blob(np.zeros((1, 3, 2, 2)), old=True)
