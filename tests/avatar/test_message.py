"""Our own messages keep to the schema in docs/protocol.md."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from realtime3d.avatar.base import neutral_frame
from realtime3d.avatar.message import Messages
from realtime3d.face.state import FaceState
from tests.helpers.avatars import counted, frame, tracked
from tests.helpers.paths import FACE_MODEL, ROOT


def schema() -> dict:
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    return json.loads(re.findall(r"^```json\n(.*?)^```$", text, re.M | re.S)[-1])


def smiling() -> FaceState:
    """A face with a broad smile in its coefficients."""
    face = tracked()
    with np.load(FACE_MODEL) as data:
        smile = [list(face.model.arkit_names).index(f"mouthSmile{side}") for side in ("Left", "Right")]
        motion = 0.9 * data["arkit_to_motion"][:, smile].sum(axis=1)
    return replace(face, expression=motion[: face.model.n_expression].astype(np.float32), weights=None)


def test_what_it_says_of_a_face() -> None:
    (text,) = Messages().packets([frame(counted(), turn=(10, 20, -5), place=(1, 2, 3))])
    message = json.loads(text)
    assert (message["protocol"], message["version"], message["type"]) == ("realtime3d", 1, "faces")
    assert (message["frame"], message["time"]) == (45, 1.5)
    (face,) = message["faces"]
    assert face["head"]["rotation"] == [10, 20, -5] and face["head"]["position"] == [1, 2, 3]
    assert face["head"]["quaternion"][0] == pytest.approx(0.98, abs=0.01)  # w first
    assert face["weights"]["jawOpen"] == round(counted()["jawOpen"], 4)
    assert len(face["weights"]) == 52


def test_nobody_and_the_end() -> None:
    assert json.loads(Messages().packets([neutral_frame(2.0, 60)])[0])["faces"] == []
    (end,) = Messages().goodbye(2.0)
    assert json.loads(end) == {"protocol": "realtime3d", "version": 1, "type": "end", "time": 2.0}


def test_what_a_face_shows_comes_on_request() -> None:
    face = smiling()
    seen, gone = frame(counted(), face=face), frame(counted(), face_id=1, present=False)
    both = Messages(action_units=True, emotions=True)
    first, second = json.loads(both.packets([seen, gone])[0])["faces"]
    assert first["action_units"]["AU12"] > 2 and first["action_units"]["AU23"] is None
    assert max(first["emotions"], key=first["emotions"].get) == "happiness"
    assert sum(first["emotions"].values()) == pytest.approx(1, abs=0.01)
    assert not {"action_units", "emotions"} & set(second)
    rest = {name: max(value - 0.01, 0.0) for name, value in face.blendshapes().items()}
    (counted_from_rest,) = json.loads(Messages(action_units=True, neutral=rest).packets([seen])[0])["faces"]
    assert counted_from_rest["action_units"]["AU12"] < 1 and "emotions" not in counted_from_rest
    assert "action_units" not in json.loads(Messages().packets([seen])[0])["faces"][0]


def test_every_message_keeps_to_the_schema() -> None:
    if importlib.util.find_spec("jsonschema") is None:
        pytest.skip("jsonschema is not installed")
    import jsonschema

    checker = jsonschema.Draft202012Validator(schema())
    messages = [
        *Messages().packets([frame(counted()), frame(face_id=5, present=False)]),
        *Messages(action_units=True, emotions=True).packets([frame(counted(), face=tracked(counted()))]),
        *Messages().packets([neutral_frame()]),
        *Messages().goodbye(1.0),
    ]
    for text in messages:
        checker.validate(json.loads(text))
    wrong = json.loads(messages[0])
    wrong["faces"][0]["weights"]["jawOpen"] = 2.0
    assert not checker.is_valid(wrong)
    assert not checker.is_valid({**json.loads(messages[0]), "version": 2})
