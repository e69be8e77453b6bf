"""What server and page say to each other; docs/page-messages.md is this file in words.

Server to page: text is one JSON object with `type`; binary is a JSON header with parts behind it. Page to server: text
is one JSON object with `do`; binary is a JPEG of the browser's camera.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from realtime3d.avatar.choose import SCHEMES as SEND_SCHEMES
from realtime3d.avatar.choose import chosen, parse
from realtime3d.config import ModelSettings, TrackerSettings
from realtime3d.errors import UsageError
from realtime3d.face.model import FaceModel
from realtime3d.face.state import FrameResult
from realtime3d.geometry import Camera, checked_boxes
from realtime3d.outside import from_json
from realtime3d.render.base import MODES
from realtime3d.render.shading import Topology, edges_of
from realtime3d.types import FloatArray
from realtime3d.view.web.face_values import camera_values, face_values
from realtime3d.view.web.packing import STEP_MM, pack, quantised

VERSION = 1
MAX_TEXT = 20_000  # characters of a message of the page
MAX_NAME = 500
SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt", "udp")  # of streams that a page may name
KINDS = ("csv", "jsonl", "livelink-csv", "glb", "overlay")  # that a page may record
SCHEMES_OUT = tuple(scheme for name, scheme in SEND_SCHEMES.items() if name != "-")
MAX_PX = 100_000  # of a box's sides
MAX_TARGETS = 16  # to which a page may send
MODEL_SETS = ("default", "compact", "accurate")  # a page names no folders


# -- to the page ------------------------------------------------------------------------------------------------------


def mesh_message(model: FaceModel) -> bytes:
    """What stays the same from frame to frame: triangles, the wire's edges, what of the head is drawn, colours."""
    shape = Topology.of(model)
    tint = np.concatenate([shape.tint[:, ::-1], 255 * shape.tinted], axis=1)  # RGB, and how much of it
    return pack(
        {
            "type": "mesh",
            "version": VERSION,
            "vertices": len(model.mean),
            "drawn": shape.drawn,
            "step_mm": STEP_MM,
            "weights": list(model.arkit_names),
        },
        {
            "triangles": shape.triangles.astype("<u2").tobytes(),
            "edges": edges_of(shape.triangles[: shape.drawn], shape.outline[: shape.drawn]).astype("<u2").tobytes(),
            "cover": np.round(shape.cover * 255).astype(np.uint8).tobytes(),
            "see_through": np.round(shape.seen_through * 255).astype(np.uint8).tobytes(),
            "tint": np.round(tint).astype(np.uint8).tobytes(),
        },
    )


class Wants(NamedTuple):
    """What a viewer's frames hold beside their numbers."""

    picture: bool = True
    vertices: bool = True
    hidden: bool = False  # which of the vertices something lies before


class FrameMessage:
    """One result, as each viewer wants it; what is costly is made once, and only if somebody wants it."""

    def __init__(
        self,
        result: FrameResult,
        rates: Mapping[str, float],
        encode: Callable[[Any], bytes],
        hidden: Callable[[FrameResult], Mapping[str, bytes]] = lambda result: {},
    ) -> None:
        self._result, self._rates, self._encode, self._hide = result, rates, encode, hidden
        self._made: dict[Wants, bytes] = {}

    def bytes_for(self, wants: Wants) -> bytes:
        if wants not in self._made:
            parts = {"picture": self._picture} if wants.picture else {}
            if wants.vertices:
                parts |= self._vertices
            if wants.hidden:
                parts |= self._hidden
            self._made[wants] = pack(self._header, parts)
        return self._made[wants]

    @cached_property
    def _picture(self) -> bytes:
        return self._encode(self._result.frame.image)

    @cached_property
    def _vertices(self) -> dict[str, bytes]:
        return {f"vertices_{face.id}": quantised(face.vertices_head()) for face in self._result.faces}

    @cached_property
    def _hidden(self) -> Mapping[str, bytes]:
        return self._hide(self._result)

    @cached_property
    def _header(self) -> dict[str, Any]:
        frame = self._result.frame
        height, width = frame.image.shape[:2]
        return {
            "type": "frame",
            "index": frame.index,
            "t": frame.t_ns / 1e9,
            "size": [width, height],
            "camera": camera_values(self._result.camera or Camera.from_fov(width, height)),
            "faces": [face_values(face) for face in self._result.faces],
            "lost": list(self._result.lost),
            "dropped": self._result.dropped,
            "rates": dict(self._rates),
        }


# -- from the page ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """A checked message of the page."""

    do: str
    value: Any = None


def read_wish(text: str) -> Wish:
    """The wish in a message, or a `UsageError` that says what is wrong with it."""
    if len(text) > MAX_TEXT:
        raise UsageError(f"a message has at most {MAX_TEXT} characters, not {len(text)}")
    try:
        message = from_json(text)
    except ValueError:
        raise UsageError("a message is a JSON object with `do`") from None
    do = message.get("do") if isinstance(message, dict) else None
    if not isinstance(do, str) or do not in _CHECKS:
        raise UsageError(f"`do` is one of {', '.join(_CHECKS)}")
    return Wish(do, _CHECKS[do](message))


def _nothing(message: Mapping[str, Any]) -> None:
    return None


def _source(message: Mapping[str, Any]) -> tuple[str, str]:
    kind, name = message.get("kind"), message.get("name", "")
    if not isinstance(name, str) or len(name) > MAX_NAME or not name.isprintable():
        raise UsageError("`name` is a text of one line")
    if kind == "camera" and not re.fullmatch(r"\d{1,3}", name, re.ASCII):
        raise UsageError("a camera of the server is named by its number: 0, 1, ...")
    if kind == "stream" and not re.match(rf"({'|'.join(SCHEMES)})://[^\s]+$", name):
        raise UsageError(f"a stream's address begins with {', '.join(f'{s}://' for s in SCHEMES)}")
    if kind not in ("clip", "camera", "stream", "upload", "browser", "given"):
        raise UsageError("`kind` is one of given, clip, camera, stream, upload, browser")
    return kind, name


def _settings(message: Mapping[str, Any]) -> dict[str, Any]:
    """Options as `Config.with_options` takes them."""
    given = {key: message[key] for key in ("models", "max_faces", "detect_every", "smooth", "mirror") if key in message}
    if not given:
        raise UsageError("name a setting: models, max_faces, detect_every, smooth or mirror")
    if "models" in given and given["models"] not in MODEL_SETS:
        raise UsageError(f"`models` is one of {', '.join(MODEL_SETS)}")
    from realtime3d.config import Config

    Config().with_options(given)  # refuses wrong types and ranges
    return given


def _mode(message: Mapping[str, Any]) -> str:
    mode = message.get("mode")
    if mode not in MODES:
        raise UsageError(f"`mode` is one of {', '.join(MODES)}")
    return str(mode)


def _kinds(message: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = message.get("kinds", list(KINDS))
    if not isinstance(kinds, list) or not kinds or not all(kind in KINDS for kind in kinds):
        raise UsageError(f"`kinds` lists some of {', '.join(KINDS)}")
    return tuple(dict.fromkeys(kinds))


def _wants(message: Mapping[str, Any]) -> Wants:
    wants = Wants(**{key: message[key] for key in Wants._fields if key in message})
    if not all(isinstance(value, bool) for value in wants):
        raise UsageError("`picture`, `vertices` and `hidden` are true or false")
    return wants


def _target(message: Mapping[str, Any]) -> str:
    """The URL of a program that gets values; standard output belongs to who started the server."""
    url = message.get("url")
    if not isinstance(url, str) or len(url) > MAX_NAME or not url.isprintable() or url == "-":
        raise UsageError(f"`url` is an address like {SCHEMES_OUT[0].example}")
    chosen(parse(url))
    return url


def _number(message: Mapping[str, Any]) -> int:
    number = message.get("number")
    if not isinstance(number, int) or isinstance(number, bool):
        raise UsageError("`number` is that of a target in the state")
    return number


def _box(message: Mapping[str, Any]) -> FloatArray:
    """(1, 4) px of the picture as it is shown."""
    box = message.get("box")
    if not isinstance(box, list) or not all(type(side) in (int, float) and abs(side) <= MAX_PX for side in box):
        raise UsageError("`box` is [left, top, right, bottom] in px")
    return checked_boxes([box])


def _on(message: Mapping[str, Any]) -> bool:
    if not isinstance(message.get("on"), bool):
        raise UsageError("`on` is true or false")
    return bool(message["on"])


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "wants": _wants,
    "start": _source,
    "stop": _nothing,
    "pause": _on,
    "use": _settings,
    "mode": _mode,
    "relearn": _nothing,
    "recentre": _nothing,
    "neutral": _nothing,
    "snapshot": _nothing,
    "record": _kinds,
    "end_record": _nothing,
    "box": _box,
    "send": _target,
    "unsend": _number,
}
FREE = ("wants",)  # what somebody may ask who only watches


def limits() -> dict[str, Any]:
    """What the page needs to know to offer only what is accepted."""
    faces = TrackerSettings.__dataclass_fields__["max_faces"].metadata
    return {
        "modes": list(MODES),
        "models": list(MODEL_SETS),
        "kinds": list(KINDS),
        "max_faces": [int(faces["low"]), 16],
        "default_models": ModelSettings().set,
        "protocols": [{"example": scheme.example, "what": scheme.what} for scheme in SCHEMES_OUT],
    }
