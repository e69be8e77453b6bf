"""Makes demo.jpg beside this file: two frames of the demo's overlay, as the nets that ship see them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import av
import cv2
import numpy as np

from realtime3d import cli

HERE = Path(__file__).parent
SHOWN = (124, 48)  # a surprised face, a turned head


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        if cli.main(["demo", "--out", folder, "-q"]):
            raise SystemExit("the demo failed")
        with av.open(f"{folder}/demo.mp4") as container:
            frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    picture = np.hstack([frames[index] for index in SHOWN])
    cv2.imwrite(str(HERE / "demo.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
