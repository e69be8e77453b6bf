"""Makes view.jpg beside this file: the 3D window of `realtime3d view` with the public-domain astronaut under a lamp.

Needs Open3D and a display (xvfb-run gives one).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

import realtime3d as r3d
from realtime3d.errors import require
from realtime3d.pictures.detail import write_maps
from realtime3d.sinks.meshes import MeshWriter
from realtime3d.view.lamp import Lamp
from realtime3d.view.open3d_ import Viewer
from realtime3d.view.scenes import scenes_of

HERE = Path(__file__).parent
ZOOM = 3  # finer texels than the photograph's pixels
LOOKS = ((".obj", 0, Lamp(-60, 25)), (".obj", 0, Lamp(60, 25)), (".obj", 2, Lamp(-60, 25)), (".obj", 1, Lamp()))
PART = (slice(110, 640), slice(250, 710))


def main() -> None:
    photo = np.ascontiguousarray(require("skimage.data", "test", "This picture").astronaut()[..., ::-1])
    large = np.asarray(cv2.resize(photo, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC), np.uint8)
    with r3d.FaceTracker() as tracker, tempfile.TemporaryDirectory() as folder:
        face = tracker.process_picture(large).faces[0]
        relief = write_maps(Path(folder), "a", tracker.detail(large, face), large)
        MeshWriter(face.model).write(Path(folder) / "a.obj", face, "expression", None, relief)
        shots = []
        for number, (suffix, look, lamp) in enumerate(LOOKS):
            viewer = Viewer(scenes_of(Path(folder) / f"a{suffix}"), lamp=lamp, look=look)
            viewer.run(Path(folder) / f"{number}.png")
            shots.append(cv2.imread(str(viewer.saved[0]))[PART])
    cv2.imwrite(str(HERE / "view.jpg"), np.hstack(shots), [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
