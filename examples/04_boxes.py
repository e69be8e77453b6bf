"""Your own face boxes instead of the detector: left, top, right, bottom in px."""

import sys

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
with r3d.open_source(film) as source:
    picture = next(iter(source)).image
with r3d.FaceTracker() as tracker:
    found = tracker.process_picture(picture).faces[0]
    left, top, right, bottom = (float(x) for x in found.box)
    again = tracker.process_boxes(picture, [[left - 10, top - 10, right + 10, bottom + 10]]).faces[0]
    print(f"yaw by the detector's box {found.euler_deg()[1]:+.1f}, by mine {again.euler_deg()[1]:+.1f} degrees")
