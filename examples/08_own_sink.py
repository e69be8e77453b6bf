"""A place of your own for results: counts blinks."""

import sys

import realtime3d as r3d
from realtime3d.demo import clip_path


class Blinks:
    """Counts how often both eyes close."""

    needs_image = False

    def __enter__(self):
        self.count, self.closed = 0, False
        return self

    def write(self, result, image):
        for face in result.faces[:1]:
            weights = face.blendshapes()
            closed = min(weights["eyeBlinkLeft"], weights["eyeBlinkRight"]) > 0.5
            self.count += closed and not self.closed
            self.closed = closed

    def __exit__(self, *failure): ...


film = sys.argv[1] if len(sys.argv) > 1 else clip_path()
blinks = Blinks()
summary = r3d.run(film, sinks=[blinks], end=1.0)
print(f"{blinks.count} blinks in {summary.frames} frames")
