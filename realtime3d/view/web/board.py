"""What pages are told of a session: the state beside the frames, the frames, the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from realtime3d.avatar.options import Sending
from realtime3d.avatar.targets import Target, Targets
from realtime3d.clock import now_ns, to_s
from realtime3d.config import Config
from realtime3d.errors import Realtime3dError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FrameResult
from realtime3d.tracker import FaceTracker
from realtime3d.view.controls import Controls
from realtime3d.view.latency import Latency
from realtime3d.view.web.hidden import Hidden
from realtime3d.view.web.messages import VERSION, FrameMessage, limits, mesh_message
from realtime3d.view.web.show import encode
from realtime3d.view.web.viewers import Viewers

STATE_S = 0.5  # between two states that nothing but numbers changed in


@dataclass(slots=True)
class State:
    """How the run is doing."""

    run: str = "idle"  # idle, opening, running, paused, ended, failed
    runs: int = 0  # that were begun so far: tells the first frames of one from the last ones of another
    source: dict[str, Any] = field(default_factory=dict)
    said: str = ""  # the answer to the last wish
    error: str = ""  # why nothing runs, or what was refused, and what to do next


class Board:
    """Belongs to the session's thread, but for `saved` and `model`, which others read."""

    def __init__(self, viewers: Viewers, config: Config) -> None:
        """`config` is told until there is a tracker."""
        self._viewers, self._config = viewers, config
        self.state = State()
        self.tracker: FaceTracker | None = None
        self.controls: Controls | None = None  # of the run, while there is one
        self.sending: Sending | None = None  # of the run, too
        self.targets: Targets | None = None
        self.saved: list[Path] = []  # what was recorded, in order
        self.model: FaceModel | None = None  # whose mesh pages have
        self.hidden = Hidden()
        self._told_ns = 0
        self._latency = Latency("frame to page")
        self._dropped = self._frames = 0
        self._still_index = -1

    # -- frames -------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Count anew."""
        self._latency, self._dropped, self._frames = Latency("frame to page"), 0, 0
        self._still_index = -1

    def count(self, result: FrameResult, arrived_ns: int) -> None:
        """A result, and when its picture was there."""
        self._frames += 1
        self._dropped += result.dropped
        self._latency.add(arrived_ns)

    def publish(self, result: FrameResult) -> None:
        """Show a result to everybody; called by the page's sink, from its own thread."""
        if result.frame.index > self._still_index:
            self._viewers.publish(self._message(result))

    def publish_still(self, result: FrameResult) -> None:
        """Show what was found in a picture by itself, instead of what the run has found in it."""
        self._still_index = result.frame.index
        self._viewers.publish(self._message(result))

    def _message(self, result: FrameResult) -> FrameMessage:
        return FrameMessage(result, self.rates(), encode, self.hidden.parts)

    def rates(self) -> dict[str, float]:
        """Frames a second and latency of the run; frames that were dropped."""
        latency = self._latency
        return {
            "fps": round(latency.fps, 2),
            "p50_ms": round(latency.percentile(50), 1),
            "p95_ms": round(latency.percentile(95), 1),
            "dropped": self._dropped,
            "frames": self._frames,
        }

    def tell_mesh(self, tracker: FaceTracker) -> None:
        """What this tracker's set has that pages need: the mesh, and the net of the mask."""
        self.hidden.use(tracker)
        if self.model is not tracker.model:
            self.model = tracker.model
            self._viewers.tell(mesh_message(tracker.model), keep="mesh")

    # -- the state ----------------------------------------------------------------------------------------------------

    def tell(self, **changes: Any) -> None:
        """Change the state, and tell it."""
        self.state = replace(self.state, **changes)
        self._told_ns = now_ns()
        self._viewers.tell(self.message(), keep="state")

    def tell_sometimes(self) -> None:
        """Tell numbers again, unless that was done a moment ago."""
        if to_s(now_ns() - self._told_ns) > STATE_S:
            waited = self.state.said.startswith("nothing from")  # and now there is something
            self.tell(said="" if waited else self.state.said)

    def fail(self, error: BaseException) -> None:
        """Nothing runs any more."""
        known = isinstance(error, Realtime3dError)
        text = str(error) if known else f"this is a bug in realtime3d, please report it: {error!r}"
        self.tell(run="failed", error=text)

    def keep(self, controls: Controls) -> None:
        """Files that these controls have saved can be downloaded."""
        self.saved += [path for path in controls.saved if path not in self.saved]
        self.tell()

    def message(self) -> dict[str, Any]:
        """The state as pages get it."""
        state, controls, tracker = self.state, self.controls, self.tracker
        config = tracker.config if tracker else self._config
        recording = controls.recording if controls else None
        accepted = limits()
        return {
            "type": "state",
            "version": VERSION,
            "run": state.run,
            "runs": state.runs,
            "source": state.source,
            "said": state.said,
            "error": state.error,
            "settings": _settings(config, accepted),
            "backend": f"{tracker.backend.name} on {tracker.backend.device}" if tracker else "",
            "model_set": tracker.model_set.name if tracker else "",
            "recording": {"seconds": round(recording.seconds, 2), "frames": recording.frames} if recording else None,
            "centred": {str(i): list(a) for i, a in controls.angles_from_centre().items()} if controls else {},
            "limits": accepted,
            "sent": self.sending.lines() if self.sending else [],
            "targets": [_target(target) for target in self.targets.all] if self.targets else [],
            "saved": [path.name for path in self.saved],
            "viewers": self._viewers.count,
            "rates": self.rates(),
        }


def _target(target: Target) -> dict[str, Any]:
    """Without what may be secret in a URL: everybody who looks gets it."""
    sender = target.sender
    return {"number": target.number, "to": sender.line.address, "text": target.line, "failed": bool(target.problem)}


def _settings(config: Config, accepted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "models": config.models.set if config.models.set in accepted["models"] else "",
        "max_faces": config.track.max_faces,
        "detect_every": config.track.detect_every,
        "smooth": config.smooth.enabled,
        "mirror": config.camera.mirror,
    }
