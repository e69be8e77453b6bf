"""Every scenario runs from end to end on the bundled clip; how fast is not a test's business."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from realtime3d import guest
from realtime3d.bench import live, measure, streams
from realtime3d.bench import run as bench
from realtime3d.bench.live import _paced
from realtime3d.bench.peers.spec import KNOWN
from realtime3d.bench.scenarios import QUICK, SCENARIOS
from realtime3d.bench.scenes import sized
from realtime3d.cli import main
from tests.helpers.face_mesh import needs_face_mesh

TINY = measure.Effort(repeats=3, block_s=0.01, warm_up_s=0.0, settle_s=0.1, long_run=12)
EXPECTED = {  # scenario -> a metric it must have
    "nets": "face_ms",
    "pipeline": "fps",
    "overlay": "fps",
    "encoding": "fps",
    "peer": "times_as_fast",
    "peers": "openseeface_times_as_fast",
    "latency": "p95_ms",
    "faces": "further_face_of_8_cpu",
    "sizes": "fps_4K",
    "detector": "fps_every_60",
    "streams": "streams_at_15_fps",
    "cold-start": "until_first_result_s",
    "memory": "growth",
}


@pytest.fixture(autouse=True)
def little_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "EFFORTS", {"quick": TINY, "full": TINY})
    monkeypatch.setattr(live, "BATCH_OF_FRAMES", 3)
    monkeypatch.setattr(streams, "LIMIT", 2)
    monkeypatch.setattr(streams, "PROBE_S", 0.1)


def options(net_folder: Path) -> list[str]:
    """Nets that see a face in every crop, so that tracking goes on as with trained ones."""
    return ["--models", str(net_folder), "--backend", "fake"]


def test_every_scenario_is_expected() -> None:
    assert set(EXPECTED) == set(SCENARIOS) and set(QUICK) <= set(SCENARIOS)


@pytest.mark.parametrize("name", [pytest.param(n, marks=needs_face_mesh) if n == "peer" else n for n in SCENARIOS])
def test_a_scenario_from_the_command_to_the_report(
    name: str, net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "memory" and not sys.platform.startswith("linux"):
        pytest.skip("this system does not say how much memory a process holds")
    out, text, picture = tmp_path / "r.json", tmp_path / "r.md", tmp_path / "r.png"
    words = ["bench", "--scenario", name, "--json", str(out), "--report", str(text), "--report", str(picture)]
    if name == "peers":
        words += ["--peer", f"openseeface={write_checkout(tmp_path)}", "--peer-python", f"openseeface={sys.executable}"]
    assert main([*words, *options(net_folder)]) == 0, capsys.readouterr().err
    found = json.loads(out.read_text())
    assert list(found["scenarios"]) == [name] and found["missing"] == {}
    metric = found["scenarios"][name]["metrics"][EXPECTED[name]]
    assert metric["values"] and (metric["median"] > 0 or name in ("memory", "streams"))
    assert found["models"]["files"]["track"] and found["software"]["onnxruntime"]
    assert found["backend"] == {"name": "fake", "device": "cpu", "threads": 2}
    assert EXPECTED[name] in text.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")


def write_checkout(folder: Path) -> Path:
    """What looks like a checkout of OpenSeeFace, with a tracker that always sees one face."""
    for file in KNOWN["openseeface"].files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text("")
    tracker = (
        "class Tracker:\n    def __init__(self, *sizes, **options): ...\n    def predict(self, frame): return [0]\n"
    )
    (folder / "tracker.py").write_text(f"import onnxruntime, cv2\n{tracker}")
    return folder


def test_quick_begins_nothing_when_its_time_is_over(
    net_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(bench.EFFORTS, "quick", replace(TINY, last_start_s=0.0))
    out = tmp_path / "r.json"
    assert main(["bench", "--quick", "--json", str(out), *options(net_folder)]) == 0
    found = json.loads(out.read_text())
    assert found["scenarios"] == {} and set(found["missing"]) == set(QUICK)
    assert "no time left for it: ask for it with --scenario" in capsys.readouterr().out
    assert (
        main(["bench", "--quick", "--scenario", "nets", "--json", str(out), "--overwrite", *options(net_folder)]) == 0
    )
    assert set(json.loads(out.read_text())["scenarios"]) == {"nets"}  # what is asked for by name is measured


def test_existing_files_are_not_replaced(net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.json"
    out.write_text("mine")
    assert main(["bench", "--scenario", "nets", "--json", str(out), *options(net_folder)]) == 5
    assert out.read_text() == "mine" and "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--scenario", "nothing"], 2, "no scenario 'nothing': choose from nets, pipeline"),
        (["--scenario", "peers"], 2, "no peer is named: add --peer openseeface=DIR"),
        (["--peer", "openseeface=nowhere"], 3, "is no complete checkout of OpenSeeFace"),
        (["--report", "faces.pdf"], 2, "name a file that ends in .md or .png"),
        (["--scenario", "pipeline", "--clip", "nowhere.mp4"], 4, "nowhere.mp4"),
        (["--scenario", "nets", "--models", "/nowhere/at/all"], 3, "models.toml"),
        (["--quick", "--compare", "a", "b"], 2, "not allowed with"),
    ],
)
def test_wrong_words(
    net_folder: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        found = main(["bench", *options(net_folder), *words])
    except SystemExit as end:
        found = int(end.code or 0)
    assert found == code and message in capsys.readouterr().err


def test_a_part_that_is_missing_is_said_and_the_rest_goes_on(
    net_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(guest.FACE_MESH, str(tmp_path / "no environment"))
    out = tmp_path / "r.json"
    words = ["bench", "--scenario", "peer", "--scenario", "nets", "--json", str(out), *options(net_folder)]
    assert main(words) == 0
    found = json.loads(out.read_text())
    assert list(found["scenarios"]) == ["nets"] and "an environment of its own" in found["missing"]["peer"]


def test_an_interrupted_run_keeps_what_it_has(
    net_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(bench: object) -> None:
        """Ctrl-C comes at once."""
        raise KeyboardInterrupt

    monkeypatch.setattr("realtime3d.bench.pipeline.pipeline", interrupted)
    out = tmp_path / "r.json"
    words = ["bench", "--scenario", "pipeline", "--scenario", "nets", "--json", str(out), *options(net_folder)]
    assert main(words) == 130
    assert list(json.loads(out.read_text())["scenarios"]) == ["nets"]


def test_the_list_has_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(SCENARIOS)


def test_a_slow_consumer_drops_frames_and_ages_tell() -> None:
    import time

    import numpy as np

    images = sized((np.zeros((48, 64, 3), np.uint8),), 64, 48)
    ages, dropped = _paced(images, 0.5, lambda frame: time.sleep(0.1))
    assert len(ages) + dropped == 15 and dropped >= 5 and min(ages) >= 100


def test_a_failing_consumer_is_not_hidden_and_does_not_hang() -> None:
    import numpy as np

    def fail(frame: object) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        _paced((np.zeros((4, 4, 3), np.uint8),), 0.1, fail)
