"""Pictures of your own, each with its time in seconds: times rise, and need not be even."""

import sys

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()


def camera():
    """Stands for a camera that this package does not know: yields (H, W, 3) uint8 pictures in BGR order."""
    with r3d.open_source(film, r3d.SourceOptions(end_s=0.3)) as source:
        for frame in source:
            yield frame.image


with r3d.FaceTracker(max_faces=1) as tracker:
    for number, picture in enumerate(camera()):
        result = tracker.process(picture, t=number / 25)
        print(number, [f"{face.confidence:.2f}" for face in result.faces])
