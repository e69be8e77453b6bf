"""A mesh file of a face; GLB, OBJ and PLY go by the file's name."""

import sys
import tempfile
from pathlib import Path

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
with r3d.open_source(film) as source:
    picture = next(iter(source)).image
with r3d.FaceTracker() as tracker, tempfile.TemporaryDirectory() as folder:
    face = tracker.process_picture(picture).faces[0]
    file = Path(folder) / "face.glb"
    r3d.write_mesh(file, face)
    vertices = face.vertices()
    print(f"{len(vertices)} vertices, {file.stat().st_size} bytes; {vertices[:, 2].mean():.0f} mm from the camera")
