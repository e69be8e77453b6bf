"""What is made of one picture: a row for each face, and its files."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from realtime3d.errors import MissingError, UsageError
from realtime3d.face.model import FaceModel
from realtime3d.face.prior import moved_by_prior_mm, with_prior
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.files import write_whole
from realtime3d.pictures.detail import (
    detail_facts,
    write_facial_details,
    write_foundation,
    write_maps,
)
from realtime3d.pictures.detail import (
    write_meshes as write_detail_meshes,
)
from realtime3d.pictures.mask import mask_facts, write_mask
from realtime3d.pictures.plan import NO_DETAIL, NO_FACE, PicturesJob, Problem, Task, numbered
from realtime3d.render.base import OverlayStyle
from realtime3d.render.choose import create_renderer
from realtime3d.render.maps import DEPTH_STEP_MM, Maps
from realtime3d.render.views import Views, upright_crop, view_name
from realtime3d.sinks.columns import column_groups, rounded
from realtime3d.sinks.meshes import Kind, MeshWriter, encoded
from realtime3d.sinks.sidecar import CONVENTIONS
from realtime3d.sinks.tables import cells, formats
from realtime3d.sources.pictures import read_picture
from realtime3d.surface.portrait import refusal
from realtime3d.surface.texture import Texture
from realtime3d.tracker import FaceTracker
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

    from realtime3d.surface.detail import Detail
    from realtime3d.surface.mask import FaceMask

FIXED = ("id", "file", "face")  # columns before those of a film


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one task."""

    task: Task | Problem
    rows: str = ""  # of the table, whole lines
    faces: int = 0
    problems: tuple[Problem, ...] = ()
    moved_mm: tuple[float, ...] = ()  # by the prior, of each face


class PictureWorker:
    """Makes the files of one picture after the other. Opens with `with`."""

    def __init__(self, job: PicturesJob, planned: Collection[str], tracker: FaceTracker | None = None) -> None:
        """`planned` are the IDs of all tasks: a second face never takes one of them. `tracker`: one that is open."""
        self._job, self._planned = job, planned
        self._own = None if tracker else FaceTracker(config=job.config)
        self.tracker = tracker or cast(FaceTracker, self._own)
        self._renderer = create_renderer(style=OverlayStyle(bars=False))
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._own is not None:
            self._open.enter_context(self._own)
        self._open.callback(self._renderer.close)
        model = self.tracker.model
        self._suffixes = _suffixes(self._job, model)
        if self._job.mask and not self.tracker.has_mask:
            raise MissingError(f"the model set {self.tracker.model_set.name!r} has no net for masks: leave out --mask")
        self._meshes = MeshWriter(model, self._job.level)
        self._groups = column_groups(model, blendshapes=self._job.blendshapes, raw=self._job.raw, more=self._job.more)
        self._forms = formats(self._groups)
        return self

    def __exit__(self, *failure: object) -> None:
        self._open.close()

    def columns(self) -> tuple[str, ...]:
        """The table's header."""
        return (*FIXED, *(name for group in self._groups for name in group.names))

    def do(self, task: Task) -> Done:
        """Find the faces of a picture and write their files. A picture that is wrong is a problem and no error."""
        image = read_picture(task.file)
        if image is None:
            there = task.file.is_file()
            return _failed(task, "this is no picture that can be read" if there else "there is no such file")
        try:
            result = with_prior(self._look(image, task), self._job.prior)
        except UsageError as error:  # a picture of no usual kind
            return _failed(task, str(error))
        if not result.faces:
            return _failed(task, NO_FACE)
        rows, problems, moved = [], [], []
        for i, face in enumerate(result.faces):
            number = task.face + i
            name = numbered(task.id, number) if task.box is None else task.id
            if i and name in self._planned:
                problems.append(Problem(name, task.file, task.where, f"the ID {name} belongs to another picture"))
                continue
            if self._job.prior != "none":
                moved.append(moved_by_prior_mm(face))
            refused = self._write(name, task, number, face, result, image)
            if refused:
                problems.append(Problem(name, task.file, task.where, NO_DETAIL + refused))
            rows.append(f"{_cell(name)},{_cell(str(task.file))},{number},{cells(self._forms, self._groups, face)}\n")
        return Done(task, "".join(rows), len(rows), tuple(problems), tuple(moved))

    def _look(self, image: Image, task: Task) -> FrameResult:
        if task.box is None:
            return self.tracker.process_picture(image)
        x, y, width, height = task.box
        if x >= image.shape[1] or y >= image.shape[0] or x + width <= 0 or y + height <= 0:
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise UsageError(f"the box {x:g},{y:g},{width:g},{height:g} lies outside the picture of {size}")
        return self.tracker.process_boxes(image, [[x, y, x + width, y + height]])

    def _write(
        self, name: str, task: Task, number: int, face: FaceState, result: FrameResult, given: Image
    ) -> str | None:
        """All files of one face. Says why it has no detail, where that was wanted. `given` is the picture as read."""
        job, image = self._job, result.frame.image
        detail = None
        refused = refusal(face) if job.detail else None
        mask = self._mask(face, given)
        if job.detail and not refused:
            detail = self.tracker.detail(given, face, mask)
        if job.layout != "own":
            self._write_layout(name, face, detail)
            return refused
        folder = job.out / name
        self._write_meshes(folder, name, face, image, detail, mask)
        if job.crops:
            crop = encoded(upright_crop(face, image, job.crops), ".jpg")
            write_whole(folder / f"{name}_crop.jpg", crop, make_folder=True)
        if job.overlay:
            drawn = self._renderer.draw(image, FrameResult(result.frame, (face,), camera=result.camera))
            write_whole(folder / f"{name}_overlay.jpg", encoded(drawn, ".jpg"), make_folder=True)
        facts = _facts(name, task, number, face, image)
        if job.prior != "none":
            facts["prior"] = {"kind": job.prior, "moved_mm": round(moved_by_prior_mm(face), 4)}
        if job.maps:
            facts["maps"] = self._write_maps(folder, name, face)
        if job.mask and mask is not None:
            write_mask(folder, name, mask)
            facts["mask"] = mask_facts(mask)
        if job.detail:
            facts["detail"] = {"refused": refused} if detail is None else detail_facts(detail)
        text = json.dumps(facts, indent=1, ensure_ascii=False)
        write_whole(folder / f"{name}.json", text.encode("utf-8", "backslashreplace") + b"\n", make_folder=True)
        return refused

    def _coloured(self, model: FaceModel) -> bool:
        """Whether colours of the picture go onto meshes."""
        return model.has_layout and bool(self._suffixes or self._job.views is not None)

    def _mask(self, face: FaceState, given: Image) -> FaceMask | None:
        """What hides a face, where that is asked for or matters, and the model set has a net for it."""
        job = self._job
        wanted = job.mask or job.detail or (job.layout == "own" and self._coloured(face.model))
        return self.tracker.mask(given, face) if wanted and self.tracker.has_mask else None

    def _write_meshes(
        self, folder: Path, name: str, face: FaceState, image: Image, detail: Detail | None, mask: FaceMask | None
    ) -> None:
        """Meshes with their colours and maps, and views."""
        job, relief, texture = self._job, None, None
        if detail is not None:
            texture = Texture(detail.texture, detail.seen)
            relief = write_maps(folder, name, detail, image)
            write_detail_meshes(folder, name, detail)
        else:
            texture = self._meshes.paint(face, image, mask) if self._coloured(face.model) else None
            if job.detail:
                write_foundation(folder, name, face, self._meshes)
        for kind in job.kinds:
            self._meshes.write(folder / f"{name}_{kind}.ply", face, cast(Kind, kind), texture)
        for suffix in self._suffixes:
            self._meshes.write(folder / f"{name}.{suffix}", face, "expression", texture, relief)
        if texture is not None and job.views is not None:
            views = Views(face, image, texture, background=not job.plain)
            for yaw in job.views or views.yaws():
                write_whole(folder / view_name(name, yaw), encoded(views.draw(yaw), ".jpg"), make_folder=True)

    def _write_layout(self, name: str, face: FaceState, detail: Detail | None) -> None:
        """What an earlier system writes, by its names."""
        out = self._job.out
        if self._job.layout == "extreme-3d":
            if detail is None:
                write_foundation(out, name, face, self._meshes)
            else:
                write_detail_meshes(out, name, detail)
        elif detail is not None:
            write_facial_details(out / name, detail, self._meshes)

    def _write_maps(self, folder: Path, name: str, face: FaceState) -> dict[str, Any]:
        """The maps that were asked for, and what is to be known of them."""
        maps = Maps(face)
        for kind in self._job.maps:
            write_whole(folder / f"{name}_map_{kind}.png", encoded(maps.image(kind), ".png"), make_folder=True)
        return {kind: {"near_mm": maps.near_mm, "step_mm": DEPTH_STEP_MM} if kind == "depth" else {}
                for kind in self._job.maps}  # fmt: skip


def _suffixes(job: PicturesJob, model: FaceModel) -> tuple[str, ...]:
    """Of the meshes beside PLY. What the face model cannot give is left out, or refused where it was asked for."""
    if job.views is not None or job.detail or "uv" in job.maps:
        model.check("layout")
    if job.formats is None:
        return ("obj", "glb") if model.has_actions else ("obj",)
    if {"glb", "vrm"} & job.formats:
        model.check("actions")
    return tuple(suffix for suffix in ("obj", "glb", "vrm") if suffix in job.formats)


def _failed(task: Task, text: str) -> Done:
    return Done(task, problems=(Problem(task.id, task.file, task.where, text),))


def _facts(name: str, task: Task, number: int, face: FaceState, image: Image) -> dict[str, Any]:
    """What is known of one face, in words that need no table."""
    left, top, right, bottom = map(float, face.box)
    camera = face.camera
    lens = {key: getattr(camera, key) for key in ("fx", "fy", "cx", "cy", "width", "height", "distortion")}
    return {
        "id": name,
        "file": str(task.file),
        "face": number,
        "confidence": rounded(face.confidence, 4)[0],
        "R": np.round(face.pose.R, 8).tolist(),
        "t": rounded(face.pose.t, 4),
        "quaternion": rounded(face.pose.quaternion(), 8),
        "head_deg": dict(zip(("pitch", "yaw", "roll"), rounded(face.euler_deg(), 4), strict=True)),
        "box": rounded((left, top, right - left, bottom - top), 2),
        "exp": rounded(face.expression, 6),
        "id_shape": rounded(face.shape, 6),
        "extras": dict(zip(map(str, face.model.extra_names), rounded(face.extras, 6), strict=True)),
        "blendshapes": _weights(face),
        "camera": lens,
        "conventions": {
            **{key: CONVENTIONS[key] for key in ("pose_T", "box", "exp", "id", "blendshapes") if key in CONVENTIONS},
            "R, t": "x_camera = R x_head + t; mm, x right, y down, z forward",
            "meshes": "PLY and OBJ in mm, GLB in metres: x right, y up, z towards the viewer; posed ones in the "
            "camera's frame, all others in the head's",
        },
    }


def _weights(face: FaceState) -> dict[str, float]:
    there = face.blendshapes() if face.model.has_actions else {}
    return {key: round(value, 5) for key, value in there.items()}


def _cell(text: str) -> str:
    """One cell of a CSV row."""
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if any(mark in text for mark in ',"\n\r') else text
