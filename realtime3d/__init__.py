"""Follow faces in 3D, live: pose, expression and identity of a morphable model.

    import realtime3d as r3d

    with r3d.FaceTracker() as tracker:
        for result in tracker.track("clip.mp4"):
            for face in result.faces:
                print(face.id, face.euler_deg(), face.blendshapes()["jawOpen"])

Names are imported when first used: `import realtime3d` loads neither nets nor cv2.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from realtime3d.process import turn_off_telemetry

if TYPE_CHECKING:
    from realtime3d.avatar.options import SendOptions as SendOptions
    from realtime3d.backends.choose import create_backend as create_backend
    from realtime3d.backends.shared import SharedBackend as SharedBackend
    from realtime3d.config import Config as Config
    from realtime3d.errors import MissingError as MissingError
    from realtime3d.errors import OutputError as OutputError
    from realtime3d.errors import Realtime3dError as Realtime3dError
    from realtime3d.errors import SourceError as SourceError
    from realtime3d.errors import UsageError as UsageError
    from realtime3d.face.model import FaceModel as FaceModel
    from realtime3d.face.state import FaceState as FaceState
    from realtime3d.face.state import FrameResult as FrameResult
    from realtime3d.geometry import Camera as Camera
    from realtime3d.jobs import Job as Job
    from realtime3d.pipeline import Summary as Summary
    from realtime3d.render.base import OverlayStyle as OverlayStyle
    from realtime3d.render.base import Renderer as Renderer
    from realtime3d.render.choose import create_renderer as create_renderer
    from realtime3d.replay import read_table as read_table
    from realtime3d.running import run as run
    from realtime3d.sinks.base import Sink as Sink
    from realtime3d.sinks.meshes import write_mesh as write_mesh
    from realtime3d.sources.base import Source as Source
    from realtime3d.sources.base import SourceOptions as SourceOptions
    from realtime3d.sources.choose import open_source as open_source
    from realtime3d.tracker import FaceTracker as FaceTracker
    from realtime3d.tracking.likeness import Likeness as Likeness
    from realtime3d.tracking.likeness import same_person as same_person
    from realtime3d.types import FaceBox as FaceBox
    from realtime3d.types import FaceCoeffs as FaceCoeffs
    from realtime3d.types import Frame as Frame
    from realtime3d.types import Pose as Pose

__version__ = "1.0.0"

turn_off_telemetry()

_HOMES = {
    "Camera": "geometry",
    "Config": "config",
    "FaceBox": "types",
    "FaceCoeffs": "types",
    "FaceModel": "face.model",
    "FaceState": "face.state",
    "FaceTracker": "tracker",
    "Frame": "types",
    "FrameResult": "face.state",
    "Job": "jobs",
    "Likeness": "tracking.likeness",
    "MissingError": "errors",
    "OutputError": "errors",
    "OverlayStyle": "render.base",
    "Pose": "types",
    "Realtime3dError": "errors",
    "Renderer": "render.base",
    "SharedBackend": "backends.shared",
    "Sink": "sinks.base",
    "Source": "sources.base",
    "SourceError": "errors",
    "SendOptions": "avatar.options",
    "SourceOptions": "sources.base",
    "Summary": "pipeline",
    "UsageError": "errors",
    "create_backend": "backends.choose",
    "create_renderer": "render.choose",
    "open_source": "sources.choose",
    "read_table": "replay",
    "run": "running",
    "same_person": "tracking.likeness",
    "write_mesh": "sinks.meshes",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'realtime3d' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"realtime3d.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
