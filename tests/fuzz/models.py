"""Readers of models, weights and meshes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from realtime3d.face.model import FaceModel
from tests.fuzz.scratch import FOLDER, face_model, kept, quietly

if TYPE_CHECKING:
    from realtime3d.surface.layout import Layout

PERSON_OF = "a model"


def model_file(data: bytes) -> None:
    FaceModel.load(kept(data, "face.npz"))


def model_part(data: bytes) -> None:
    """The files that come with a face model. The first byte says which."""
    from realtime3d.face.expressions import ExpressionHead
    from realtime3d.face.prior import Prior
    from realtime3d.surface.usual import Usual

    read = (Prior.load, ExpressionHead.load, Usual.load)[data[0] % 3 if data else 0]
    read(kept(data[1:], "part.npz"))


def person(data: bytes) -> None:
    """What was learned of a person's skin."""
    from realtime3d.surface.film_file import load_film

    load_film(kept(data, "person.npz"), small_layout(), PERSON_OF)


def glb(data: bytes) -> None:
    from realtime3d.view.glb_file import GlbFile

    file = GlbFile(kept(data, "head.glb"))
    last = len(file.times_s) - 1
    _ = file.uv, file.texture, file.normal_map, file.vertices(last), file.normals(last)


def obj(data: bytes) -> None:
    from realtime3d.view.surfaces import read_obj

    read_obj(kept(data, "head.obj"))


def pickled_weights(data: bytes) -> None:
    """What PyTorch writes: our reader runs nothing of it."""
    from realtime3d.importers.pickles import load

    load(kept(data, "weights.pt"))


def checkpoint(data: bytes) -> None:
    """The first byte says which format: one file, or an index with numbers beside it."""
    from realtime3d.importers.tensorflow_ import open_checkpoint

    kept(bytes(4096), "net.data-00000-of-00001")
    index = FOLDER / "net.index"
    if data[:1] == b"\1":
        index.write_bytes(data[1:])
    else:
        index.unlink(missing_ok=True)
        kept(data[1:], "net")
    found = open_checkpoint(FOLDER / "net")
    for name in found:
        quietly(lambda name=name: found.read(name))  # type: ignore[misc]


def caffe_weights(data: bytes) -> None:
    from realtime3d.importers import caffe

    path = kept(data, "net.caffemodel")
    quietly(lambda: caffe.picture(path))
    caffe.weights(path)


def matlab(data: bytes) -> None:
    from realtime3d.importers.matlab import load

    load(kept(data, "model.mat"))


@functools.cache
def small_layout() -> Layout:
    from realtime3d.surface.layout import Layout

    return Layout(face_model(), 32)
