"""Draws docs/images/calibration.png: the demo clip as measured, and as sent once the neutral face was learned.

python docs/images/make_calibration.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt

import realtime3d as r3d
from realtime3d.avatar.calibration import Calibration
from realtime3d.avatar.learning import learned, sample
from realtime3d.avatar.shaping import Shaper
from realtime3d.demo import clip_path

SHOWN = {"eyeBlinkLeft": "lid of the left eye", "browInnerUp": "inner brows up", "mouthSmileLeft": "left smile"}
LEARN_S = 2.0


def main() -> None:
    with r3d.FaceTracker() as tracker:
        results = list(tracker.track(str(clip_path())))
    times = [result.frame.t_ns / 1e9 for result in results]
    faces = [result.faces[0] if result.faces else None for result in results]
    still = [sample(face) for t, face in zip(times, faces, strict=True) if face is not None and t < LEARN_S]
    shaper = Shaper(learned("neutral", still, Calibration()))
    measured = [face.blendshapes() if face else {} for face in faces]
    sent = [shaper.step(t, i, face).weights for i, (t, face) in enumerate(zip(times, faces, strict=True))]
    figure, axes = plt.subplots(len(SHOWN), 1, figsize=(9, 6), sharex=True, layout="constrained")
    for axis, (name, label) in zip(axes, SHOWN.items(), strict=True):
        axis.plot(times, [values.get(name, float("nan")) for values in measured], color="0.6", label="as measured")
        axis.plot(times, [values[name] for values in sent], color="tab:blue", label="as sent")
        axis.axvspan(0, LEARN_S, color="tab:green", alpha=0.1)
        axis.set_ylim(-0.03, 1.03)
        axis.set_ylabel(label)
        axis.grid(alpha=0.3)
    axes[0].legend(loc="upper right")
    axes[-1].set_xlabel("seconds; the neutral face is learned in the green part")
    figure.savefig(Path(__file__).with_name("calibration.png"), dpi=80)


if __name__ == "__main__":
    main()
