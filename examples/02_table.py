"""A whole run into a CSV, with a summary."""

import sys
import tempfile
from pathlib import Path

import realtime3d as r3d
from realtime3d.demo import clip_path

film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
with tempfile.TemporaryDirectory() as folder:
    table = Path(folder) / "faces.csv"
    summary = r3d.run(film, csv=table, blendshapes=True, end=0.4)
    columns = table.read_text().partition("\n")[0].split(",")
    print(f"{summary.frames} frames, {summary.faces} rows of {len(columns)} columns, {summary.fps:.0f} frames/s")
