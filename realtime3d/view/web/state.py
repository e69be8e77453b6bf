"""What every page shows beside the frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from realtime3d.config import Config
from realtime3d.tracker import FaceTracker
from realtime3d.view.controls import Controls
from realtime3d.view.web.messages import VERSION, limits


@dataclass(slots=True)
class State:
    """How the run is doing."""

    run: str = "idle"  # idle, opening, running, paused, ended, failed
    source: dict[str, Any] = field(default_factory=dict)
    said: str = ""  # the answer to the last wish
    error: str = ""  # why nothing runs, or what was refused, and what to do next


def state_message(
    state: State, config: Config, tracker: FaceTracker | None, controls: Controls | None
) -> dict[str, Any]:
    """The state as pages get it; `controls` are those of the run, while there is one."""
    recording = controls.recording if controls else None
    accepted = limits()
    return {
        "type": "state",
        "version": VERSION,
        "run": state.run,
        "source": state.source,
        "said": state.said,
        "error": state.error,
        "settings": {
            "models": config.models.set if config.models.set in accepted["models"] else "",
            "max_faces": config.track.max_faces,
            "detect_every": config.track.detect_every,
            "smooth": config.smooth.enabled,
            "mirror": config.camera.mirror,
        },
        "backend": f"{tracker.backend.name} on {tracker.backend.device}" if tracker else "",
        "model_set": tracker.model_set.name if tracker else "",
        "recording": {"seconds": round(recording.seconds, 2), "frames": recording.frames} if recording else None,
        "centred": {str(i): list(a) for i, a in controls.angles_from_centre().items()} if controls else {},
        "limits": accepted,
    }
