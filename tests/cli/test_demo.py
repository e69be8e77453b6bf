"""`realtime3d demo`: everything at once, on the bundled clip, with the nets that ship."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import av
import pytest

from realtime3d import cli
from realtime3d.demo import load_truth


def test_it_writes_video_table_sidecar_and_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "folder"
    assert cli.main(["demo", "--out", str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["demo.csv", "demo.json", "demo.mp4", "demo.png"]
    said = capsys.readouterr().out
    assert "frames/s" in said
    assert all(str(out / f"demo.{kind}") in said for kind in ("csv", "json", "mp4", "png"))
    truth = load_truth()
    with av.open(str(out / "demo.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == len(truth.time)
    with open(out / "demo.csv", newline="") as file:
        assert len({row["frame"] for row in csv.DictReader(file)}) > 0.5 * len(truth.time)
    facts = json.loads((out / "demo.json").read_text())
    assert facts["state"] == "complete"
    assert facts["camera"]["fx"] == pytest.approx(truth.camera.fx, rel=1e-6)  # the clip's own lens
    assert (out / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_it_refuses_to_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "demo.png").write_text("precious")
    assert cli.main(["demo", "--out", str(tmp_path)]) == 5
    assert "--overwrite" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]
