"""Makes gallery-*.jpg and .png beside this file, with the commands that docs/gallery.md shows, from the bundled clip.

python docs/images/make_gallery.py
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np

from realtime3d import cli
from realtime3d.demo import clip_path
from realtime3d.types import Image

HERE = Path(__file__).parent
STYLES = {"wire": 124, "shaded": 48, "transparent": 28, "points": 5, "texture": 90, "mask": 72}  # -> the frame shown
PHOTOS = (5, 28, 48, 90, 124)
WIDE, HIGH = 400, 300


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        command("demo", "--out", folder / "demo")
        shutil.copyfile(folder / "demo" / "demo.png", HERE / "gallery-demo.png")
        tiles = []
        for style, shown in STYLES.items():
            command("video", clip_path(), "--overlay", folder / f"{style}.mp4", "--style", style)
            tiles.append(cv2.resize(frames(folder / f"{style}.mp4")[shown], (WIDE, HIGH), interpolation=cv2.INTER_AREA))
        write("gallery-video.jpg", np.vstack([np.hstack(tiles[i : i + 3]) for i in (0, 3)]))
        clip = frames(clip_path())
        (folder / "photos").mkdir()
        for number in PHOTOS:
            cv2.imwrite(str(folder / "photos" / f"{number:03}.png"), clip[number])
        command("images", folder / "photos", "--out", folder / "results", "--views=-40,-22,0,22,40")
        write("gallery-contact.jpg", cv2.imread(str(folder / "results" / "contact.jpg")))
        views = sorted((folder / "results" / "124").glob("*_rendered_aug_*.jpg"), key=yaw)
        write("gallery-views.jpg", np.hstack([portrait(cv2.imread(str(file))) for file in views]))


def command(*words: object) -> None:
    if cli.main([*map(str, words), "-q"]):
        raise SystemExit(f"failed: {' '.join(map(str, words))}")


def frames(film: Path) -> list[Image]:
    with av.open(str(film)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def yaw(file: Path) -> int:
    return int(file.stem.split("_")[-3])


def portrait(image: Image) -> Image:
    """The middle of a view, as high as the others."""
    height, width = image.shape[:2]
    middle = image[:, max(0, (width - height) // 2) : (width + height) // 2]
    return cv2.resize(middle, (240, 240), interpolation=cv2.INTER_AREA)


def write(name: str, image: Image) -> None:
    cv2.imwrite(str(HERE / name), image, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
