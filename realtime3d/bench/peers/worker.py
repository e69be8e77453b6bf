"""Runs in a peer's own environment: it imports nothing of ours and starts on the old Pythons some peers need (3.7).

    python worker.py PEER WHERE FRAMES.npy BOXES.npy

It answers in JSON lines on standard output: first {"ready": versions}; then, for each {"seconds": s} that it reads, the
milliseconds of each frame worked on in that time: {"times_ms": [...], "cpu_ms": a frame's, "faces": in all}. Where
something is missing it answers {"error": why} and ends. What the peer itself prints goes to standard error.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

FRAME_MS = 33
LOST = 2020  # px^2: a smaller crop makes 3DDFA_V2's own video demo look for the face again


class OpenSeeFace:
    """`facetracker.py --model 0` with its other options left alone: one face, one thread, gaze included."""

    packages = ("onnxruntime", "cv2")

    def __init__(self, where: str, frames: Any, boxes: Any) -> None:
        sys.path.insert(0, where)
        from tracker import Tracker

        height, width = frames.shape[1:3]
        self._tracker = Tracker(
            width, height, model_type=0, max_faces=1, max_threads=1, discard_after=10, scan_every=3, silent=True,
            max_feature_updates=900, static_model=True,
        )  # fmt: skip

    def faces(self, index: int, image: Any) -> int:
        return len(self._tracker.predict(image))


class ThreeDDFA:
    """The loop of `demo_video.py --onnx`: first a box, then the crop around its own last landmarks.

    The boxes are ours, so that its detector, which has to be compiled first, is not needed.
    """

    packages = ("onnxruntime", "torch", "cv2")

    def __init__(self, where: str, frames: Any, boxes: Any) -> None:
        sys.path.insert(0, where)
        os.chdir(where)  # its configuration names files by paths from there
        import yaml

        _one_thread_sessions()
        _old_exporter()
        from TDDFA_ONNX import TDDFA_ONNX

        with open("configs/mb1_120x120.yml") as file:
            self._net = TDDFA_ONNX(**yaml.safe_load(file))
        self._boxes = boxes
        self._landmarks: Any = None

    def faces(self, index: int, image: Any) -> int:
        if self._landmarks is not None:
            params, crops = self._net(image, [self._landmarks], crop_policy="landmark")
            x0, y0, x1, y1 = crops[0]
        if self._landmarks is None or abs((x1 - x0) * (y1 - y0)) < LOST:
            params, crops = self._net(image, [self._boxes[index]])
        self._landmarks = self._net.recon_vers(params, crops)[0]
        return 1


def _one_thread_sessions() -> None:
    """3DDFA_V2 takes ONNX Runtime's default threads and has no option for them."""
    import onnxruntime

    session_class = onnxruntime.InferenceSession

    def session(path: str, options: Any = None, **more: Any) -> Any:
        options = options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return session_class(path, options, providers=["CPUExecutionProvider"], **more)

    onnxruntime.InferenceSession = session


def _old_exporter() -> None:
    """It converts its nets on first use, in words that only PyTorch's older exporter understands."""
    import functools
    import inspect

    import torch

    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        torch.onnx.export = functools.partial(torch.onnx.export, dynamo=False)


class FaceLandmarker:
    """MediaPipe's task in video mode: one face with blendshapes and its matrix. It chooses its threads itself."""

    packages = ("mediapipe",)

    def __init__(self, where: str, frames: Any, boxes: Any) -> None:
        import cv2
        import mediapipe

        tasks = mediapipe.tasks
        options = tasks.vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=where),
            running_mode=tasks.vision.RunningMode.VIDEO,
            output_face_blendshapes=True,
            output_facial_transformation_matrixes=True,
        )
        self._landmarker = tasks.vision.FaceLandmarker.create_from_options(options)
        self._cv2, self._mediapipe, self._time = cv2, mediapipe, 0

    def faces(self, index: int, image: Any) -> int:
        rgb = self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB)
        self._time += FRAME_MS
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)
        return len(self._landmarker.detect_for_video(picture, self._time).face_landmarks)


class FaceMesh:
    """MediaPipe's face mesh with attention (478 refined points), as its own users run it: one face, video mode."""

    packages = ("mediapipe",)

    def __init__(self, where: str, frames: Any, boxes: Any) -> None:
        import cv2
        import mediapipe

        self._cv2 = cv2
        self._mesh = mediapipe.solutions.face_mesh.FaceMesh(
            static_image_mode=False, max_num_faces=1, refine_landmarks=True
        )

    def faces(self, index: int, image: Any) -> int:
        rgb = self._cv2.cvtColor(image, self._cv2.COLOR_BGR2RGB)
        rgb.flags.writeable = False  # as its documentation advises: it then takes the picture without a copy
        return len(self._mesh.process(rgb).multi_face_landmarks or ())


PEERS: Any = {
    "openseeface": OpenSeeFace, "3ddfa": ThreeDDFA, "facelandmarker": FaceLandmarker, "facemesh": FaceMesh,
}  # fmt: skip


def block(peer: Any, walk: Iterator[tuple[int, Any]], seconds: float) -> dict[str, Any]:
    """Frames in turn for so long, three at least."""
    times: list[float] = []
    faces = 0
    end = time.perf_counter() + seconds
    cpu = time.process_time()
    while len(times) < 3 or time.perf_counter() < end:
        index, image = next(walk)
        start = time.perf_counter()
        faces += peer.faces(index, image)
        times.append((time.perf_counter() - start) * 1e3)
    return {"times_ms": times, "cpu_ms": (time.process_time() - cpu) * 1e3 / len(times), "faces": faces}


def main(name: str, where: str, frames_file: str, boxes_file: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a peer may print what it likes, natively too

    def answer(**values: Any) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    try:
        import numpy

        frames, boxes = numpy.load(frames_file), numpy.load(boxes_file)
        peer = PEERS[name](where, frames, boxes)
        order = list(range(len(frames))) + list(range(len(frames) - 2, 0, -1))  # forwards and backwards, without a cut
        walk = ((index, frames[index]) for index in itertools.cycle(order))
        versions = {module: getattr(sys.modules[module], "__version__", "?") for module in peer.packages}
        answer(ready=dict(versions, python=sys.version.split()[0], numpy=numpy.__version__))
        for line in sys.stdin:
            answer(**block(peer, walk, json.loads(line)["seconds"]))
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
