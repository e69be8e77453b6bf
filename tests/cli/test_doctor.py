"""`realtime3d doctor` says what there is, what is missing, and whether the main job works."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from realtime3d import cli, guest
from realtime3d.backends import engines
from realtime3d.cli import checks
from realtime3d.cli.checks import Finding
from realtime3d.errors import MissingError, extra_line, reinstall_line
from realtime3d.nets import modelset


def report(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(["doctor", *words])
    return code, capsys.readouterr().out


def test_a_working_install_is_0_and_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = report(capsys)
    assert code == 0, out
    for word in (
        "realtime3d ",
        "Python ",
        "mediapipe ",
        "CPU: ",
        "back end onnxruntime",
        "following a face works",
    ):
        assert word in out
    for name in modelset.names():
        for file in modelset.find(name).files.values():
            assert file.path.name in out
            assert file.sha256[:16] in out


def test_quiet_is_silent_when_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(capsys, "-q") == (0, "")


def test_a_changed_model_file_is_3_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models"
    shutil.copytree(modelset.default_folder(), folder)
    broken = next(iter(modelset.find().nets.values())).file.name
    data = bytearray((folder / broken).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / broken).write_bytes(data)
    monkeypatch.setattr(modelset, "default_folder", lambda: folder)
    code, out = report(capsys)
    assert code == 3
    assert broken in out
    assert "[FAIL]" in out


def check_that(*findings: Finding) -> Callable[[], Iterator[Finding]]:
    return lambda: iter(findings)


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("note", 0), ("missing", 0), ("broken", 3)])
def test_only_what_breaks_the_main_job_counts(
    level: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("versions", "machine", "cameras", "models", "engines", "extras"):
        monkeypatch.setattr(checks, name, check_that())
    monkeypatch.setattr(checks, "main_job", check_that(Finding(level, "a thing", "do this")))  # type: ignore[arg-type]
    found, out = report(capsys)
    assert found == code
    assert "a thing" in out
    assert "-> do this" in out


def test_missing_system_libraries_give_their_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def fails(name: str, *rest: object) -> object:
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
        return real(name)

    monkeypatch.setattr(importlib, "import_module", fails)
    found = [finding for finding in checks.versions() if finding.level == "broken"]
    assert found[0].text.startswith("opencv")
    assert found[0].remedy == "apt-get install -y libgl1 libglib2.0-0 libegl1 libgles2"


@pytest.mark.parametrize(
    ("version", "level", "says"),
    [
        ("1.24.4", "note", "tested with 1.26 to 2.5: this one is older"),
        ("1.26.4", "ok", "tested with 1.26 to 2.5"),
        ("2.5.9", "ok", "tested with 1.26 to 2.5"),
        ("2.10.0rc1", "ok", "tested with 1.26 to 2.5; this one is newer"),
    ],
)
def test_versions_stand_beside_what_was_tested(version: str, level: str, says: str) -> None:
    finding = checks._against_tested("numpy", version, "pip install --upgrade numpy")
    assert (finding.level, finding.text) == (level, f"numpy {version}, {says}")
    assert finding.remedy == ("pip install --upgrade numpy" if level == "note" else "")


def test_two_wheels_of_cv2_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [SimpleNamespace(metadata={"Name": name}) for name in ("opencv-contrib-python", "opencv-python")]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: both)
    (finding,) = checks._one_cv2()
    assert "pip uninstall -y opencv-python " in finding.remedy


def test_own_files_are_restored_from_where_they_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "__file__", str(tmp_path / "realtime3d" / "cli" / "checks.py"))
    assert checks.restore_line() == f"git -C '{tmp_path}' checkout -- models"
    (tmp_path / "realtime3d" / "_models").mkdir(parents=True)
    assert checks.restore_line() == reinstall_line()


def test_a_missing_extra_gives_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv(guest.FACE_MESH, str(tmp_path))
    findings = list(checks.extras())
    assert [finding.level for finding in findings] == ["missing"] * (len(checks.EXTRAS) + 1)
    assert findings[-1].remedy.endswith(f"pip install {guest.FACE_MESH_PACKAGE}")
    assert findings[0].remedy == extra_line(next(iter(checks.EXTRAS)))


def test_nets_that_do_not_load_break_the_main_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise MissingError("no nets here: reinstall")

    monkeypatch.setattr(modelset, "find", missing)
    (finding,) = checks.main_job()
    assert finding.level == "broken"
    assert "no nets here" in finding.text


def test_a_check_that_fails_is_a_finding_and_not_a_crash() -> None:
    def cameras() -> Iterator[Finding]:
        yield Finding("ok", "first")
        raise ImportError("no such library")

    found = list(checks.findings(cameras))
    assert [finding.level for finding in found] == ["ok", "broken"]
    assert found[1].text == "cameras: ImportError: no such library"


def test_engines_are_listed_with_their_parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engines.FOLDER_VARIABLE, str(tmp_path))
    info = engines.EngineInfo(
        "compact.track", "0" * 64, "tensorrt_rtx", "1.7", "sm86", "fp16", (1, 4, 16), "1" * 64, 5, "2026", 1.0,
        {"onnxruntime": {"rotation_deg": 0.1}, "device": {"rotation_deg": 0.00123}},
    )  # fmt: skip
    engines.save(tmp_path / "compact_track.sm86.fp16.engine", b"bytes", info)
    (tmp_path / "alone.sm86.fp16.engine").write_bytes(b"no sidecar")
    alone, whole = checks.engines()
    assert alone.level == "note"
    assert "no sidecar" in alone.remedy
    assert "compact_track.sm86.fp16.engine (tensorrt_rtx 1.7" in whole.text
    assert whole.text.endswith("parity in onnxruntime: rotation_deg 0.1; device: rotation_deg 0.0012")


def test_verdicts_of_the_parity_gate_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engines.FOLDER_VARIABLE, str(tmp_path))
    made_of = {"onnx_sha256": "0" * 64, "library": "openvino", "version": "2026", "precision": "bf16"}
    for name, degrees in (("fine", 0.1), ("far", 0.4)):
        text = json.dumps({**made_of, "parity": {"rotation_deg": degrees}, "ms": 2.0, "single_ms": 3.0})
        (tmp_path / f"{name}_track.openvino.bf16.json").write_text(text)
    (tmp_path / "broken.openvino.bf16.json").write_text("{}")
    broken, far, fine = checks.verdicts()
    assert (broken.level, far.level, fine.level) == ("note", "note", "ok")
    assert "delete" in broken.remedy
    measured = "2 ms a picture, 3 in single precision, parity rotation_deg 0.4"
    assert far.text == f"far_track in bf16 on openvino: refused, {measured}"
    assert fine.text.startswith("fine_track in bf16 on openvino: let through, 2 ms a picture")
