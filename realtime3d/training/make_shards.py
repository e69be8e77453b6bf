"""Writes training shards: photographs as they are, photographs turned in space, and pictures without a face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.crop import CROP_MM, crop_from_pose, pose_to_crop, warp
from realtime3d.facemodel import FaceModel
from realtime3d.geometry import Camera
from realtime3d.training.actions import sample_actions
from realtime3d.training.fit import Fits
from realtime3d.training.negatives import draw_negative
from realtime3d.training.photo import Image, Scene, Topology, build_scene
from realtime3d.training.render_samples import Target, draw_rotation, ray_relative, render
from realtime3d.training.shards import BACKGROUND, FIELDS, MARGIN, PHOTO, RENDERED, shard_names, write_shard
from realtime3d.training.splits import held_out_people, is_held_out
from realtime3d.types import Pose

SIZE = 160
GOOD_FIT, BAD_FIT = 0.025, 0.05  # residuals between which the trust in a photograph's label falls to nothing
RENDERS_A_PHOTO = 13
PHOTOS_A_SHARD = 150
NEGATIVES_A_SHARD = 60

Row = dict[str, object]


@dataclass(frozen=True)
class Material:
    """Fitted photographs and the model that fitted them."""

    fits: Fits
    folder: Path
    top: Topology
    arkit_to_motion: NDArray
    flip_actions: NDArray[np.intp]  # (52,) the same action on the other side

    @classmethod
    def load(cls, fits: Path, folder: Path, model: Path) -> Material:
        everything = Fits.load(fits)
        people = held_out_people(everything.files)
        keep = (everything.residual < BAD_FIT) & np.array([not is_held_out(f, people) for f in everything.files])
        face_model = FaceModel.load(model)
        names = list(face_model.arkit_names)
        flip = [names.index(_other_side(name)) for name in names]
        with np.load(model) as data:
            to_motion = data["arkit_to_motion"]
        return cls(everything.take(keep), folder, Topology.of(face_model), to_motion, np.array(flip))

    def photo(self, i: int, flip: bool) -> tuple[Image, Fits]:
        """A photograph and its one-row fit, mirrored or not."""
        image = cv2.imread(str(self.folder / self.fits.files[i]))
        if image is None:
            raise FileNotFoundError(
                f"{self.folder / self.fits.files[i]} is gone: restore it or fit the photographs again"
            )
        row = self.fits.take(np.array([i]))
        return (np.ascontiguousarray(image[:, ::-1]), self._mirrored(row)) if flip else (image, row)

    def _mirrored(self, row: Fits) -> Fits:
        mirror = np.diag([-1.0, 1, 1]).astype(np.float32)
        actions = row.actions[:, self.flip_actions]
        motion = (actions @ self.arkit_to_motion.T).astype(np.float32)
        fields = {**row.__dict__, "R": mirror @ row.R @ mirror, "t": row.t @ mirror}
        return Fits(**{**fields, "actions": actions, "motion": motion})


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


def photo_shards(material: Material, out: Path, log: Callable[[str], None], a_shard: int = 2000) -> None:
    """Every photograph and its mirror image, untouched, seen by the tracker's own crop."""
    todo = [(i, flip) for i in range(len(material.fits.files)) for flip in (False, True)]
    np.random.default_rng(0).shuffle(todo)
    done = set(shard_names(out))
    for start in range(0, len(todo), a_shard):
        name = f"photos_{start // a_shard:03d}"
        if name not in done:
            write_rows(
                out, name, [photo_row(material, int(i), bool(flip)) for i, flip in todo[start : start + a_shard]]
            )
            log(name)


def photo_row(material: Material, i: int, flip: bool) -> Row:
    image, fit = material.photo(i, flip)
    height, width = image.shape[:2]
    camera = Camera(float(fit.focal[0]), float(fit.focal[0]), (width - 1) / 2, (height - 1) / 2, width, height)
    pose = Pose(fit.R[0].astype(np.float64), fit.t[0].astype(np.float64))
    narrow = crop_from_pose(pose, SIZE)
    wide = type(narrow)(narrow.R, narrow.focal / MARGIN, SIZE)
    seen = pose_to_crop(pose, wide)
    trust = float(np.clip((BAD_FIT - fit.residual[0]) / (BAD_FIT - GOOD_FIT), 0, 1))
    return {
        "image": warp(image, camera, wide), "R": seen.R, "position": seen.position * MARGIN,
        "log_scale": seen.log_scale + np.log(MARGIN), "focal": wide.focal, "eta": fit.motion[0, :29],
        "extras": fit.motion[0, 29:], "alpha": fit.alpha[0], "has_face": 1, "w_pose": trust, "w_eta": trust,
        "w_extras": trust, "w_alpha": 0.3 * trust, "kind": PHOTO, "source": i,
    }  # fmt: skip


def rendered_shard(material: Material, out: Path, number: int) -> str:
    """One shard of photographs turned in space; its content depends on its number alone."""
    rng = np.random.default_rng((7, number))
    rows: list[Row] = []
    for i in rng.choice(len(material.fits.files), PHOTOS_A_SHARD, replace=False):
        image, fit = material.photo(int(i), bool(rng.random() < 0.5))
        scene = build_scene(material.top, image, fit.alpha[0], fit.motion[0], fit.R[0], fit.t[0], float(fit.focal[0]))
        near = ray_relative(fit.R[0], fit.t[0])
        rows += [rendered_row(material, scene, near, int(i), rng) for _ in range(RENDERS_A_PHOTO)]
    rows += [negative_row(material, rng) for _ in range(NEGATIVES_A_SHARD)]
    rng.shuffle(rows)  # type: ignore[arg-type]
    name = f"rendered_{number:03d}"
    write_rows(out, name, rows)
    return name


def rendered_row(material: Material, scene: Scene, near: NDArray, source: int, rng: np.random.Generator) -> Row:
    target = Target(
        R=draw_rotation(rng, near if rng.random() < 0.25 else None),
        distance=float(np.clip(650 * np.exp(rng.normal(0, 0.45)), 260, 2500)),
        alpha=draw_shape(scene, rng),
        motion=draw_motion(material, scene, rng),
        keep_background=bool(rng.random() < 0.7),
        light=(rng.normal(size=3) * rng.choice([0, 0.2, 0.4])).astype(np.float32),
    )
    image = render(material.top, scene, target, backdrop(material, rng), SIZE, rng)
    return {
        "image": image, "R": target.R, "position": np.zeros(2), "log_scale": 0.0,
        "focal": SIZE / MARGIN * target.distance / CROP_MM, "eta": target.motion[:29], "extras": target.motion[29:],
        "alpha": target.alpha, "has_face": 1, "w_pose": 1.0, "w_eta": 1.0, "w_extras": 0.5, "w_alpha": 1.0,
        "kind": RENDERED, "source": source,
    }  # fmt: skip


def draw_shape(scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    """The photographed person's own shape, one near it, or somebody else's."""
    kind = rng.random()
    noise = np.clip(rng.normal(size=len(scene.alpha)), -2.5, 2.5)
    if kind < 0.4:
        return scene.alpha
    return (scene.alpha + 0.5 * noise if kind < 0.7 else 0.9 * noise).astype(np.float32)


def draw_motion(material: Material, scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    """The photograph's own expression or a new one."""
    if rng.random() < 0.2:
        return scene.motion
    actions = sample_actions(rng, 1, material.top.model.arkit_names)[0]
    return (material.arkit_to_motion @ actions).astype(np.float32)


def backdrop(material: Material, rng: np.random.Generator) -> Image:
    """Another photograph, or a part of it, perhaps turned upside down so that its face is none."""
    file = material.fits.files[rng.integers(len(material.fits.files))]
    image = cv2.imread(str(material.folder / file))
    image = image[:: -1 if rng.random() < 0.7 else 1, :: -1 if rng.random() < 0.5 else 1]
    side = int(min(image.shape[:2]) * rng.uniform(0.25, 1))
    y, x = rng.integers(0, image.shape[0] - side + 1), rng.integers(0, image.shape[1] - side + 1)
    return cv2.resize(image[y : y + side, x : x + side], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def negative_row(material: Material, rng: np.random.Generator) -> Row:
    i = int(rng.integers(len(material.fits.files)))
    image, fit = material.photo(i, bool(rng.random() < 0.5))
    row: Row = {name: np.zeros(shape) for name, shape in FIELDS.items()}
    return {
        **row, "image": draw_negative(material.top, image, fit, SIZE, rng), "R": np.eye(3), "focal": 400.0,
        "kind": BACKGROUND, "source": i,
    }  # fmt: skip


def write_rows(out: Path, name: str, rows: list[Row]) -> None:
    images = np.stack([row["image"] for row in rows]).astype(np.uint8)  # type: ignore[arg-type]
    write_shard(out, name, images, {field: np.stack([np.asarray(row[field]) for row in rows]) for field in FIELDS})
