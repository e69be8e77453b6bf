"""The JSON file beside a table: what the numbers mean and how the run went."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import OutputError
from realtime3d.sinks.sidecar import SidecarSink
from tests.helpers.io_faces import face, result


def test_the_sidecar_says_what_the_numbers_mean_and_when_identities_froze(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    sidecar = SidecarSink(path, {"source": {"name": "clip.mp4"}, "models": {"track": {"sha256": "00"}}, "settings": {}})
    with sidecar:
        assert json.loads(path.read_text())["state"] == "running"
        sidecar.write(result(0, 0.0, face(0)), None)
        sidecar.write(result(50, 2.0, face(0, frozen=True), dropped=2), None)
        assert json.loads(path.read_text())["identities"] == {"0": {"frozen_at_s": 2.0, "frames": 60}}
    content = json.loads(path.read_text())
    assert content["state"] == "complete"
    assert content["frames"] == {"first": 0, "last": 50, "read": 2, "dropped": 2}
    assert content["camera"]["fx"] == pytest.approx(138.56, abs=0.01)
    assert content["models"]["track"]["sha256"] == "00"
    assert "radians" in content["conventions"]["pose_R"]
    assert content["versions"]["numpy"] == np.__version__


def test_the_sidecar_of_an_interrupted_run_says_so(tmp_path: Path) -> None:
    with SidecarSink(tmp_path / "a.json", {}, interrupted=lambda: True):
        pass
    assert json.loads((tmp_path / "a.json").read_text())["state"] == "interrupted"


def test_the_sidecar_of_a_failed_run_says_why(tmp_path: Path) -> None:
    with pytest.raises(OutputError), SidecarSink(tmp_path / "a.json", {}):
        raise OutputError("the disk is full")
    content = json.loads((tmp_path / "a.json").read_text())
    assert (content["state"], content["error"]) == ("failed", "the disk is full")
