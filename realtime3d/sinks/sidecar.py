"""The JSON file beside a table: everything needed to understand its numbers later."""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from realtime3d.clock import to_s
from realtime3d.errors import OutputError
from realtime3d.face.state import FrameResult
from realtime3d.files import write_whole
from realtime3d.geometry import Camera
from realtime3d.outside import from_json
from realtime3d.process import system_name
from realtime3d.sinks.columns import timestamp
from realtime3d.types import Image

if TYPE_CHECKING:
    from typing_extensions import Self

FORMAT = 1
LARGEST_PX, FARTHEST_PX = 100_000, 1e7  # of a picture that is believed, and of a camera's other numbers
DISTORTIONS = (0, 4, 5, 8, 12, 14)  # numbers of a lens, as OpenCV has them
CONVENTIONS = {
    "frame": "number of the frame in the source, from 0",
    "timestamp": "seconds: presentation time; for live sources since opening",
    "confidence": "0..1",
    "success": "1 tracked, 0 held, or no face where face_id is -1",
    "pose_T": "mm, position of the head's origin in the camera: x right, y down, z forward",
    "pose_R": "radians: R = Rx(pitch) Ry(yaw) Rz(roll), camera from head; pitch positive looks down, yaw positive "
    "turns to the person's own right, roll positive turns clockwise in the picture",
    "pose_q": "the same rotation as a quaternion w, x, y, z",
    "head": "degrees: the same rotation as R = Ry(yaw) Rx(pitch) Rz(roll): where the nose points, yaw to 180, then how "
    "the head is tilted; same signs",
    "box": "px, left, top, width, height of the projected face; (0, 0) is the centre of the top left pixel",
    "exp": "standard deviations of the face model's expression population",
    "id": "standard deviations of the face model's identity population; the cached value of the face",
    "blendshapes": "0..1, ARKit's names; Left and Right are the person's own",
    "raw": "the nets' answers before smoothing and caching",
    "gaze": "gaze_angle_x, gaze_angle_y: radians in the camera, positive to the picture's right and down (OpenFace's); "
    "gaze_left_pitch ... gaze_right_yaw: degrees in the head's frame, pitch positive looks down, yaw positive to the "
    "person's own right; gaze_confidence 0..1, 0 where lids are closed",
    "action_units": "AU01_r ...: FACS's intensities 0 to 5, from weights and geometry; AU23_r is empty",
    "emotions": "probabilities of seven posed emotions, sum 1; what a face looks like, not what somebody feels",
    "landmarks": "x_i, y_i: px, (0, 0) is the centre of the top left pixel; X_i, Y_i, Z_i: mm in the camera, x right, "
    "y down, z forward",
}
SAME_IN_ONE_RUN = ("source", "input", "part", "boxes", "models", "settings", "columns", "rows")
_PACKAGES = ("realtime3d", "numpy", "mediapipe", "onnxruntime", "av", "opencv-contrib-python")


@functools.cache
def versions() -> dict[str, str]:
    """Of Python, the system and the packages that shape the results."""
    found = {"python": platform.python_version(), "system": system_name()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


class SidecarSink:
    """Written when the run starts, when an identity freezes, and when the run ends; `state` says which.

    `facts` holds what the run knows from the start: "source", "models", "settings", "columns", "outputs" ...
    With `resume`, what the killed run knew of frames and identities is kept.
    """

    needs_image = False

    def __init__(
        self,
        path: Path,
        facts: Mapping[str, Any],
        *,
        zero_ns: int = 0,
        every: int = 1,
        resume: bool = False,
        interrupted: Callable[[], bool] = lambda: False,
        outputs: Mapping[str, Path] | None = None,
    ) -> None:
        """`interrupted` is asked at the end: whether the user ended the run before its input ended. `outputs`: the
        files that this one explains, whose sizes are noted when they are complete."""
        self._path, self._zero_ns, self._every, self._interrupted = path, zero_ns, every, interrupted
        self._outputs = outputs or {}
        self._content: dict[str, Any] = {
            "format": FORMAT,
            "state": "running",
            "started": _now(),
            "versions": versions(),
            "conventions": CONVENTIONS,
            **facts,
            "camera": None,
            "frames": {"first": None, "last": None, "read": 0, "dropped": 0},
            "identities": {},
        }
        old = read_sidecar(path) if resume else None
        if old is not None:
            refuse_other_run(path, old, self._content)
            self._content.update({key: old[key] for key in ("started", "frames", "identities") if key in old})
            self._content["resumed"] = [*old.get("resumed", []), _now()]

    def __enter__(self) -> Self:
        self._save()
        return self

    def _save(self) -> None:
        text = json.dumps(self._content, indent=2, ensure_ascii=False, default=_plain, allow_nan=False)
        # Names that are not UTF-8 become lone surrogates, which JSON can spell and UTF-8 cannot.
        write_whole(self._path, text.encode(errors="backslashreplace") + b"\n")

    def write(self, result: FrameResult, image: Image | None) -> None:
        changed = self._count(result)
        for face in result.faces:
            if face.identity.frozen and str(face.id) not in self._content["identities"]:
                self._content["identities"][str(face.id)] = {
                    "frozen_at_s": self._seconds(face.identity.frozen_at_ns, result),
                    "frames": face.identity.frames,
                }
                changed = True
        if changed:
            self._save()

    def _count(self, result: FrameResult) -> bool:
        """Add a frame; whether there is news worth saving at once."""
        frames, news = self._content["frames"], self._content["camera"] is None
        if news:
            self._content["camera"] = _camera(result)
            if frames["first"] is None:
                frames["first"] = result.frame.index
            frames["read"] = -(-(result.frame.index - frames["first"]) // self._every)  # by the run before this one
        frames["read"] += 1
        frames["last"] = result.frame.index
        frames["dropped"] += result.dropped
        return news

    def _seconds(self, t_ns: int | None, result: FrameResult) -> float:
        return timestamp(result, self._zero_ns) if t_ns is None else round(to_s(t_ns - self._zero_ns), 6)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None:
            self._content.update(state="failed", error=str(error) or kind.__name__)
        else:
            self._content["state"] = "interrupted" if self._interrupted() else "complete"
            self._content["bytes"] = sizes(self._outputs)
        self._content["ended"] = _now()
        self._save()


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """The content of a sidecar, None where there is none that this version understands."""
    try:
        content = from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if _is_sidecar(content) else None


def noted_camera(known: Any) -> Camera | None:
    """The camera in the facts of a film or a picture; None where there is none that can be one."""
    if not isinstance(known, dict):
        return None
    width, height = known.get("width"), known.get("height")
    if not (_is_count(width) and _is_count(height) and min(width, height) > 0 and max(width, height) <= LARGEST_PX):
        return None
    if "fx" not in known:  # what is known of a film without a face is its size alone
        return Camera.from_fov(width, height)
    lens = known.get("distortion", [])
    numbers: list[Any] = [known.get(name) for name in ("fx", "fy", "cx", "cy")]
    if not isinstance(lens, list) or len(lens) not in DISTORTIONS:
        return None
    if not all(type(number) in (int, float) and abs(number) < FARTHEST_PX for number in (*numbers, *lens)):
        return None
    fx, fy, cx, cy = map(float, numbers)
    return Camera(fx, fy, cx, cy, width, height, tuple(map(float, lens))) if min(fx, fy) > 0 else None


def _is_sidecar(content: Any) -> bool:
    """Whether everything that is read again has its type."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return False
    frames = content.get("frames")
    return (
        all(isinstance(content.get(key, {}), dict) for key in ("identities", "outputs", "bytes"))
        and isinstance(content.get("resumed", []), list)
        and isinstance(frames, dict)
        and all(_is_count(frames.get(key)) for key in ("read", "dropped"))
        and all(frames.get(key, "") is None or _is_count(frames.get(key)) for key in ("first", "last"))
    )


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 1 << 62


def refuse_other_run(path: Path, old: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """One file holds the results of one input with one set of nets and settings."""
    now = json.loads(json.dumps(facts, default=_plain))
    for key in SAME_IN_ONE_RUN:
        if key in now and old.get(key) != now[key]:
            raise OutputError(
                f"{path} says that the run before had {_other(key, old.get(key), now[key])}: resume with the command "
                "of the first run, or add --overwrite to start anew"
            )


def _other(key: str, old: Any, new: Any) -> str:
    """What differs, as short as it can be said."""
    if isinstance(old, dict) and isinstance(new, dict):
        parts = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        return f"other {key} ({', '.join(parts)})"
    return f"other {key}"


def sizes(outputs: Mapping[str, Path]) -> dict[str, int]:
    """Bytes of each output that is there: what a later `--resume` knows a finished file by."""
    found = {}
    for kind, path in outputs.items():
        if path.is_dir():
            found[kind] = sum(file.stat().st_size for file in path.iterdir())
        elif path.is_file():
            found[kind] = path.stat().st_size
    return found


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _camera(result: FrameResult) -> dict[str, Any]:
    camera = result.camera
    if camera is None:
        height, width = result.frame.image.shape[:2]
        return {"width": width, "height": height}
    return {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height", "distortion")}


def _plain(value: Any) -> Any:
    """What JSON does not know: paths and NumPy's numbers and arrays."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
