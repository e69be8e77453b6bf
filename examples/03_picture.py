"""One picture by itself: its faces are found, also small and turned ones."""

import sys

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
with r3d.open_source(film) as source:
    picture = next(iter(source)).image
with r3d.FaceTracker() as tracker:
    for face in tracker.process_picture(picture).faces:
        print(f"face {face.id}: confidence {face.confidence:.2f}, box {[round(float(x)) for x in face.box]}")
