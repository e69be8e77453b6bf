"""Runs in an environment with MediaPipe 0.10.21, whose `solutions` newer ones lack; it imports nothing of ours.

    python solutions_worker.py face-mesh LEAST_CONFIDENCE
    python solutions_worker.py person

It answers in JSON lines on standard output: first {"ready": versions}, then, for each {"picture": FILE.npy} (RGB) that
it reads, {"points": 478 pairs in 0..1 or null}, or for `person` {"mask": true} with the mask written over the picture.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def face_mesh(mediapipe: Any, numpy: Any, confidence: str) -> Any:
    mesh = mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, min_detection_confidence=float(confidence)
    )

    def answer(file: str) -> dict[str, Any]:
        found = mesh.process(numpy.load(file)).multi_face_landmarks
        return {"points": [(point.x, point.y) for point in found[0].landmark] if found else None}

    return answer


def person(mediapipe: Any, numpy: Any) -> Any:
    net = mediapipe.solutions.selfie_segmentation.SelfieSegmentation(model_selection=0)

    def answer(file: str) -> dict[str, Any]:
        numpy.save(file, net.process(numpy.load(file)).segmentation_mask)
        return {"mask": True}

    return answer


def main(what: str, *options: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the library prints, natively too, is no answer

    def say(**values: Any) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    try:
        import mediapipe
        import numpy

        makers: Any = {"face-mesh": face_mesh, "person": person}
        work = makers[what](mediapipe, numpy, *options)
        say(ready={"mediapipe": mediapipe.__version__})
        for line in sys.stdin:
            say(**work(json.loads(line)["picture"]))
    except Exception as error:
        say(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
