"""OpenVINO: which threads answer, and how the form in bfloat16 is let through or refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.backends import engines, gate
from realtime3d.backends.base import NetSpec
from realtime3d.backends.choose import create_backend, open_nets
from realtime3d.backends.openvino_ import TOGETHER, VERDICT, Bfloat16Backend, OpenVinoBackend, matrix_product
from realtime3d.errors import MissingError, OutputError
from realtime3d.nets import modelset
from tests.helpers.tiny_nets import SIZE

pytest.importorskip("openvino")


@pytest.fixture
def spec(net_folder: Path) -> NetSpec:
    return modelset.find(str(net_folder)).nets["track"]


@pytest.fixture
def verdict(spec: NetSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the verdict on the net will be; nothing is there yet."""
    monkeypatch.setenv(engines.FOLDER_VARIABLE, str(tmp_path / "verdicts"))
    return tmp_path / "verdicts" / f"{spec.file.stem}{VERDICT}"


@pytest.fixture
def bfloat16(verdict: Path) -> Bfloat16Backend:
    try:
        return Bfloat16Backend()
    except MissingError as error:
        pytest.skip(str(error))


def images(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("faces", [1, 2, 5])
@pytest.mark.parametrize("threads", [1, 3])
def test_whichever_threads_answer_the_answer_is_the_same(spec: NetSpec, faces: int, threads: int) -> None:
    expected = create_backend("onnxruntime", threads=1).load(spec).run(images(faces))
    net = OpenVinoBackend(threads=threads).load(spec)
    for _ in range(20):  # the first alone, later ones together
        for name, answer in net.run(images(faces)).items():
            np.testing.assert_allclose(answer, expected[name], rtol=1e-4, atol=1e-5)
    net.close()
    net.close()


def test_a_team_takes_any_number_of_faces(spec: NetSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    net = OpenVinoBackend(threads=2).load(spec)
    asked: list[bool] = []
    monkeypatch.setattr(net._pace, "run", lambda work, faces, many: asked.append(many) or work(True))
    for faces in (1, 3, TOGETHER + 3):
        assert {len(answer) for answer in net.run(images(faces)).values()} == {faces}
    assert asked == [False, True, True]


def test_one_thread_is_asked_face_by_face(spec: NetSpec) -> None:
    net = OpenVinoBackend(threads=1).load(spec)
    several = {name: answer.copy() for name, answer in net.run(images(3)).items()}
    for face in range(3):
        for name, answer in net.run(images(3)[face : face + 1]).items():
            np.testing.assert_array_equal(answer[0], several[name][face])
    assert net._team is None


def test_threads_are_a_net_s_own(spec: NetSpec) -> None:
    net = OpenVinoBackend(threads=2).load(spec)
    for request, threads in ((net._alone, 1), (net._team, min(2, os.cpu_count() or 1))):
        compiled = request.get_compiled_model()
        assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
        assert compiled.get_property("NUM_STREAMS") == 1
        assert not compiled.get_property("ENABLE_CPU_PINNING")


def test_the_roofline_s_product_is_one() -> None:
    (found,) = matrix_product(8, "f32", 1)().values()  # type: ignore[attr-defined]
    left, right = np.random.default_rng(0).normal(size=(2, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(found, left @ right, rtol=1e-5, atol=1e-5)


def test_signals_arrive_after_back_ends_came_and_went() -> None:
    code = (
        "import gc, os, signal\n"
        "from realtime3d.backends.choose import create_backend\n"
        "signal.signal(signal.SIGINT, lambda *told: print('arrived'))\n"
        "first = create_backend('openvino'); second = create_backend('openvino')\n"
        "del first; gc.collect(); del second; gc.collect()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "arrived\n"), done.stderr


def test_pictures_that_are_a_view_of_others_are_read_right(spec: NetSpec) -> None:
    net, wide = OpenVinoBackend().load(spec), images(4)
    backwards = wide[::-1, :, ::-1]  # not one after the other in memory
    expected = {name: answer.copy() for name, answer in net.run(np.ascontiguousarray(backwards)).items()}
    for name, answer in net.run(backwards).items():
        np.testing.assert_array_equal(answer, expected[name])


def test_a_processor_without_bfloat16_is_told_and_auto_goes_on(
    spec: NetSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import openvino

    monkeypatch.setattr(openvino.Core, "get_property", lambda core, device, name: ["FP32", "INT8"])
    with pytest.raises(MissingError, match="does not compute in bfloat16") as caught:
        Bfloat16Backend()
    assert caught.value.exit_code == 3
    caplog.set_level("INFO")
    assert create_backend("auto").name != "openvino-bf16"
    assert "not openvino-bf16: this processor does not compute in bfloat16" in caplog.text


def test_a_library_without_its_plugin_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    def broken(core: object, device: str, name: str) -> None:
        raise RuntimeError("Exception from src/core.cpp:1:\nCannot load library 'libopenvino_intel_cpu_plugin.so'\n")

    monkeypatch.setattr(openvino.Core, "get_property", broken)
    with pytest.raises(MissingError, match=r"Cannot load library .*--backend onnxruntime") as caught:
        OpenVinoBackend()
    assert "\n" not in str(caught.value)
    assert create_backend("auto").name != "openvino"  # it goes on


def test_a_net_that_does_not_compile_is_one_line(spec: NetSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    import openvino

    def broken(core: object, *arguments: object) -> None:
        raise RuntimeError("Exception from src/core.cpp:2:\nno memory\n")

    backend = OpenVinoBackend()
    monkeypatch.setattr(openvino.Core, "compile_model", broken)
    with pytest.raises(MissingError, match=r"does not compile tiny\.track \(no memory\)"):
        backend.load(spec)


def test_the_first_load_measures_and_keeps_it(
    bfloat16: Bfloat16Backend, spec: NetSpec, verdict: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bfloat16.load(spec).close()
    kept = json.loads(verdict.read_text())
    assert kept["onnx_sha256"] == spec.sha256 and kept["precision"].startswith("bf16")
    assert 0 < kept["parity"]["rotation_deg"] < 0.3
    assert kept["ms"] > 0 < kept["single_ms"]
    monkeypatch.setattr(gate, "measured", None)  # not measured again
    bfloat16.load(spec).close()


@pytest.mark.parametrize("change", ["onnx_sha256", "version", "device"])
def test_what_was_measured_of_something_else_is_measured_again(
    bfloat16: Bfloat16Backend, spec: NetSpec, verdict: Path, change: str
) -> None:
    bfloat16.load(spec).close()
    right = json.loads(verdict.read_text())
    verdict.write_text(json.dumps({**right, change: "another", "parity": {"rotation_deg": 0.0}}))
    bfloat16.load(spec).close()
    again = json.loads(verdict.read_text())
    assert {**again, "ms": 0, "single_ms": 0} == {**right, "ms": 0, "single_ms": 0}


@pytest.mark.parametrize(("ms", "taken"), [(1.0, "openvino-bf16"), (3.0, "onnxruntime")])
def test_auto_takes_bfloat16_only_where_it_is_quicker(
    bfloat16: Bfloat16Backend,
    spec: NetSpec,
    ms: float,
    taken: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(gate, "_paces", lambda net, threads: (ms, 2.0))
    caplog.set_level("INFO")
    for _ in range(2):  # the second time by what was kept
        backend, nets = open_nets({"track": spec}, "auto")
        assert backend.name == taken
        nets["track"].close()
    slower = "not openvino-bf16: its nets take 3 ms together on this processor, 2 ms in single precision"
    assert (slower in caplog.text) == (taken == "onnxruntime")
    open_nets({"track": spec}, "openvino-bf16")[1]["track"].close()  # who asks for it gets it


@pytest.mark.parametrize("broken", [b"", b"[]", b'{"parity": 3}', b"\xff\xfe", b'{"parity": {}}'])
def test_a_verdict_that_cannot_be_read_is_measured_again(
    bfloat16: Bfloat16Backend, spec: NetSpec, verdict: Path, broken: bytes
) -> None:
    verdict.parent.mkdir()
    verdict.write_bytes(broken)
    bfloat16.load(spec).close()
    assert json.loads(verdict.read_text())["parity"]


def test_a_net_that_answers_too_differently_is_refused_and_not_loaded_again(
    bfloat16: Bfloat16Backend, spec: NetSpec, verdict: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "measured", lambda net: {"rotation_deg": 0.5, "position": float("nan")})
    for _ in range(2):
        with pytest.raises(MissingError, match=r"tiny\.track answers too differently.*_deg 0\.5 .*position nan"):
            bfloat16.load(spec)
        monkeypatch.setattr(OpenVinoBackend, "load", None)  # the second time what was kept decides
    assert verdict.exists()


def test_a_net_without_a_face_model_cannot_be_let_through(bfloat16: Bfloat16Backend, spec: NetSpec) -> None:
    with pytest.raises(MissingError, match="no face model to compare on"):
        bfloat16.load(replace(spec, face_model=None))


def test_a_folder_that_may_only_be_read_keeps_nothing(
    bfloat16: Bfloat16Backend, spec: NetSpec, verdict: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OutputError(f"cannot write {path}")

    monkeypatch.setattr(gate, "write_whole", full)
    bfloat16.load(spec).close()
    assert not verdict.exists()
