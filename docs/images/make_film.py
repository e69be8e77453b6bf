"""Makes film.jpg beside this file: what `video --detail` tells apart in the clip of the public-domain astronaut."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

import realtime3d as r3d
from realtime3d.demo import clip_path
from realtime3d.pictures.detail_sheet import LAMPS, TILE, cast, labelled, map_tile
from realtime3d.render.views import upright_crop
from realtime3d.sinks.film_detail import resting
from realtime3d.surface.activations import ACTIVATIONS, activations
from realtime3d.surface.best_frames import BestFrames
from realtime3d.surface.detail_maker import DetailMaker
from realtime3d.surface.film import as_detail, detail_of_film
from realtime3d.types import FloatArray, Image

HERE = Path(__file__).parent
CONTRAST_MM = 0.25


def main() -> None:
    kept, smiles = BestFrames(), []
    with r3d.FaceTracker() as tracker:
        for result in tracker.track(clip_path()):
            for face in result.faces[:1]:
                kept.see(face, result.frame.image)
                smiles.append(face)
        maker = DetailMaker(tracker.model)
    film = detail_of_film(maker, kept.shots, smiles[-1])
    k = list(ACTIVATIONS).index("smile")
    shots = sorted(kept.shots, key=lambda shot: shot.activations[k])
    at_rest = as_detail(maker, film, resting(smiles[-1]), activations(dict.fromkeys(tracker.model.arkit_names, 0.0)))
    smile = as_detail(maker, film, shots[-1].face, shots[-1].activations)
    lamp = LAMPS["from the left"]

    def drawn(mm: FloatArray) -> Image:
        grey = np.clip(128 + mm * (128 / CONTRAST_MM), 0, 255).astype(np.uint8)
        return map_tile(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))

    window = maker.layout.window
    tiles = [
        ("a frame", upright_crop(shots[0].face, shots[0].image, TILE)),
        ("another frame", upright_crop(shots[-1].face, shots[-1].image, TILE)),
        ("the person's own", drawn(at_rest.displacement_mm[window])),
        ("added by a smile", drawn(film.folds[k])),
        ("at rest", cast(at_rest, "final", [lamp])[0]),
        ("smiling", cast(smile, "final", [lamp])[0]),
    ]
    sheet = np.hstack([labelled(name, tile) for name, tile in tiles])
    cv2.imwrite(str(HERE / "film.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
