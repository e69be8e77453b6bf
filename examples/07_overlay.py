"""What was found, drawn over a frame."""

import sys
import tempfile
from pathlib import Path

import cv2

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
renderer = r3d.create_renderer()
with r3d.FaceTracker() as tracker, tempfile.TemporaryDirectory() as folder:
    for result in tracker.track(film, r3d.SourceOptions(end_s=0.2)):
        drawn = renderer.draw(result.frame.image, result)
    cv2.imwrite(str(Path(folder) / "overlay.png"), drawn)
    print(f"a picture of {drawn.shape[1]}x{drawn.shape[0]} px with {len(result.faces)} faces")
renderer.close()
