"""What hides a face: each pixel of a picture as skin, hair, glasses, something in front, and so on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import Backend, Net, NetSpec
from realtime3d.errors import MissingError
from realtime3d.face.state import FaceState
from realtime3d.geometry import Camera
from realtime3d.nets.crop import CROP_MM, Crop, crop_from_pose, warp
from realtime3d.types import FloatArray, Image

CLASSES = ("background", "skin", "brows_and_beard", "hair", "glasses", "occluder", "eyes", "mouth")
BACKGROUND, SKIN, BEARD, HAIR, GLASSES, OCCLUDER, EYES, MOUTH = range(len(CLASSES))
COLOURS = (  # RGB of the palette, in the order of CLASSES
    (0, 0, 0), (235, 190, 160), (120, 70, 30), (70, 45, 140), (60, 180, 220), (230, 60, 60), (250, 250, 250),
    (220, 90, 140),
)  # fmt: skip
IN_FRONT = (GLASSES, OCCLUDER)  # what is not the head at all
SPAN_MM = 230.0  # of a head that the net sees
OUTPUT = "mask"


@dataclass(frozen=True)
class FaceMask:
    """What each pixel of a picture shows, as far as it lies around one face."""

    labels: NDArray[np.uint8]  # (H, W) numbers of CLASSES; background where the net did not look
    skin: FloatArray  # (H, W) 0..1 bare skin; 1 where the net did not look
    hidden: FloatArray  # (H, W) 0..1 glasses, hands and other things in front; 0 where the net did not look
    things: FloatArray  # (H, W) 0..1 the same without glasses
    strands: FloatArray  # (H, W) 0..1 hair, which hides a face and belongs to a scalp; 0 where the net did not look

    @property
    def face(self) -> FloatArray:
        """(H, W) 0..1 how far a pixel shows the face itself, beard and brows included, and nothing before it."""
        return np.asarray(np.clip(1 - self.hidden - self.strands, 0, 1), np.float32)

    @property
    def before_mesh(self) -> FloatArray:
        """(H, W) 0..1 what lies before the mesh of a face: hands, things, strands of hair; glasses stay."""
        return np.asarray(np.clip((self.things + self.strands - 0.3) / 0.4, 0, 1), np.float32)


class Masker:
    """Runs the net on one face of a picture after the other. Has no memory."""

    def __init__(self, net: Net) -> None:
        self._net = net

    @classmethod
    def opened(cls, backend: Backend, spec: NetSpec) -> Masker:
        """Load the net and run it once: the first run is slow, and its answer must have the classes of this version."""
        net, size = backend.load(spec), spec.size
        shape = net.run(np.zeros((1, size, size, 3), np.uint8))[OUTPUT].shape
        if shape != (1, len(CLASSES), size, size):
            net.close()
            raise MissingError(
                f"the net {spec.name} gives {shape}, it must be {(1, len(CLASSES), size, size)}: "
                "take the net of this version"
            )
        return cls(net)

    @property
    def spec(self) -> NetSpec:
        return self._net.spec

    def mask(self, image: Image, face: FaceState) -> FaceMask:
        """The mask of a face in the picture that it was found in."""
        crop = mask_crop(face, self._net.spec.size)
        shares = self.shares(image, face.camera, crop)
        return _laid_out(shares, crop, face.camera, image.shape[:2])

    def shares(self, image: Image, camera: Camera, crop: Crop) -> FloatArray:
        """(size, size, K) probabilities in the crop's pixels."""
        logits = self._net.run(warp(image, camera, crop)[None])[OUTPUT][0]
        power = np.exp(logits - logits.max(axis=0))
        return np.ascontiguousarray((power / power.sum(axis=0)).transpose(1, 2, 0), np.float32)

    def close(self) -> None:
        self._net.close()


def mask_crop(face: FaceState, size: int) -> Crop:
    """Where the net looks for what hides a face: a little wider than the tracker's nets look."""
    crop = crop_from_pose(face.pose, size)
    return Crop(crop.R, crop.focal * CROP_MM / SPAN_MM, size)


def _laid_out(shares: FloatArray, crop: Crop, camera: Camera, shape: tuple[int, int]) -> FaceMask:
    """Probabilities in a crop's pixels as a mask of the whole picture."""
    height, width = shape
    labels, skin = np.zeros(shape, np.uint8), np.ones(shape, np.float32)
    hidden, things, strands = (np.zeros(shape, np.float32) for _ in range(3))
    out = FaceMask(labels, skin, hidden, things, strands)
    window = _window(crop, camera, width, height)
    if window is None:
        return out
    (x0, y0, x1, y1), places = window
    x, y = (np.ascontiguousarray(places[..., k]) for k in range(2))
    size = len(shares)
    inside = (x > -0.5) & (y > -0.5) & (x < size - 0.5) & (y < size - 0.5)
    parts = [shares[..., k : k + 4] for k in range(0, len(CLASSES), 4)]  # remap takes four channels at once
    wide = np.concatenate(
        [cv2.remap(np.ascontiguousarray(p), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for p in parts], -1
    )
    labels[y0:y1, x0:x1] = np.where(inside, wide.argmax(axis=-1), BACKGROUND)
    skin[y0:y1, x0:x1] = np.where(inside, wide[..., SKIN], 1)
    hidden[y0:y1, x0:x1] = np.where(inside, wide[..., IN_FRONT].sum(axis=-1), 0)
    things[y0:y1, x0:x1] = np.where(inside, wide[..., OCCLUDER], 0)
    strands[y0:y1, x0:x1] = np.where(inside, wide[..., HAIR], 0)
    return out


def _window(crop: Crop, camera: Camera, width: int, height: int) -> tuple[tuple[int, int, int, int], FloatArray] | None:
    """The part of the picture that a crop sees, and where each of its pixels (h, w, 2) lies in the crop."""
    rim = np.linspace(-0.5, crop.size - 0.5, 9)
    ring = np.concatenate([np.stack(np.broadcast_arrays(*pair), -1) for pair in
                           ((rim, rim[0]), (rim, rim[-1]), (rim[0], rim), (rim[-1], rim))])  # fmt: skip
    rays = np.column_stack([ring, np.ones(len(ring))]) @ crop.K_inverse.T @ crop.R
    if not (rays[:, 2] > 1e-3).all():
        return None
    xy = camera.project(rays)
    x0, y0 = np.clip(np.floor(xy.min(axis=0)), 0, (width, height)).astype(int)
    x1, y1 = np.clip(np.ceil(xy.max(axis=0)) + 1, 0, (width, height)).astype(int)
    if x1 <= x0 or y1 <= y0:
        return None
    pixels = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1)
    seen = camera.rays(pixels.reshape(-1, 2)) @ crop.R.T
    places = seen[:, :2] / np.maximum(seen[:, 2:], 1e-6) * crop.focal + (crop.size - 1) / 2
    return (int(x0), int(y0), int(x1), int(y1)), places.reshape(*pixels.shape).astype(np.float32)


class LazyMasker:
    """A net of its own that is opened by the first picture: for another thread than the tracker's."""

    def __init__(self, open_: Callable[[], Masker]) -> None:
        self._open = open_
        self._masker: Masker | None = None

    def mask(self, image: Image, face: FaceState) -> FaceMask:
        if self._masker is None:
            self._masker = self._open()
        return self._masker.mask(image, face)

    def close(self) -> None:
        if self._masker is not None:
            self._masker.close()
            self._masker = None
