"""The five strongest of ARKit's 52 weights."""

import sys

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
with r3d.FaceTracker() as tracker:
    for result in tracker.track(film, r3d.SourceOptions(start_s=0.5, end_s=0.7)):
        for face in result.faces:
            strongest = sorted(face.blendshapes().items(), key=lambda item: -item[1])[:5]
            print(result.frame.index, ", ".join(f"{name} {value:.2f}" for name, value in strongest))
