"""The detail of each face of a film: the person's own, that of expressions, and a head that has both."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from realtime3d.clock import to_s
from realtime3d.errors import UsageError
from realtime3d.face.fingerprint import fingerprint
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.files import make_folder, write_whole
from realtime3d.sinks.glb import glb_bytes
from realtime3d.sinks.glb_head import Folds, Head, Motion
from realtime3d.sinks.mesh_runs import Take
from realtime3d.sinks.meshes import encoded
from realtime3d.sinks.png import displacement_facts, displacement_png, normal_png, png_bytes
from realtime3d.surface.activations import ACTIVATIONS, share_of
from realtime3d.surface.best_frames import BestFrames
from realtime3d.surface.complete import completed
from realtime3d.surface.dense import DenseTopology, dense_topology
from realtime3d.surface.detail import Detail
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.film import FilmDetail, detail_of_film
from realtime3d.surface.film_file import detail_file, load_film, save_film
from realtime3d.types import FloatArray, Image

if TYPE_CHECKING:
    from typing_extensions import Self

_log = logging.getLogger(__name__)
EDGE_MM = 3.0  # of the mesh that moves: shorter ones make files of a hundred megabytes
FACTS_FILE = "detail.json"


@dataclass
class _Face:
    """What is kept of a face while the film runs."""

    take: Take
    frames: BestFrames


class FilmDetailSink:
    """Writes a folder at the end, after a failure as well: maps, an animated GLB and facts for each face."""

    needs_image = False

    def __init__(self, folder: Path, model: FaceModel, profile: Path | None = None) -> None:
        self._folder, self._model, self._profile = folder, model, profile
        self._faces: dict[int, _Face] = {}
        self._zero_ns: int | None = None
        self._before: FilmDetail | None = None
        self._maker: DetailMaker | None = None

    def __enter__(self) -> Self:
        make_folder(self._folder)
        if self._profile is not None and detail_file(self._profile).exists():  # what does not fit is said at once
            self._before = load_film(detail_file(self._profile), self.maker.layout, fingerprint(self._model))
        return self

    @property
    def maker(self) -> DetailMaker:
        if self._maker is None:
            self._maker = DetailMaker(self._model)
        return self._maker

    def write(self, result: FrameResult, image: Image | None) -> None:
        self._zero_ns = result.frame.t_ns if self._zero_ns is None else self._zero_ns
        for face in result.faces:
            if face.status == "tracked":
                kept = self._faces.setdefault(face.id, _Face(Take(face), BestFrames()))
                kept.take.add(face, result)
                kept.frames.see(face, result.frame.image)

    def __exit__(self, *failure: object) -> None:
        longest = max(self._faces, key=lambda i: len(self._faces[i].take.times_ns), default=None)
        facts: dict[str, Any] = {"format": 1, "displacement": displacement_facts(), "faces": {}}
        for face_id, kept in sorted(self._faces.items()):
            mine = face_id == longest and self._profile is not None
            try:
                film = detail_of_film(self.maker, kept.frames.shots, kept.take.face, self._before if mine else None)
            except UsageError as error:
                _log.warning("face %d gets no detail: %s", face_id, error)
                facts["faces"][str(face_id)] = {"refused": str(error)}
                continue
            facts["faces"][str(face_id)] = self._write(f"face_{face_id}", kept.take, film)
            if mine and self._profile is not None:
                save_film(detail_file(self._profile), film, fingerprint(self._model))
        write_whole(self._folder / FACTS_FILE, json.dumps(facts, indent=1).encode(), make_folder=True)

    def _write(self, name: str, take: Take, film: FilmDetail) -> dict[str, Any]:
        layout = self.maker.layout
        at_rest = np.zeros(len(ACTIVATIONS), np.float32)
        rest = self.maker.from_maps(resting(take.face), film.at(at_rest, held=False), film.seen, film.albedo)
        folds = {key: completed(layout, film.folds[k], film.seen) for k, key in enumerate(ACTIVATIONS)}
        maps = {
            "displacement": displacement_png(rest.displacement_mm),
            "normal": normal_png(rest.normals),
            "albedo": png_bytes(rest.albedo),
            "seen": png_bytes(rest.seen),
        }
        maps |= {f"fold_{key}": displacement_png(layout.whole(folds[key])) for key in film.known}
        for kind, data in maps.items():
            write_whole(self._folder / f"{name}_{kind}.png", data, make_folder=True)
        write_whole(self._folder / f"{name}.glb", self._moving(take, rest, folds))
        return {
            "frames": film.frames,
            "activations": {
                key: {
                    "of": list(parts),
                    "known": key in film.known,
                    "mean": round(float(film.mean[k]), 4),
                    "shown": [round(float(film.low[k]), 4), round(float(film.high[k]), 4)],
                }
                for k, (key, parts) in enumerate(ACTIVATIONS.items())
            },
            "formula": "mm = displacement + sum of fold * activation, an activation being the mean of its weights",
            "rms_mm": round(float(np.sqrt(np.square(rest.seen_mm[layout.front]).mean())), 5),
            "files": sorted([f"{name}_{kind}.png" for kind in maps] + [f"{name}.glb"]),
        }

    def _moving(self, take: Take, rest: Detail, folds: dict[str, FloatArray]) -> bytes:
        layout = self.maker.layout
        topology = self._topology()
        fine = np.stack([layout.sampled(layout.whole(fold), topology.uv) for fold in folds.values()])
        zero = self._zero_ns or 0
        return glb_bytes(
            Head(
                model=self._model,
                neutral=self._model.mesh(layout.level).neutral(take.face.shape),
                weights=take.weights[0],
                level=layout.level,
                texture_jpeg=encoded(rest.albedo, ".jpg"),
                normal_png=normal_png(rest.normals),
                motion=Motion([to_s(t_ns - zero) for t_ns in take.times_ns], take.weights, take.poses),
                camera=take.face.camera,
                folds=Folds(topology, (share_of(self._model.arkit_names) @ fine).astype(np.float32)),
                name=f"head_{take.face.id}",
            )
        )

    def _topology(self) -> DenseTopology:
        return dense_topology(self.maker.layout, EDGE_MM)


def resting(face: FaceState) -> FaceState:
    """The same head at rest."""
    return replace(face, expression=np.zeros_like(face.expression), extras=np.zeros_like(face.extras))
