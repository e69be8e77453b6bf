"""Head angles and an open mouth, frame by frame."""

import sys

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
with r3d.FaceTracker() as tracker:
    for result in tracker.track(film, r3d.SourceOptions(end_s=0.4)):
        for face in result.faces:
            pitch, yaw, roll = face.euler_deg()
            jaw = face.blendshapes()["jawOpen"]
            print(
                f"frame {result.frame.index}, face {face.id}: yaw {yaw:+.0f}, pitch {pitch:+.0f} degrees, jaw {jaw:.2f}"
            )
