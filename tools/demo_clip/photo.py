"""The public-domain photograph cut into what moves: a head with skin and hair in space, the body, the room behind.

Coordinates named "photo" are pixels of the photograph enlarged `ZOOM` times.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import require
from realtime3d.face.model import FaceModel
from realtime3d.geometry import Camera
from realtime3d.raster import rasterize
from realtime3d.render.shading import Topology as Overlay
from realtime3d.training.labels.calibration import Calibration, calibration_file
from realtime3d.training.labels.fit import fit
from realtime3d.training.labels.landmarks import find_landmarks
from realtime3d.training.samples.photo import HeadParts, Scene, build_scene
from realtime3d.types import FloatArray, Image, Pose

ZOOM = 4
HEAD_X, HEAD_Y, HEAD_SIDE = 70, 0, 300  # the part of the photograph that is fitted, in its own pixels
# A rough outline of the person, and what surely is the person, in the photograph's own pixels: GrabCut does the rest.
OUTLINE = ((10, 511), (15, 400), (30, 300), (82, 205), (115, 190), (112, 178), (150, 150), (146, 110), (146, 60),
           (180, 16), (230, 8), (290, 30), (308, 80), (300, 125), (270, 150), (312, 190), (328, 232), (375, 262),
           (380, 335), (420, 338), (480, 370), (511, 450), (511, 511))  # fmt: skip
SURELY = ((190, 120), (262, 120), (250, 170), (280, 210), (290, 240), (330, 270), (345, 340), (300, 400), (310, 511),
          (50, 511), (45, 380), (60, 300), (130, 220), (200, 180))  # fmt: skip
FACE_ELLIPSE, HELMET, BUCKLE = ((228, 85), (55, 55)), ((390, 440), 80), ((117, 196), 7)
NECK = ((188, 122), (255, 122), (256, 160), (253, 186), (238, 189), (215, 185), (190, 181), (187, 172))
NECK_ROW = ((187, 176), (200, 178), (215, 181), (237, 184), (248, 180), (253, 176))  # its colours, left to right
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
TEETH_BEHIND_MM, TEETH_RADIUS_MM = 7.0, 28.0  # behind the lips' front; of the row's arch
SHADOW_BGR = np.array([1.25, 1.05, 0.85])  # skin in the shadow is redder
COLLAR_Y = 139  # above it, everything of the person is head
OUTLINE_BEHIND_MM = 75.0  # the hair's outline lies this far behind the eyes
DOME_MM = 62.0  # radius with which the hair bulges towards the camera
FADE_MM = {"neck": 24.0, "ears": 10.0, "scalp": 10.0}
EDGE_GOES_ON_PX = 16  # of the photograph: how far flag, table and backdrop go on behind the person
EDGE_PX = 6  # of the photograph, in which hair and cheeks take over from the head's edge, where the photo is smeared
LID_LIKE, LASHES = 24, 0.45  # vertices of the face that a lid is coloured after; how dark lashes make its rim
HAIR_STEP = 10  # photo px between the hair's vertices


@dataclass(frozen=True)
class Sheet:
    """A piece of the photograph bent in space and fixed to the skull: hair, teeth."""

    points: FloatArray  # (N, 3) mm in the head frame
    uv: FloatArray  # (N, 2) px of `Puppet.scene.photo.image`
    triangles: NDArray[np.int32]
    alpha: FloatArray  # (h, w) opacity over `Puppet.scene.photo.image`, in front of the face
    alpha_apart: FloatArray  # the same where there is no face behind it


@dataclass(frozen=True)
class Puppet:
    """The photograph, ready to be moved."""

    model: FaceModel
    topology: HeadParts
    arkit_to_motion: FloatArray  # (34, 52)
    scene: Scene  # the head's part of the photograph with its fit
    pose: Pose  # of the head in `camera`
    camera: Camera  # of the head's part
    hair: Sheet
    teeth: Sheet
    skin_alpha: FloatArray  # (V,) opacity: the neck fades into the body's
    mouth: NDArray[np.bool_]  # (V,) what an open mouth shows behind the teeth
    photo: Image  # the whole of it, neck continued behind the chin
    body_alpha: FloatArray  # (H, W)
    room: Image  # the whole of it without the person


def cut_out(model_file: Path) -> Puppet:
    """Fit the face and cut the photograph into layers. Needs the [train] extra."""
    data = require("skimage.data", "train", "Making the demo clip")
    small: Image = np.ascontiguousarray(data.astronaut()[..., ::-1])
    photo = enlarge(small)
    corner, side = np.array([HEAD_X, HEAD_Y]) * ZOOM, HEAD_SIDE * ZOOM
    head = np.ascontiguousarray(photo[corner[1] : corner[1] + side, corner[0] : corner[0] + side])
    model, to_motion = FaceModel.load(model_file), np.load(model_file)["arkit_to_motion"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "head.png"
        cv2.imwrite(str(file), head)
        names, landmarks, sizes = find_landmarks([file])
    fitted = fit(model, to_motion, Calibration.load(calibration_file(model_file)), names, landmarks, sizes)
    topology = HeadParts.of(model)
    scene = build_scene(topology, fitted.photo(0, head))
    middle = (side - 1) / 2
    camera = Camera(scene.photo.focal, scene.photo.focal, middle, middle, side, side)
    person = matte(small)
    part = np.s_[corner[1] : corner[1] + side, corner[0] : corner[0] + side]
    above = (np.arange(side) + corner[1] < COLLAR_Y * ZOOM)[:, None]
    face, depth = _face_in_photo(scene, model, camera)
    hairy = np.where(above, person[part], 0)
    head_mask = np.zeros_like(person)
    head_mask[part] = np.maximum(hairy > 0, np.isfinite(depth))
    body, body_alpha = _body(photo, person, cv2.dilate(head_mask, np.ones((9, 9))))
    teeth = _teeth(landmarks[0], depth, scene, camera)
    _keep_teeth_off_lips(scene, topology, teeth)
    _plain_lids(scene, topology)
    mouth = _mouth(topology, scene)
    return Puppet(
        model=model,
        topology=topology,
        arkit_to_motion=to_motion,
        scene=scene,
        pose=Pose(scene.photo.R.astype(np.float64), scene.photo.t.astype(np.float64)),
        camera=camera,
        hair=_hair(hairy, face, depth, scene, camera),
        teeth=teeth,
        skin_alpha=np.maximum(_skin_alpha(model), mouth),
        mouth=mouth,
        photo=body,
        body_alpha=body_alpha,
        room=without(photo, person),
    )


def enlarge(image: Image) -> Image:
    big = cv2.resize(image, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_LANCZOS4)
    return cv2.addWeighted(big, 1.35, cv2.GaussianBlur(big, (0, 0), 4), -0.35, 0)


def matte(small: Image) -> FloatArray:
    """(H, W) 0..1: how much of each photo pixel is person."""
    marks = np.full(small.shape[:2], cv2.GC_BGD, dtype=np.uint8)
    cv2.fillPoly(marks, [np.array(OUTLINE)], cv2.GC_PR_FGD)
    cv2.fillPoly(marks, [np.array(SURELY)], cv2.GC_FGD)
    cv2.ellipse(marks, *FACE_ELLIPSE, 0, 0, 360, cv2.GC_FGD, -1)
    for disc in (HELMET, BUCKLE):
        cv2.circle(marks, *disc, cv2.GC_FGD, -1)
    blue, green, red = (small[..., k].astype(int) for k in range(3))
    marks[(marks == cv2.GC_PR_FGD) & (green > 65) & (red - blue > 110)] = cv2.GC_FGD  # the suit is orange
    cv2.setRNGSeed(0)
    cv2.grabCut(small, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    hard = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    soft = cv2.GaussianBlur(cv2.resize(hard, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC), (0, 0), ZOOM)
    return np.clip(2.2 * soft - 1.15, 0, 1)  # a little inside the edge, where no background has mixed in


def without(photo: Image, person: FloatArray) -> Image:
    """The photo with the person painted over: the bright backdrop's means, coarse to fine, and the hole's own edges."""
    outline = np.zeros(person.shape, dtype=np.uint8)
    cv2.fillPoly(outline, [np.array(OUTLINE) * ZOOM], 1)
    orange = (photo[..., 2].astype(int) - photo[..., 0] > 90) & (
        photo[..., 1] > 65
    )  # what the matte missed of the suit
    hole = cv2.dilate(((person > 0.02) | ((outline > 0) & orange)).astype(np.uint8), np.ones((21, 21)))
    low, high = photo.min(axis=2), photo.max(axis=2)
    backdrop = ((hole == 0) & (low > 135) & (high - low < 60)).astype(np.float32)
    colour, weight = photo * backdrop[..., None], backdrop
    pyramid = [(colour, weight)]
    while weight.min() < 0.02 and min(weight.shape) > 1:
        colour, weight = (cv2.resize(x, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for x in (colour, weight))
        pyramid.append((colour, weight))
    filled = pyramid[-1][0] / np.maximum(pyramid[-1][1], 1e-6)[..., None]
    for colour, weight in pyramid[-2::-1]:
        filled = cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        filled = colour + (1 - np.clip(weight, 0, 1))[..., None] * filled
    filled = cv2.GaussianBlur(filled, (0, 0), 6 * ZOOM)
    grain = np.random.default_rng(0).normal(0, 8.0, photo.shape[:2]).astype(np.float32)
    filled += cv2.GaussianBlur(grain, (0, 0), ZOOM / 2)[..., None]
    small, small_hole = (
        cv2.resize(x, None, fx=1 / ZOOM, fy=1 / ZOOM, interpolation=cv2.INTER_AREA) for x in (photo, hole)
    )
    near = cv2.inpaint(
        small, np.ceil(small_hole).astype(np.uint8), 4, cv2.INPAINT_TELEA
    )  # flag and table go on a little
    near = cv2.resize(near, photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    inside = cv2.distanceTransform(hole, cv2.DIST_L2, 5)[..., None] / ZOOM
    filled += np.exp(-((inside / EDGE_GOES_ON_PX) ** 2)) * (near - filled)
    return np.where(hole[..., None] > 0, np.clip(filled, 0, 255), photo).astype(np.uint8)


def _face_in_photo(scene: Scene, model: FaceModel, camera: Camera) -> tuple[FloatArray, FloatArray]:
    """How much each pixel of the head's part is face (0 at hair line and ears), and the head's depth (else inf)."""
    n = model.n_expression
    head = model.deform(model.neutral(scene.photo.alpha), scene.photo.motion[:n], scene.photo.motion[n:])
    space = head @ scene.photo.R.T + scene.photo.t
    ids, bary, depth = rasterize(camera.project(space), space[:, 2], model.triangles, camera.width, camera.height)
    cover = Overlay.of(model).cover
    neck = model.region == list(model.region_names).index("neck")
    there = (ids >= 0) & ~neck[model.triangles[ids]].any(-1)
    inside = cv2.distanceTransform(there.astype(np.uint8), cv2.DIST_L2, 5) / (EDGE_PX * ZOOM)
    face = np.where(there, (bary * cover[model.triangles[ids]]).sum(-1) * np.clip(inside - 0.2, 0, 1), 0)
    above_neck = np.where(there, depth, np.inf)
    return face.astype(np.float32), above_neck.astype(np.float32)


def _body(photo: Image, person: FloatArray, head: FloatArray) -> tuple[Image, FloatArray]:
    """The photo with the neck continued upwards behind the chin, and the opacity of everything below the head."""
    neck = np.zeros(person.shape, dtype=np.uint8)
    cv2.fillPoly(neck, [np.array(NECK) * ZOOM], 255)
    soft = cv2.GaussianBlur(photo, (0, 0), ZOOM)
    x, y = np.array(NECK_ROW).T * ZOOM
    columns, rows = np.arange(photo.shape[1]), np.arange(photo.shape[0])
    row = np.stack([np.interp(columns, x, soft[y, x, k]) for k in range(3)], axis=1)
    shade = np.interp(rows, [130 * ZOOM, 178 * ZOOM], [0.5, 0.95])  # the higher, the deeper in the chin's shadow
    filled = shade[:, None, None] ** SHADOW_BGR * row[None]
    mask = cv2.GaussianBlur(cv2.dilate(head, np.ones((13, 13))), (0, 0), ZOOM)[..., None]
    body = np.clip(photo * (1 - mask) + filled * mask, 0, 255).astype(np.uint8)
    alpha = np.maximum(person * (head < 0.5), cv2.GaussianBlur(neck / np.float32(255), (0, 0), ZOOM / 2))
    return body, cv2.GaussianBlur(alpha.astype(np.float32), (0, 0), 1.0)


def _mouth(topology: HeadParts, scene: Scene) -> NDArray[np.bool_]:
    """(V,) the mouth's inside: the regions of that name and whatever else is hidden behind the lips."""
    model, region = topology.model, topology.region
    x, y, z = model.mean.T
    lips, chin = model.mean[region["lips"]], model.landmarks("mediapipe478", model.mean)[152]
    behind = (np.abs(x) < 30) & (y > lips[:, 1].min() - 5) & (y < chin[1] - 8) & (z > lips[:, 2].min() + 6) & (z < 110)
    hidden = region["mouth_inside"] | region["tongue"] | region["teeth"]
    return hidden | (behind & (scene.own[:, 2] < 0.05) & ~region["lips"])


def _skin_alpha(model: FaceModel) -> FloatArray:
    """1 on the face, falling to 0 a little below the jaw, under the hair and on the ears, which the photo shows."""
    names = list(model.region_names)
    face = model.mean[model.region == names.index("face")]
    alpha = np.ones(len(model.mean), dtype=np.float32)
    for name, reach in FADE_MM.items():
        part = model.region == names.index(name)
        away = np.array([np.sqrt(((face - v) ** 2).sum(1).min()) for v in model.mean[part]])
        alpha[part] = np.clip(1.15 - away / reach, 0, 1)
    return alpha


def _hair(mask: FloatArray, face: FloatArray, depth: FloatArray, scene: Scene, camera: Camera) -> Sheet:
    """The head's part of the photograph as a surface: on the face where there is face, a dome where there is hair."""
    mm = float(scene.photo.t[2]) / scene.photo.focal
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 5) * mm
    edge = float(scene.photo.t[2]) + OUTLINE_BEHIND_MM
    dome = edge - np.sqrt(np.clip(2 * DOME_MM * inside - inside**2, 0, DOME_MM**2))
    dome = np.where(inside > DOME_MM, edge - DOME_MM, dome)
    z = cv2.GaussianBlur(np.minimum(dome, depth - 2.0).astype(np.float32), (0, 0), 3.0 * ZOOM)
    return _sheet(z, mask, mask * (1 - face), HAIR_STEP, scene, camera)


def _teeth(landmarks: FloatArray, depth: FloatArray, scene: Scene, camera: Camera) -> Sheet:
    """The photograph's row of teeth on an arch behind the lips."""
    opening = np.zeros(depth.shape, dtype=np.uint8)
    ring = landmarks[list(INNER_LIPS)]
    cv2.fillPoly(opening, [np.rint(ring).astype(np.int32)], 1)
    alpha = cv2.GaussianBlur(cv2.erode(opening, np.ones((5, 5))).astype(np.float32), (0, 0), 2.0)
    middle = ring.mean(axis=0)
    lips = depth[cv2.dilate(opening, np.ones((31, 31))) > 0]
    mm = float(scene.photo.t[2]) / scene.photo.focal
    sideways = (np.arange(depth.shape[1]) - middle[0]) * mm
    arch = TEETH_RADIUS_MM - np.sqrt(np.clip(TEETH_RADIUS_MM**2 - sideways**2, 1, None))
    z = np.tile(float(lips.min()) + TEETH_BEHIND_MM + arch, (depth.shape[0], 1)).astype(np.float32)
    return _sheet(z, opening.astype(np.float32), alpha, 4, scene, camera)


def _keep_teeth_off_lips(scene: Scene, topology: HeadParts, teeth: Sheet) -> None:
    """Lips that lie over the photograph's open mouth, or were rolled in, get the colours of the lips next to them."""
    lips, mean = topology.region["lips"], topology.model.mean
    in_opening = cv2.remap(teeth.alpha_apart, scene.own[None, :, :2].copy(), None, cv2.INTER_LINEAR)[0] > 0.2
    plain = np.flatnonzero(lips & ~in_opening & (scene.own[:, 2] > 0.5))
    wrong = np.setdiff1d(np.flatnonzero(lips), plain)
    away = np.linalg.norm(mean[wrong][:, None] - mean[plain][None], axis=-1)
    nearest = plain[np.argsort(away, axis=1)[:, :4]]
    image = cv2.GaussianBlur(scene.photo.image, (0, 0), ZOOM)
    photo_colour = cv2.remap(image, scene.own[None, :, :2].copy(), None, cv2.INTER_LINEAR)[0]
    shade = np.where(scene.own[wrong, 2] > 0.5, 0.9, 0.72)  # the line between closed lips is dark
    scene.colour[wrong] = photo_colour[nearest].mean(axis=1) * shade[:, None]
    scene.own[wrong, 2] = scene.other[wrong, 2] = 0


def _plain_lids(scene: Scene, topology: HeadParts) -> None:
    """Shut lids show what open ones hide: the skin round the eyes, with lashes along the rim."""
    lids, mean = np.flatnonzero(topology.region["eyelids"]), topology.model.mean
    skin = np.flatnonzero(topology.region["face"] & (scene.own[:, 2] > 0.5))
    nearest = skin[np.argsort(np.linalg.norm(mean[lids][:, None] - mean[skin][None], axis=-1), axis=1)[:, :LID_LIKE]]
    image = cv2.GaussianBlur(scene.photo.image, (0, 0), ZOOM)
    photo_colour = cv2.remap(image, scene.own[None, :, :2].copy(), None, cv2.INTER_LINEAR)[0]
    scene.colour[lids] = np.median(photo_colour[nearest], axis=1)
    scene.colour[topology.lash_line] *= LASHES


def _sheet(z: FloatArray, where: FloatArray, alpha: FloatArray, step: int, scene: Scene, camera: Camera) -> Sheet:
    """Vertices every `step` pixels at depths `z` wherever there is some of `where`."""
    uv = np.stack(np.meshgrid(np.arange(0, camera.width, step), np.arange(0, camera.height, step)), axis=-1)
    used = cv2.dilate((where > 0).astype(np.uint8), np.ones((2 * step + 1,) * 2))[::step, ::step] > 0
    points = (camera.rays(uv) * z[::step, ::step, None] - scene.photo.t) @ scene.photo.R
    corner = np.arange(used.size).reshape(used.shape)[:-1, :-1][used[:-1, :-1] & used[1:, 1:]]
    n = used.shape[1]
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + n], 1), np.stack([corner + 1, corner + n + 1, corner + n], 1)]
    )
    flat, flat_uv = points.reshape(-1, 3).astype(np.float32), uv.reshape(-1, 2).astype(np.float32)
    return Sheet(flat, flat_uv, triangles.astype(np.int32), alpha.astype(np.float32), where.astype(np.float32))
