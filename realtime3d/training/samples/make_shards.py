"""Writes training shards: photographs as they are, photographs turned in space, and pictures without a face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import SourceError
from realtime3d.geometry import Camera
from realtime3d.nets.crop import CROP_MM, Crop, crop_from_pose, pose_to_crop, warp
from realtime3d.training.labels.pack import FittedPhoto, Pack
from realtime3d.training.model.actions import sample_actions, sample_ends
from realtime3d.training.samples.covers import NONE, Covers
from realtime3d.training.samples.hair import Hair
from realtime3d.training.samples.negatives import draw_negative
from realtime3d.training.samples.photo import GOOD_FIT, HeadParts, Image, Scene, build_scene, lid_gaps, worth_turning
from realtime3d.training.samples.render_samples import Target, draw_rotation, ray_relative, render
from realtime3d.training.samples.shards import BACKGROUND, FIELDS, MARGIN, PHOTO, RENDERED, shard_names, write_shard
from realtime3d.types import Pose

SIZE = 200
BAD_FIT = 0.05  # residual from GOOD_FIT to which the trust in a photograph's label falls to nothing
HAIR = 0.5  # share of renders that get drawn hair
RENDERS_A_PHOTO = 13
PHOTOS_A_SHARD = 150
NEGATIVES_A_SHARD = 120
CLOSED_LIDS_MM = 3.0
CLOSED_LIDS_TIMES = 8  # photographs of closed eyes are few: each counts as so many

Row = dict[str, object]


def photo_shards(pack: Pack, out: Path, log: Callable[[str], None], a_shard: int = 2000) -> None:
    """Every photograph and its mirror image, untouched, seen by the tracker's own crop; closed eyes several times."""
    open_mm = lid_gaps(pack.model, pack.fits["alpha"], pack.fits["motion"])
    times = np.where(open_mm < CLOSED_LIDS_MM, CLOSED_LIDS_TIMES, 1)
    todo = [(i, flip) for i in np.repeat(np.arange(len(pack)), times) for flip in (False, True)]
    np.random.default_rng(0).shuffle(todo)
    done = set(shard_names(out))
    for start in range(0, len(todo), a_shard):
        name = f"photos_{start // a_shard:03d}"
        if name not in done:
            chosen = todo[start : start + a_shard]
            write_rows(out, name, [photo_row(pack.photo(int(i), bool(flip)), int(i)) for i, flip in chosen])
            log(name)


def photo_row(photo: FittedPhoto, source: int) -> Row:
    """A photograph seen by a perfect crop with a margin; its label is trusted as far as its fit is good."""
    height, width = photo.image.shape[:2]
    camera = Camera(photo.focal, photo.focal, (width - 1) / 2, (height - 1) / 2, width, height)
    pose = Pose(photo.R.astype(np.float64), photo.t.astype(np.float64))
    narrow = crop_from_pose(pose, SIZE)
    wide = Crop(narrow.R, narrow.focal / MARGIN, SIZE)
    seen = pose_to_crop(pose, wide)
    trust = float(np.clip((BAD_FIT - photo.residual) / (BAD_FIT - GOOD_FIT), 0, 1))
    eta, extras = np.split(photo.motion, [FIELDS["eta"][0]])
    return {
        "image": warp(photo.image, camera, wide), "R": seen.R, "position": seen.position * MARGIN,
        "log_scale": seen.log_scale + np.log(MARGIN), "focal": wide.focal, "eta": eta, "extras": extras,
        "alpha": photo.alpha, "has_face": 1, "w_pose": trust, "w_eta": trust,
        "w_extras": trust, "w_alpha": 0.3 * trust, "kind": PHOTO, "source": source,
    }  # fmt: skip


def rendered_shard(
    pack: Pack,
    top: HeadParts,
    out: Path,
    number: int,
    photos: int = PHOTOS_A_SHARD,
    covers: Covers = NONE,
) -> str:
    """One shard of well fitted photographs turned in space; its content depends on its number alone."""
    rng = np.random.default_rng((7, number))
    rows: list[Row] = []
    good = np.flatnonzero(worth_turning(pack.model, *(pack.fits[name] for name in ("residual", "alpha", "motion"))))
    if not len(good):
        raise SourceError("no photograph of the pack has a fit good enough to render from: fit others")
    for i in rng.choice(good, photos, replace=photos > len(good)):
        photo = pack.photo(int(i), bool(rng.random() < 0.5))
        scene = build_scene(top, photo)
        rows += [rendered_row(pack, top, scene, int(i), rng, covers) for _ in range(RENDERS_A_PHOTO)]
    negatives = max(NEGATIVES_A_SHARD * photos // PHOTOS_A_SHARD, 1)
    rows += [negative_row(pack, top, rng) for _ in range(negatives)]
    order = rng.permutation(len(rows))
    name = f"rendered_{number:03d}"
    write_rows(out, name, [rows[k] for k in order])
    return name


def rendered_row(
    pack: Pack, top: HeadParts, scene: Scene, source: int, rng: np.random.Generator, covers: Covers
) -> Row:
    """One sample with exact labels."""
    near = ray_relative(scene.photo.R, scene.photo.t)
    target = Target(
        R=draw_rotation(rng, near if rng.random() < 0.25 else None),
        distance=float(np.clip(650 * np.exp(rng.normal(0, 0.45)), 260, 2500)),
        alpha=draw_shape(scene.photo.alpha, pack.usual, rng),
        motion=draw_motion(pack, scene.photo, rng),
        keep_background=bool(rng.random() < 0.7),
        light=(rng.normal(size=3) * rng.choice([0, 0.2, 0.4])).astype(np.float32),
        hair=Hair.draw(pack.model, rng) if rng.random() < HAIR else None,
        covers=covers,
    )
    image = render(top, scene, target, backdrop(pack, rng), SIZE, rng)
    eta, extras = np.split(target.motion, [FIELDS["eta"][0]])
    return {
        "image": image, "R": target.R, "position": np.zeros(2), "log_scale": 0.0,
        "focal": SIZE / MARGIN * target.distance / CROP_MM, "eta": eta, "extras": extras,
        "alpha": target.alpha, "has_face": 1, "w_pose": 1.0, "w_eta": 1.0, "w_extras": 1.0, "w_alpha": 1.0,
        "kind": RENDERED, "source": source,
    }  # fmt: skip


def draw_shape(own: NDArray[np.float32], usual: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The photographed person's own shape, one near it, or somebody else's around the usual one."""
    kind = rng.random()
    noise = np.clip(rng.normal(size=len(own)), -2.5, 2.5)
    if kind < 0.25:
        return own
    return (own + 0.4 * noise if kind < 0.5 else usual + rng.uniform(0.3, 0.9) * noise).astype(np.float32)


def draw_motion(pack: Pack, photo: FittedPhoto, rng: np.random.Generator) -> NDArray[np.float32]:
    """The photograph's own expression, a new one, or one on the way between two: films show mostly those."""
    kind = rng.random()
    if kind < 0.15:
        return photo.motion
    names = pack.model.arkit_names
    if kind < 0.45:
        one, other = sample_ends(rng, 2, names)
        way = rng.random() if kind < 0.25 else 0.0
    else:
        one, other = sample_actions(rng, 2, names)
        way = rng.random() if kind < 0.75 else 0.0
    return (pack.arkit_to_motion @ (one + way * (other - one))).astype(np.float32)


def backdrop(pack: Pack, rng: np.random.Generator) -> Image:
    """A part of another photograph, mostly upside down so that its face is none."""
    image = pack.image(int(rng.integers(len(pack))))
    image = image[:: -1 if rng.random() < 0.7 else 1, :: -1 if rng.random() < 0.5 else 1]
    side = int(min(image.shape[:2]) * rng.uniform(0.25, 1))
    y, x = rng.integers(0, image.shape[0] - side + 1), rng.integers(0, image.shape[1] - side + 1)
    return cv2.resize(image[y : y + side, x : x + side], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def negative_row(pack: Pack, top: HeadParts, rng: np.random.Generator) -> Row:
    """A picture without a face."""
    i = int(rng.integers(len(pack)))
    image = draw_negative(top, pack.photo(i, bool(rng.random() < 0.5)), SIZE, rng)
    empty: Row = {name: np.zeros(shape) for name, shape in FIELDS.items()}
    return {**empty, "image": image, "R": np.eye(3), "focal": 400.0, "kind": BACKGROUND, "source": i}


def write_rows(out: Path, name: str, rows: list[Row]) -> None:
    """Stack rows and write them as one shard."""
    images = np.stack([np.asarray(row["image"], dtype=np.uint8) for row in rows])
    write_shard(out, name, images, {field: np.stack([np.asarray(row[field]) for row in rows]) for field in FIELDS})


def posed_shards(
    photos: Sequence[tuple[FittedPhoto, float]], out: Path, log: Callable[[str], None], a_shard: int = 2000
) -> None:
    """Photographs of which only the pose is known, each with its trust, and their mirror images."""
    mirror = np.diag([-1.0, 1, 1]).astype(np.float32)
    todo = [(i, flip) for i in range(len(photos)) for flip in (False, True)]
    np.random.default_rng(0).shuffle(todo)
    for start in range(0, len(todo), a_shard):
        rows = []
        for i, flip in todo[start : start + a_shard]:
            photo, trust = photos[i]
            if flip:
                image = np.ascontiguousarray(photo.image[:, ::-1])
                R, t = (mirror @ photo.R @ mirror).astype(np.float32), (mirror @ photo.t).astype(np.float32)
                photo = replace(photo, image=image, R=R, t=t)
            unknown = dict.fromkeys(("w_eta", "w_extras", "w_alpha"), 0.0)
            rows.append({**photo_row(photo, int(i)), "w_pose": trust, **unknown})
        write_rows(out, f"posed_{start // a_shard:03d}", rows)
        log(f"posed_{start // a_shard:03d}")
