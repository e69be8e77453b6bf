"""Makes live_detail.jpg beside this file: the corner of `live --detail` over the public-domain astronaut."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

import realtime3d as r3d
from realtime3d.errors import require
from realtime3d.view.live_detail import LiveDetail

HERE = Path(__file__).parent


def main() -> None:
    photo = np.ascontiguousarray(require("skimage.data", "test", "This picture").astronaut()[..., ::-1])
    large = np.asarray(cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    with r3d.FaceTracker() as tracker, LiveDetail() as live:
        live.see(tracker.process(large, 0.0))
        while not live.made:
            time.sleep(0.05)
        picture = np.ascontiguousarray(large[:720])
        live.draw(picture)
    cv2.imwrite(str(HERE / "live_detail.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
