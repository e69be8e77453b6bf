"""Makes overlay.jpg beside this file: the modes of the overlay over frames of the demo clip, faces from its truth."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from realtime3d.demo import clip_path, load_truth
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FaceState, FrameResult
from realtime3d.render.base import Mode, OverlayStyle
from realtime3d.render.choose import create_renderer
from realtime3d.types import FaceCoeffs, Frame, IdentityState, Image, Pose

HERE = Path(__file__).parent
SHOWN: tuple[tuple[int, Mode], ...] = (
    (124, "wire"), (28, "shaded"), (48, "transparent"), (5, "points"), (70, "texture"), (100, "mask")
)  # fmt: skip


def main() -> None:
    with av.open(str(clip_path())) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    tiles = [drawn(frames[index], index, mode) for index, mode in SHOWN]
    picture = np.vstack([np.hstack(tiles[i : i + 2]) for i in (0, 2, 4)])
    cv2.imwrite(str(HERE / "overlay.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


def drawn(image: Image, index: int, mode: Mode) -> Image:
    truth, model = load_truth(), FaceModel.load(HERE.parents[1] / "models" / "face_model.npz")
    pose = Pose(truth.R[index], truth.t[index])
    raw = FaceCoeffs(pose, truth.expression[index], truth.extras[index], 1.0, 0.0, truth.shape)
    state = IdentityState(truth.shape, True, 60)
    said = (raw.expression, raw.extras, truth.shape, raw, state, model, truth.camera)
    face = FaceState(1, "tracked", 1.0, pose, *said)
    return create_renderer("software", OverlayStyle(mode=mode)).draw(
        image, FrameResult(Frame(index, 0, image), (face,))
    )


if __name__ == "__main__":
    main()
