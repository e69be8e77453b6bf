"""What hides a face: each pixel of a picture as skin, hair, glasses, something in front, and so on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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
    """What each pixel of a picture shows, as far as it lies around one face. Maps are (H, W), made when asked for."""

    shares: FloatArray  # (size, size, K) probabilities of CLASSES in the net's crop
    crop: Crop
    camera: Camera
    shape: tuple[int, int]  # height and width of the picture

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """Numbers of CLASSES; background where the net did not look."""
        out = np.zeros(self.shape, np.uint8)
        if self._window is not None:
            parts = [self._warped(np.ascontiguousarray(self.shares[..., k : k + 4])) for k in range(0, len(CLASSES), 4)]
            best = np.concatenate(parts, axis=-1)
            out[self._where] = np.where(best.max(axis=-1) > 0, best.argmax(axis=-1), BACKGROUND)
        return out

    @cached_property
    def skin(self) -> FloatArray:
        """0..1 bare skin; 1 where the net did not look."""
        return np.asarray(1 - self._spread(1 - self.shares[..., SKIN]), np.float32)

    @cached_property
    def hidden(self) -> FloatArray:
        """0..1 glasses, hands and other things in front; 0 where the net did not look."""
        return self._spread(self.shares[..., IN_FRONT].sum(axis=-1))

    @cached_property
    def strands(self) -> FloatArray:
        """0..1 hair, which hides a face and belongs to a scalp; 0 where the net did not look."""
        return self._spread(self.shares[..., HAIR])

    @cached_property
    def face(self) -> FloatArray:
        """0..1 how far a pixel shows the face itself, beard and brows included, and nothing before it."""
        return np.asarray(1 - self._spread(self.shares[..., (*IN_FRONT, HAIR)].sum(axis=-1)), np.float32)

    @cached_property
    def before_mesh(self) -> FloatArray:
        """0..1 what lies before the mesh of a face: hands, things, strands of hair; glasses stay."""
        share = self._spread(self.shares[..., (OCCLUDER, HAIR)].sum(axis=-1))
        return np.asarray(np.clip((share - 0.3) / 0.4, 0, 1), np.float32)

    def _spread(self, plane: FloatArray) -> FloatArray:
        """(H, W) of a plane of the crop; 0 outside of it."""
        out = np.zeros(self.shape, np.float32)
        if self._window is not None:
            out[self._where] = self._warped(np.ascontiguousarray(plane, np.float32))
        return out

    @property
    def _where(self) -> tuple[slice, slice]:
        assert self._window is not None
        x0, y0, x1, y1 = self._window
        return slice(y0, y1), slice(x0, x1)

    @cached_property
    def _window(self) -> tuple[int, int, int, int] | None:
        """The part of the picture that the crop sees, end exclusive."""
        rim, last = np.linspace(-0.5, self.crop.size - 0.5, 9), self.crop.size - 0.5
        ends = [np.full(9, end) for end in (-0.5, last)]
        ring = np.concatenate([np.column_stack(pair) for end in ends for pair in ((rim, end), (end, rim))])
        rays = np.column_stack([ring, np.ones(len(ring))]) @ self.crop.K_inverse.T @ self.crop.R
        if not (rays[:, 2] > 1e-3).all():
            return None
        xy, limit = self.camera.project(rays), self.shape[::-1]
        x0, y0 = np.clip(np.floor(xy.min(axis=0)), 0, limit).astype(int)
        x1, y1 = np.clip(np.ceil(xy.max(axis=0)) + 1, 0, limit).astype(int)
        return (int(x0), int(y0), int(x1), int(y1)) if x1 > x0 and y1 > y0 else None

    def _warped(self, planes: FloatArray) -> FloatArray:
        """Planes of the crop in the pixels of the window; 0 outside of the crop."""
        assert self._window is not None
        x0, y0, x1, y1 = self._window
        if not self.camera.distortion:
            way = self.camera.K @ self.crop.R.T @ self.crop.K_inverse
            way = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1.0]]) @ way
            return np.asarray(cv2.warpPerspective(planes, way, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR), np.float32)
        pixels = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), axis=-1)
        seen = self.camera.rays(pixels.reshape(-1, 2)) @ self.crop.R.T
        places = seen[:, :2] / np.maximum(seen[:, 2:], 1e-6) * self.crop.focal + (self.crop.size - 1) / 2
        x, y = (np.ascontiguousarray(places[:, k].reshape(y1 - y0, x1 - x0), np.float32) for k in range(2))
        return np.asarray(cv2.remap(planes, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)


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
        return FaceMask(shares, crop, face.camera, (image.shape[0], image.shape[1]))

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
