"""Photographs become packs, packs become shards: with a head rendered by the project in the place of photographs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime3d.errors import SourceError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import ANCHOR_MM, euler_to_matrix, geodesic_deg, rotation_to_ray
from realtime3d.nets.crop import CROP_MM
from realtime3d.raster import Canvas
from realtime3d.training.labels.pack import FittedPhoto, Pack, shrink, write_pack
from realtime3d.training.labels.splits import held_out_people
from realtime3d.training.model.actions import sample_actions, sample_ends
from realtime3d.training.samples.make_shards import (
    CLOSED_LIDS_MM,
    CLOSED_LIDS_TIMES,
    SIZE,
    photo_row,
    photo_shards,
    posed_shards,
    rendered_shard,
)
from realtime3d.training.samples.photo import HeadParts, build_scene, lid_gaps, worth_turning
from realtime3d.training.samples.render_samples import Target, render
from realtime3d.training.samples.shards import BACKGROUND, MARGIN, RENDERED, read_shard
from tests.helpers.paths import FACE_MODEL

FOCAL, DISTANCE = 900.0, 1000.0


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


def spotted_photo(
    model: FaceModel, yaw: float = 0.2, action: str | None = None, file: Path = FACE_MODEL
) -> FittedPhoto:
    """A rendered head whose colour tells the place on the head: red grows with x, green with y, blue with z."""
    with np.load(file) as data:
        to_motion = data["arkit_to_motion"]
    actions = np.zeros(52, np.float32)
    if action:
        actions[model.arkit_names.index(action)] = 1
    motion = (to_motion @ actions).astype(np.float32)
    R, t = euler_to_matrix(0.05, yaw, 0.1).astype(np.float32), np.array([10, -20, DISTANCE], np.float32)
    space = model.deform(model.mean, motion[:29], motion[29:]) @ R.T + t
    width, height = 300, 280
    uv = space[:, :2] / space[:, 2:] * FOCAL + ((width - 1) / 2, (height - 1) / 2)
    canvas = Canvas(width, height, 3)
    canvas.draw(np.column_stack([uv, space[:, 2]]), model.triangles, 128 + model.mean[:, ::-1] * (0.6, 0.6, 0.9))
    image = np.clip(np.where(canvas.owner[..., None] >= 0, canvas.values, 20), 0, 255).astype(np.uint8)
    points = uv[model.landmark_sets["mediapipe478"].vertices[:, 0]]
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    return FittedPhoto(image, R, t, FOCAL, np.zeros(99, np.float32), actions, motion, 0.01, box)


@pytest.fixture(scope="module")
def pack(model, tmp_path_factory) -> Pack:
    folder = tmp_path_factory.mktemp("pack")
    photos = [(f"{i}.png", spotted_photo(model, yaw)) for i, yaw in enumerate((-0.3, 0.0, 0.4))]
    write_pack(photos, folder, FACE_MODEL)
    return Pack.load(folder, FACE_MODEL)


def target(model: FaceModel, R: np.ndarray, motion: np.ndarray) -> Target:
    return Target(R, 800.0, np.zeros(99, np.float32), motion, False, np.zeros(3, np.float32))


def test_turned_skin_keeps_its_place_on_the_head(model):
    """Where the new picture shows a point of the head, it has that point's colour from the photograph."""
    photo = spotted_photo(model)
    R = euler_to_matrix(-0.1, -0.15, 0.0)
    backdrop = np.zeros((SIZE, SIZE, 3), np.uint8)
    parts, rng = HeadParts.of(model), np.random.default_rng(0)
    image = render(parts, build_scene(parts, photo), target(model, R, photo.motion), backdrop, SIZE, rng)
    t = np.array([0, 0, 800.0]) - R @ ANCHOR_MM
    points = model.landmarks("ibug68", model.mean)[[27, 30, 48, 54, 57, 19, 24]]
    space = points @ R.T + t
    uv = space[:, :2] / space[:, 2:] * (SIZE / MARGIN * 800 / CROP_MM) + (SIZE - 1) / 2
    seen = np.array([image[round(y), round(x)] for x, y in uv], dtype=float)
    expected = 128 + points[:, ::-1] * (0.6, 0.6, 0.9)
    assert np.abs(seen - expected).max() < 9


def test_a_mirrored_photo_is_the_mirrored_head(model, tmp_path):
    photo = spotted_photo(model, 0.35, "mouthSmileLeft")
    write_pack([("a.png", photo)], tmp_path, FACE_MODEL)
    pack = Pack.load(tmp_path, FACE_MODEL)
    flipped = pack.photo(0, flip=True)
    assert flipped.actions[model.arkit_names.index("mouthSmileRight")] == 1
    head = model.deform(model.mean, *np.split(flipped.motion, [29]))
    space = model.landmarks("ibug68", head) @ flipped.R.T + flipped.t
    middle = (np.array(flipped.image.shape[1::-1]) - 1) / 2
    uv = space[:, :2] / space[:, 2:] * flipped.focal + middle
    original = pack.photo(0)
    head = model.deform(model.mean, *np.split(original.motion, [29]))
    space = model.landmarks("ibug68", head) @ original.R.T + original.t
    straight = space[:, :2] / space[:, 2:] * original.focal + middle
    mirrored = np.column_stack([flipped.image.shape[1] - 1 - straight[:, 0], straight[:, 1]])
    assert np.abs(uv[[36, 45, 48, 54, 30, 8]] - mirrored[[45, 36, 54, 48, 30, 8]]).max() < 1.5


def test_a_photo_row_sees_the_head_where_its_label_says(model):
    photo = spotted_photo(model)
    row = photo_row(photo, 0)
    focal = row["focal"]
    side = SIZE / MARGIN
    depth = focal * CROP_MM / (np.exp(row["log_scale"]) * side)
    anchor = np.append(row["position"] * side / focal, 1) * depth
    R = rotation_to_ray(anchor) @ row["R"]
    nose = model.landmarks("ibug68", model.mean)[30]
    at = R @ (nose - ANCHOR_MM) + anchor
    x, y = at[:2] / at[2] * focal + (SIZE - 1) / 2
    assert np.abs(row["image"][round(y), round(x)] - (128 + nose[::-1] * (0.6, 0.6, 0.9))).max() < 12


def test_shards_from_a_pack(pack, model, tmp_path):
    lines: list[str] = []
    photo_shards(pack, tmp_path, lines.append)
    assert lines == ["photos_000"] and len(read_shard(tmp_path, "photos_000")) == 6
    top = HeadParts.of(model)
    name = rendered_shard(pack, top, tmp_path, 3, photos=2)
    shard = read_shard(tmp_path, name)
    kinds = np.bincount(shard.labels["kind"], minlength=3)
    assert kinds[RENDERED] == 26 and kinds[BACKGROUND] >= 1
    assert np.allclose(np.linalg.det(shard.labels["R"][shard.labels["has_face"] == 1]), 1, atol=1e-4)
    again = tmp_path / "again"
    rendered_shard(pack, top, again, 3, photos=2)
    assert np.array_equal(read_shard(again, name).images, shard.images)  # seeded
    rendered_shard(pack, top, again, 4, photos=2)
    assert not np.array_equal(read_shard(again, "rendered_004").images, shard.images)


def test_photographs_of_closed_eyes_count_several_times(pack, tmp_path):
    blink = np.isin(pack.model.arkit_names, ("eyeBlinkLeft", "eyeBlinkRight"))
    motion = pack.fits["motion"].copy()
    motion[1] = pack.arkit_to_motion @ blink
    closed = replace(pack, fits=pack.fits | {"motion": motion})
    open_mm = lid_gaps(closed.model, closed.fits["alpha"], motion)
    assert open_mm[1] < CLOSED_LIDS_MM < open_mm[0]
    photo_shards(closed, tmp_path, lambda _: None)
    sources = np.bincount(read_shard(tmp_path, "photos_000").labels["source"])
    assert sources.tolist() == [2, 2 * CLOSED_LIDS_TIMES, 2]


def test_far_poses_are_well_represented(pack, model, tmp_path):
    name = rendered_shard(pack, HeadParts.of(model), tmp_path, 0, photos=8)
    labels = read_shard(tmp_path, name).labels
    turned = geodesic_deg(labels["R"][labels["kind"] == RENDERED], np.eye(3))
    assert (turned > 60).mean() > 0.15


def test_shrinking_keeps_the_camera_in_the_middle(model):
    photo = spotted_photo(model)
    small = shrink(photo, 150)
    assert max(small.image.shape[:2]) == 150
    assert np.isclose(small.focal / small.image.shape[1], photo.focal / photo.image.shape[1], rtol=0.01)
    expected = cv2.resize(photo.image, small.image.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.array_equal(small.image, expected)


def test_packs_that_do_not_fit_are_refused(pack, model, tmp_path):
    with pytest.raises(SourceError, match="training pack"):
        Pack.load(tmp_path, FACE_MODEL)
    write_pack([("a.png", spotted_photo(model))], tmp_path, FACE_MODEL)
    part = tmp_path / "part_00.npz"
    with np.load(part) as data:
        arrays = {key: data[key] for key in data.files}
    for change, words in (
        ({"format": np.array(99)}, "format 99"),
        ({"face_model": np.array("x")}, "another face model"),
    ):
        np.savez(part, **{**arrays, **change})
        with pytest.raises(SourceError, match=words):
            Pack.load(tmp_path, FACE_MODEL)
    part.write_bytes(b"nonsense")
    with pytest.raises(SourceError, match="make the pack again"):
        Pack.load(tmp_path, FACE_MODEL)


def test_sampled_actions_stay_in_range_and_close_eyes_often(model):
    drawn = sample_actions(np.random.default_rng(0), 800, model.arkit_names)
    assert drawn.min() >= 0 and drawn.max() <= 1
    blink = drawn[:, model.arkit_names.index("eyeBlinkLeft")]
    assert 0.15 < (blink > 0.8).mean() < 0.4
    close, jaw = (drawn[:, model.arkit_names.index(n)] for n in ("mouthClose", "jawOpen"))
    assert (close <= jaw).all()


def test_drawn_ends_reach_every_action_on_each_side_by_itself(model):
    drawn = sample_ends(np.random.default_rng(0), 3000, model.arkit_names)
    index = {name: i for i, name in enumerate(model.arkit_names)}
    assert drawn.min() >= 0 and drawn.max() <= 1
    never = {"mouthClose", "tongueOut"}  # lips held over an open jaw, and a tongue through closed lips, need others too
    assert all(drawn[:, i].max() > 0.9 for name, i in index.items() if name not in never)
    for name in ("eyeBlink", "browDown", "mouthFrown"):
        left, right = (drawn[:, index[name + side]] for side in ("Left", "Right"))
        assert ((left > 0.8) & (right < 0.1)).sum() > 10 and ((left > 0.8) & (right > 0.8)).sum() > 10
    assert not ((drawn[:, index["mouthLeft"]] > 0) & (drawn[:, index["mouthRight"]] > 0)).any()
    down = drawn[:, index["eyeLookDownLeft"]] > 0.5
    assert (drawn[down][:, index["eyeBlinkLeft"]] > 0.1).all()


def test_every_fourth_london_person_is_kept_out():
    files = [f"london_{n:03d}_0{e}.jpg" for n in range(1, 53) for e in (3, 8)] + ["wiki_001.jpg"]
    people = held_out_people(files)
    assert len(people) == 12 and {1, 5, 9} <= people and 2 not in people


def closed(photo: FittedPhoto, model: FaceModel) -> FittedPhoto:
    """The same fit with lids that meet."""
    return moved_photo(photo, model, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)


def moved_photo(photo: FittedPhoto, model: FaceModel, **actions: float) -> FittedPhoto:
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"]
    weights = np.zeros(len(model.arkit_names))
    for name, value in actions.items():
        weights[model.arkit_names.index(name)] = value
    return replace(photo, motion=(to_motion @ weights).astype(np.float32))


def test_photographs_with_closed_eyes_or_bad_fits_are_not_turned(model):
    photo = spotted_photo(model)
    three = [photo, closed(photo, model), replace(photo, residual=0.04)]
    alpha, motion = np.stack([p.alpha for p in three]), np.stack([p.motion for p in three])
    worth = worth_turning(model, np.array([p.residual for p in three]), alpha, motion)
    assert worth.tolist() == [True, False, False]
    gaps = lid_gaps(model, alpha, motion)
    assert gaps[0] > 6 and gaps[1] < 0.5


def test_eyes_that_a_photograph_does_not_show_are_white_with_an_iris(model):
    """Not the skin of lids that lie half a millimetre before them."""
    top, photo = HeadParts.of(model), spotted_photo(model)
    scene = build_scene(top, closed(photo, model))
    eyes, iris = top.region["eyes"], top.iris
    assert scene.own[eyes, 2].mean() < 0.1
    white, dark = scene.colour[eyes & ~iris], scene.colour[iris]
    assert 4 < iris.sum() < eyes.sum() / 2
    assert white.mean() > 2 * dark.mean() and np.ptp(white, axis=1).max() < 20


def test_what_is_added_to_a_photograph_without_colour_has_none(model):
    photo = spotted_photo(model)
    grey = replace(photo, image=np.repeat(photo.image.mean(-1, keepdims=True).astype(np.uint8), 3, axis=2))
    scene = build_scene(HeadParts.of(model), grey)
    assert scene.grey and not build_scene(HeadParts.of(model), photo).grey
    assert np.ptp(scene.tinted(np.array([[50.0, 60, 200]])), axis=1).max() < 1e-3


def test_photographs_of_known_pose_alone_teach_nothing_else(model, tmp_path):
    photos = [(spotted_photo(model, yaw), trust) for yaw, trust in ((-0.3, 0.7), (0.5, 0.2))]
    posed_shards(photos, tmp_path, lambda line: None)
    labels = read_shard(tmp_path, "posed_000").labels
    assert len(labels["R"]) == 4  # each in a mirror, too
    assert sorted(labels["w_pose"].round(2)) == [0.2, 0.2, 0.7, 0.7]
    assert not any(labels[name].any() for name in ("w_eta", "w_extras", "w_alpha"))
    assert labels["has_face"].all()
    first = labels["R"][labels["source"] == 0]
    sides = np.diag([-1.0, 1, 1])
    assert geodesic_deg(first[0], sides @ first[1] @ sides) < 0.5
