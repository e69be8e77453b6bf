"""Makes detail.jpg beside this file: what `realtime3d images --detail` makes of the public-domain astronaut."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import realtime3d as r3d
from realtime3d.errors import require
from realtime3d.pictures.detail_sheet import detail_sheet

HERE = Path(__file__).parent


def main() -> None:
    photo = np.ascontiguousarray(require("skimage.data", "test", "This picture").astronaut()[..., ::-1])
    with r3d.FaceTracker() as tracker:
        face = tracker.process_picture(photo).faces[0]
        sheet = detail_sheet(tracker.detail(photo, face), photo)
    cv2.imwrite(str(HERE / "detail.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
