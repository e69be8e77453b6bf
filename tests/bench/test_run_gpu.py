"""The script for machines with a GPU, with commands that only answer: what it calls, and how it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

SCRIPT = ROOT / "benchmarks" / "run_gpu.sh"
BACKENDS = ("onnxruntime", "openvino-bf16", "onnxruntime-cuda", "torch", "torch-compile", "tensorrt")
PYTHON = """#!/bin/bash
echo "$@" >>"$CALLS"
case " $* " in $REFUSED) exit "$CODE" ;; esac
while [ $# -gt 0 ]; do [ "$1" = --json ] && echo '{}' >"$2"; shift; done
"""

if os.name == "nt" or not shutil.which("bash"):
    pytest.skip("needs bash", allow_module_level=True)


def run(folder: Path, refused: str = "", code: int = 0, gpu: bool = True) -> tuple[int, str, str]:
    """Exit code, what it said, and the commands it called; those that match `refused` end with `code`."""
    tools = folder / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "tee", "mkdir", "rm", "cp"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    stubs = {"python": PYTHON} | ({"nvidia-smi": "#!/bin/bash\necho H200\n"} if gpu else {})
    for name, text in stubs.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    calls = folder / "calls"
    settings = {"PATH": str(tools), "CALLS": str(calls), "REFUSED": refused, "CODE": str(code)}
    settings["REALTIME3D_ENGINES"] = str(folder / "engines")
    done = subprocess.run(
        ["bash", str(SCRIPT), str(folder / "out")],
        env=settings,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, calls.read_text() if calls.exists() else ""


def test_every_back_end_is_measured_and_compared(tmp_path: Path) -> None:
    code, said, calls = run(tmp_path)
    assert code == 0 and "failed" not in said and "not on this machine" not in said
    assert {path.stem for path in (tmp_path / "out").glob("*.json")} == set(BACKENDS)
    assert calls.count("bench --compare") == len(BACKENDS) - 1
    assert "-m pytest -q -m gpu" in calls and calls.count("realtime3d build") == 2
    assert "H200" in (tmp_path / "out" / "gpu.log").read_text()


def test_older_results_are_not_compared_with(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("torch", "mine"):
        (tmp_path / "out" / f"{name}.json").write_text("old")
    code, _, calls = run(tmp_path, "*--backend torch *", 3)
    assert code == 0 and not (tmp_path / "out" / "torch.json").exists()
    assert (tmp_path / "out" / "mine.json").read_text() == "old" and calls.count("bench --compare") == len(BACKENDS) - 2


def test_what_this_machine_cannot_have_is_named_and_no_failure(tmp_path: Path) -> None:
    code, said, calls = run(tmp_path, "*tensorrt*", 3)
    assert code == 0 and "not on this machine: bench-tensorrt" in said
    assert "compare-tensorrt" not in said and "torch.json" in calls


def test_a_failure_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    code, said, calls = run(tmp_path, "*-m gpu*", 1)
    assert code == 1 and "failed: tests" in said and "doctor" in calls.splitlines()[-1]


def test_without_a_gpu_it_ends_at_once(tmp_path: Path) -> None:
    code, said, calls = run(tmp_path, gpu=False)
    assert code == 3 and "no nvidia-smi" in said and calls == "" and not (tmp_path / "out").exists()
