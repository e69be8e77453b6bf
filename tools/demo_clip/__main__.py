"""`python -m tools.demo_clip MODEL OUT_DIR`: the demo clip and its truth, from the photograph."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from realtime3d.demo import CLIP, TRUTH, Truth
from realtime3d.face.state import FrameResult
from realtime3d.sinks.video import VideoOptions, VideoSink
from realtime3d.types import FloatArray, Frame
from tools.demo_clip.motion import FPS, Moment, moments
from tools.demo_clip.photo import Puppet, cut_out
from tools.demo_clip.puppet import clip_camera, draw, motion_of, start_pose


class SmallVideo(VideoSink):
    """Slowly encoded, so that the clip fits into the package."""

    def _new_stream(self) -> Any:
        stream = super()._new_stream()
        stream.codec_context.options = {"preset": "veryslow", "crf": "20", "bf": "0"}
        stream.codec_context.gop_size = 250
        return stream


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.demo_clip", description=__doc__)
    parser.add_argument("model", type=Path, help="the face model: models/face_model.npz")
    parser.add_argument("out", type=Path, help=f"folder for {CLIP} and {TRUTH}")
    parser.add_argument("--every", type=int, default=1, help="draw only every N-th frame, for a quick look")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    puppet = cut_out(args.model)
    start = start_pose(puppet)
    scenes = moments(start)[:: args.every]
    motions = [motion_of(puppet, moment) for moment in scenes]
    truth_of(puppet, scenes, motions).save(args.out / TRUTH)
    with SmallVideo(args.out / CLIP, VideoOptions(fps=FPS)) as sink:
        for index, (moment, motion) in enumerate(zip(tqdm(scenes), motions, strict=True)):
            image = draw(puppet, start, moment, motion)
            sink.write(FrameResult(Frame(index, round(moment.time * 1e9), image), ()), image)


def truth_of(puppet: Puppet, scenes: list[Moment], motions: list[FloatArray]) -> Truth:
    """Everything the clip's frames show, in our own conventions."""
    model, camera = puppet.model, clip_camera()
    n = model.n_expression
    motion = np.stack(motions)
    neutral = model.neutral(puppet.scene.photo.alpha)
    inside = []
    for moment, row in zip(scenes, motions, strict=True):
        points = model.landmarks("ibug68", model.deform(neutral, row[:n], row[n:]))
        px = camera.project(points @ moment.pose.R.T + moment.pose.t)
        inside.append(((px > 0) & (px < (camera.width - 1, camera.height - 1))).all(axis=1).mean())
    return Truth(
        time=np.array([m.time for m in scenes]),
        R=np.stack([m.pose.R for m in scenes]),
        t=np.stack([m.pose.t for m in scenes]),
        expression=motion[:, :n],
        extras=motion[:, n:],
        shape=puppet.scene.photo.alpha.astype(np.float32),
        visible=np.array(inside, dtype=np.float32),
        intrinsics=np.array([camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height]),
    )


if __name__ == "__main__":
    main()
