"""The TensorRT back end on a GPU made of this machine's memory; see fake_gpu."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.backends import choose, cuda, engines, gate, parity, tensorrt_
from realtime3d.backends.base import NetSpec
from realtime3d.backends.choose import create_backend, open_nets
from realtime3d.backends.tensorrt_ import TensorRTBackend
from realtime3d.errors import MissingError
from realtime3d.nets import modelset
from tests.helpers.fake_gpu import FakeDriver, fake_library
from tests.helpers.tiny_nets import SIZE

KINDS = ("rotation_deg", "position", "log_scale", "presence", "expression_mm")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    driver = FakeDriver()
    monkeypatch.setattr(cuda, "_library", lambda: driver)
    monkeypatch.setattr(tensorrt_, "library", fake_library)
    return driver


@pytest.fixture
def spec(net_folder: Path) -> NetSpec:
    return modelset.find(str(net_folder)).nets["track"]


@pytest.fixture
def engine(tmp_path: Path, spec: NetSpec) -> Path:
    return save(tmp_path, spec)


def save(folder: Path, spec: NetSpec, data: bytes | None = None, precision: str = "fp16") -> Path:
    data = spec.file.read_bytes() if data is None else data
    path = engines.engine_path(folder, spec, "sm86", precision)
    digest = hashlib.sha256(data).hexdigest()
    about = engines.EngineInfo(
        net=spec.name, onnx_sha256=spec.sha256, library="tensorrt_rtx", version="1.2.3", target="sm86",
        precision=precision, profile=(1, 4, 16), engine_sha256=digest, engine_bytes=len(data), built="", build_s=0.1,
        parity={"onnxruntime": dict.fromkeys(KINDS, 0.0)},
    )  # fmt: skip
    engines.save(path, data, about)
    return path


def images(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


def free(driver: FakeDriver) -> bool:
    return not driver.held and driver.contexts == 0 and driver.streams == 0


@pytest.mark.parametrize("sizes", [(1,), (3, 1, 16), (17,), (40, 2)])
def test_answers_are_those_of_the_net(driver: FakeDriver, engine: Path, spec: NetSpec, sizes: tuple[int, ...]) -> None:
    net = TensorRTBackend(folder=engine.parent).load(spec)
    exact = create_backend("onnxruntime").load(spec)
    for n in sizes:
        found, expected = net.run(images(n)), exact.run(images(n))
        for name in spec.outputs:
            assert found[name].shape == expected[name].shape
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)
    net.close()
    net.close()
    assert free(driver)


def test_the_first_load_measures_parity_and_keeps_it(
    driver: FakeDriver, engine: Path, spec: NetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    TensorRTBackend(folder=engine.parent).load(spec).close()
    measured = engines.read_info(engine, "").parity["device"]
    assert set(measured) == set(KINDS)
    assert max(measured.values()) < 1e-4
    monkeypatch.setattr(gate, "measured", None)  # not measured again
    TensorRTBackend(folder=engine.parent).load(spec).close()


def test_an_engine_that_answers_differently_is_refused_now_and_later(
    driver: FakeDriver, engine: Path, spec: NetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_, "library", lambda: fake_library(noise=0.05))
    for _ in range(2):
        with pytest.raises(MissingError, match=r"too differently.*position 0\.05.*realtime3d build --target sm86"):
            TensorRTBackend(folder=engine.parent).load(spec)
        assert free(driver)


@pytest.mark.parametrize("device", [{"nothing": 0.0}, {"rotation_deg": 0.0}])
def test_a_verdict_on_something_else_is_measured_again(
    driver: FakeDriver, engine: Path, spec: NetSpec, device: dict[str, float]
) -> None:
    info = engines.read_info(engine, "")
    engines.save_info(engine, replace(info, parity={**info.parity, "device": device}))
    TensorRTBackend(folder=engine.parent).load(spec).close()
    assert set(engines.read_info(engine, "").parity["device"]) == set(KINDS)


def test_parity_is_measured_again_where_it_cannot_be_kept(
    driver: FakeDriver, engine: Path, spec: NetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*arguments: object) -> None:
        raise tensorrt_.OutputError("cannot write")

    monkeypatch.setattr(engines, "save_info", no_room)
    TensorRTBackend(folder=engine.parent).load(spec).close()
    assert "device" not in engines.read_info(engine, "").parity


def test_the_fastest_precision_that_was_built_is_taken(driver: FakeDriver, engine: Path, spec: NetSpec) -> None:
    save(engine.parent, spec, data=b"broken", precision="int8")
    with pytest.raises(MissingError, match=r"int8\.engine does not load \(cannot deserialize"):
        TensorRTBackend(folder=engine.parent).load(spec)
    assert free(driver)


def test_without_an_engine_the_error_has_the_line_to_run(driver: FakeDriver, tmp_path: Path, spec: NetSpec) -> None:
    with pytest.raises(MissingError, match="run `realtime3d build --target sm86 --precision fp16 --models "):
        TensorRTBackend(folder=tmp_path).load(spec)
    assert free(driver)


def test_an_engine_with_other_outputs_is_refused(driver: FakeDriver, engine: Path, spec: NetSpec) -> None:
    with pytest.raises(MissingError, match="inputs and outputs other than"):
        TensorRTBackend(folder=engine.parent).load(replace(spec, outputs=(*spec.outputs, "more")))
    assert free(driver)


def test_a_gpu_that_the_toolkit_does_not_know(driver: FakeDriver, engine: Path, spec: NetSpec) -> None:
    driver.capability = (9, 0)
    with pytest.raises(MissingError, match=r"cannot build for sm90: it knows sm75, sm86.*--backend torch"):
        TensorRTBackend(folder=engine.parent).load(spec)
    assert free(driver)


@pytest.mark.parametrize("memory", [0, 16 * SIZE * SIZE * 3, 16 * SIZE * SIZE * 3 + 500])
def test_a_full_gpu_is_said_and_nothing_stays_held(
    driver: FakeDriver, engine: Path, spec: NetSpec, memory: int
) -> None:
    driver.memory = memory
    with pytest.raises(MissingError, match="memory is full"):
        TensorRTBackend(folder=engine.parent).load(spec)
    assert free(driver) and driver.memory == memory


def test_an_error_of_the_driver_is_one_line(driver: FakeDriver, engine: Path, spec: NetSpec) -> None:
    net = TensorRTBackend(folder=engine.parent).load(spec)
    driver.contexts = 0  # as after a reset of the GPU
    with pytest.raises(MissingError, match=r"cuCtxSetCurrent with error 201 \(invalid device context\)"):
        net.run(images(1))


def test_a_gpu_that_is_not_there(driver: FakeDriver, engine: Path, spec: NetSpec) -> None:
    with pytest.raises(MissingError, match=r"no GPU cuda:1, the driver sees 1"):
        TensorRTBackend("cuda:1", folder=engine.parent).load(spec)


def test_auto_takes_the_engine_where_there_is_one_and_says_why_not_where_there_is_none(
    driver: FakeDriver, engine: Path, spec: NetSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(engines.FOLDER_VARIABLE, str(engine.parent))
    monkeypatch.setattr(choose, "PREFERENCE", ("tensorrt", "onnxruntime"))
    caplog.set_level("INFO", logger="realtime3d.backends.choose")
    backend, nets = open_nets({"track": spec})
    assert (backend.name, backend.device) == ("tensorrt", "cuda:0")
    nets["track"].close()
    os.remove(engine)
    backend, nets = open_nets({"track": spec})
    assert backend.name == "onnxruntime"
    assert "not tensorrt: there is no engine" not in caplog.records[0].getMessage()
    assert "not tensorrt" in caplog.records[1].getMessage()


def foreign(engine: Path, driver: FakeDriver) -> None:
    engines.save_info(engine, replace(engines.read_info(engine, ""), target="sm120"))


def truncated(engine: Path, driver: FakeDriver) -> None:
    engine.write_bytes(engine.read_bytes()[:-1])


def lying(engine: Path, driver: FakeDriver) -> None:
    data = b"not what it says"
    engine.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    engines.save_info(engine, replace(engines.read_info(engine, ""), engine_sha256=digest, engine_bytes=len(data)))


def other_net(engine: Path, driver: FakeDriver) -> None:
    engines.save_info(engine, replace(engines.read_info(engine, ""), onnx_sha256="0" * 64))


def full(engine: Path, driver: FakeDriver) -> None:
    driver.memory = 100


def unknown(engine: Path, driver: FakeDriver) -> None:
    driver.capability = (9, 0)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (foreign, "made for the GPU sm120, here it is sm86"),
        (truncated, "cut short"),
        (lying, "does not load (cannot deserialize"),
        (other_net, "made from another ONNX file"),
        (full, "the GPU's memory is full"),
        (unknown, "cannot build for sm90"),
    ],
)
def test_auto_goes_on_with_the_next_back_end_and_says_why(
    driver: FakeDriver,
    engine: Path,
    spec: NetSpec,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path, FakeDriver], None],
    reason: str,
) -> None:
    monkeypatch.setenv(engines.FOLDER_VARIABLE, str(engine.parent))
    monkeypatch.setattr(choose, "PREFERENCE", ("tensorrt", "onnxruntime"))
    caplog.set_level("INFO", logger="realtime3d.backends.choose")
    spoil(engine, driver)
    backend, nets = open_nets({"track": spec})
    assert backend.name == "onnxruntime" and nets["track"].run(images(1)) and free(driver)
    (record,) = caplog.records
    assert "onnxruntime on cpu (not tensorrt: " in record.getMessage() and reason in record.getMessage()
    assert "\n" not in record.getMessage()
    with pytest.raises(MissingError) as caught:  # asked for by name it is never replaced
        open_nets({"track": spec}, "tensorrt")
    assert reason in str(caught.value) and caught.value.exit_code == 3


@pytest.mark.parametrize("device", ["cpu", "cuda:", "gpu", "cuda:-1"])
def test_devices_it_does_not_have(driver: FakeDriver, device: str) -> None:
    with pytest.raises(MissingError, match=f"no device {device!r}"):
        TensorRTBackend(device)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_nets_that_ship_pass_the_gate_on_this_gpu(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from realtime3d.backends import engine_build
    from realtime3d.backends.tensorrt_library import library

    models, target = modelset.find(), engine_build.gpu_here()
    try:
        create_backend("tensorrt")
        library().check_target(str(target), target)
    except MissingError as error:
        pytest.skip(str(error))
    nets, model = list(models.nets.values()), models.load_face_model()
    engine_build.build_all(nets, model, [str(target)], precision, tmp_path, library(), False, lambda *told: None)
    monkeypatch.setenv(engines.FOLDER_VARIABLE, str(tmp_path))
    _, opened = open_nets(models.nets, "tensorrt")  # refuses what is beyond the limits
    for net in opened.values():
        net.close()
    found = [engines.read_info(path, "").parity["device"] for path in tmp_path.glob("*.engine")]
    assert len(found) == 2 and not any(map(parity.beyond, found))


def test_without_a_driver_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "LIBRARY", "libnothere.so.1")
    cuda._library.cache_clear()
    try:
        with pytest.raises(MissingError, match=r"no NVIDIA driver .* --backend onnxruntime"):
            create_backend("tensorrt")
    finally:
        cuda._library.cache_clear()
