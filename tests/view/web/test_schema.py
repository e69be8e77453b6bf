"""The schema in docs says what the server accepts; what it sends is checked wherever a test listens."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime3d.errors import UsageError
from realtime3d.view.web.messages import _CHECKS, read_wish
from tests.helpers.page_server import schema

pytest.importorskip("jsonschema", reason="jsonschema is not installed")

GOOD: list[dict[str, Any]] = [
    {"do": "wants"},
    {"do": "wants", "picture": False, "vertices": True},
    {"do": "start", "kind": "clip"},
    {"do": "start", "kind": "stream", "name": "rtsp://camera/1"},
    {"do": "stop"},
    {"do": "pause", "on": True},
    {"do": "use", "smooth": False, "max_faces": 3},
    {"do": "mode", "mode": "wire"},
    {"do": "relearn"},
    {"do": "recentre"},
    {"do": "neutral"},
    {"do": "snapshot"},
    {"do": "record"},
    {"do": "record", "kinds": ["csv", "glb"]},
    {"do": "end_record"},
    {"do": "box", "box": [1, 2, 30.5, 40]},
    {"do": "send", "url": "vmc://127.0.0.1"},
    {"do": "unsend", "number": 1},
]
BAD: list[Any] = [
    {},
    {"do": "explode"},
    {"do": "pause"},
    {"do": "use"},
    {"do": "use", "smooth": "yes"},
    {"do": "start", "kind": "video", "name": "/etc/passwd"},
    {"do": "record", "kinds": []},
    {"do": "box", "box": [1, 2, 3]},
    {"do": "send"},
    {"do": "unsend", "number": "1"},
    [],
]


@pytest.mark.parametrize("message", GOOD, ids=json.dumps)
def test_what_the_schema_allows_is_understood(message: dict[str, Any]) -> None:
    schema("wish").validate(message)
    assert read_wish(json.dumps(message)).do == message["do"]


def test_the_schema_knows_every_wish() -> None:
    assert {message["do"] for message in GOOD} == set(_CHECKS)


@pytest.mark.parametrize("message", BAD, ids=json.dumps)
def test_what_the_schema_forbids_is_refused(message: Any) -> None:
    assert not schema("wish").is_valid(message)
    with pytest.raises(UsageError):
        read_wish(json.dumps(message))
