"""The shape of a face: 99 numbers for a person, and how alike two faces are."""

import sys

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
with r3d.open_source(film) as source:
    pictures = [frame.image for frame, _ in zip(source, range(31), strict=False)]
with r3d.FaceTracker() as tracker:
    first, last = (tracker.process_picture(picture).faces[0] for picture in (pictures[0], pictures[-1]))
    print(f"{len(first.shape)} numbers; {r3d.same_person(first, last)}")
