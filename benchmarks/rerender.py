"""A frontal photograph drawn again at its own pose from its own texture, against the photograph: PSNR where it is seen.

    python benchmarks/rerender.py PICTURES [--every 4]

What is lost is what the texture cannot hold: sampling into the layout and back.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import realtime3d as r3d
from realtime3d.bench.machine import commit, machine
from realtime3d.face.state import FaceState
from realtime3d.render.textured import draw_textured
from realtime3d.surface.texture import SIZE, TexturePainter
from realtime3d.types import Image

RESULT = Path(__file__).parent / "results" / "rerender.json"
FRONTAL_DEG = 15.0
BAR_DB = 30.0
SURE = 250  # of 255: the texture is the picture's own there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULT)
    options = parser.parse_args()
    rows: list[dict[str, float]] = []
    painter: TexturePainter | None = None
    with r3d.FaceTracker() as tracker:
        for file in sorted(options.pictures.glob("*.jpg"))[:: options.every]:
            image = np.asarray(cv2.imread(str(file)), dtype=np.uint8)
            faces = tracker.process_picture(image).faces
            if not faces or max(map(abs, faces[0].euler_deg()[:2])) > FRONTAL_DEG:
                continue
            painter = painter or TexturePainter(faces[0].model)
            rows.append(measured(faces[0], image, painter))
        models = tracker.model_set.name
    values = np.array([row["db"] for row in rows])
    result: dict[str, Any] = {
        "commit": commit(),
        "machine": machine() | {"load": os.getloadavg()},
        "workload": {"pictures": len(rows), "frontal_deg": FRONTAL_DEG, "texture_px": SIZE, "models": models},
        "bar_db": BAR_DB,
        "median_db": round(float(np.median(values)), 2),
        "worst_db": round(float(values.min()), 2),
        "part_that_meets_the_bar": round(float((values >= BAR_DB).mean()), 3),
        "by_face_px": by_size(rows),
    }
    options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    for row in sorted(rows, key=lambda r: r["db"])[:10]:
        print(row)


def measured(face: FaceState, image: Image, painter: TexturePainter) -> dict[str, float]:
    """PSNR over all three channels, where the texture is the picture's own; and how tall the face is."""
    texture = painter.paint(face, image)
    head, vertices = face.model.mesh(), face.vertices()
    drawn, shown = draw_textured(head, vertices, texture.image, face.camera)
    seen, _ = draw_textured(head, vertices, np.dstack([texture.seen] * 3), face.camera)
    where = shown & (seen[..., 0] >= SURE)
    wrong = drawn[where].astype(np.float64) - image[where]
    mse = float((wrong**2).mean())
    return {
        "db": round(10 * float(np.log10(255**2 / max(mse, 1e-9))), 2),
        "face_px": round(float(face.box[3] - face.box[1])),
        "seen_of_shown": round(float(where.sum() / max(shown.sum(), 1)), 3),
    }


def by_size(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Thirds of the pictures, by the height of the face."""
    order = sorted(rows, key=lambda row: row["face_px"])
    parts = [order[i * len(order) // 3 : (i + 1) * len(order) // 3] for i in range(3)]
    return [
        {
            "from_px": part[0]["face_px"],
            "to_px": part[-1]["face_px"],
            "median_db": round(float(np.median([row["db"] for row in part])), 2),
            "worst_db": min(row["db"] for row in part),
        }
        for part in parts
        if part
    ]


if __name__ == "__main__":
    main()
