"""What every back end must do, and how one is chosen."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from realtime3d.backends import choose, engines, fake
from realtime3d.backends.base import Backend, NetSpec
from realtime3d.backends.choose import BACKENDS, create_backend, open_nets
from realtime3d.backends.fake import FakeBackend, FakeNet
from realtime3d.backends.onnxruntime_ import OnnxRuntimeNet
from realtime3d.errors import MissingError
from realtime3d.nets import modelset
from tests.helpers.tiny_nets import SHAPE_WIDTHS, SIZE, TRACK_WIDTHS, write_list, write_net

EVERY = [pytest.param(name, marks=pytest.mark.gpu if name == "tensorrt" else ()) for name in sorted(BACKENDS)]
QUICK_TO_START = [p for p in EVERY if p.values[0] != "torch-compile"]


@pytest.fixture(params=EVERY)
def backend(
    request: pytest.FixtureRequest, net_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Backend:
    try:
        if request.param == "tensorrt":
            create_backend("tensorrt")
            build_engines(net_folder, tmp_path)
            monkeypatch.setenv(engines.FOLDER_VARIABLE, str(tmp_path))
        return create_backend(request.param)
    except MissingError as error:
        pytest.skip(str(error))


def build_engines(net_folder: Path, folder: Path) -> None:
    """Engines of the tiny nets for the GPU in this machine."""
    from realtime3d.backends import engine_build
    from realtime3d.backends.tensorrt_library import library

    models, target = modelset.find(str(net_folder)), engine_build.gpu_here()
    if target is None:
        raise MissingError("no NVIDIA GPU")
    library().check_target(target, target)
    nets, model = list(models.nets.values()), models.load_face_model()
    engine_build.build_all(nets, model, [target], "fp32", folder, library(), False, lambda *told: None)


def images(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("n", [1, 3, 17])
def test_answers_have_the_listed_names_and_shapes(backend: Backend, net_folder: Path, n: int) -> None:
    widths = {"track": TRACK_WIDTHS, "shape": SHAPE_WIDTHS}
    for part, spec in modelset.find(str(net_folder)).nets.items():
        net = backend.load(spec)
        answers = net.run(images(n))
        assert {name: a.shape for name, a in answers.items()} == {k: (n, w) for k, w in widths[part].items()}
        assert all(a.dtype == np.float32 for a in answers.values())
        net.close()
        net.close()


def test_a_batch_answers_like_its_members(backend: Backend, net_folder: Path) -> None:
    net = backend.load(modelset.find(str(net_folder)).nets["track"])
    batch = images(5)
    together = {name: a.copy() for name, a in net.run(batch).items()}
    for i in range(5):
        for name, alone in net.run(batch[i : i + 1]).items():
            np.testing.assert_allclose(alone[0], together[name][i], rtol=1e-4, atol=1e-5)


def test_input_is_left_as_it_is(backend: Backend, net_folder: Path) -> None:
    net = backend.load(modelset.find(str(net_folder)).nets["shape"])
    batch = images(2)
    net.run(batch)
    np.testing.assert_array_equal(batch, images(2))


BESIDE = """
import sys
import numpy as np
from realtime3d.nets import modelset
from realtime3d.backends.choose import create_backend

net = create_backend(sys.argv[1]).load(modelset.find(sys.argv[2]).nets["track"])
print("ready", flush=True)
sys.stdin.readline()
answers = net.run(np.random.default_rng(0).integers(0, 256, (3, net.spec.size, net.spec.size, 3), dtype=np.uint8))
print(*answers["expression"].ravel().tolist())
"""


@pytest.mark.parametrize("backend", QUICK_TO_START, indirect=True)
def test_a_second_process_runs_beside_it(backend: Backend, net_folder: Path) -> None:
    net = backend.load(modelset.find(str(net_folder)).nets["track"])
    expected = net.run(images(3))["expression"].copy()
    words = [sys.executable, "-c", BESIDE, backend.name, str(net_folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin and other.stdout
        assert other.stdout.readline() == "ready\n"  # from here on both hold the net
        np.testing.assert_allclose(net.run(images(3))["expression"], expected, rtol=1e-4, atol=1e-5)
        said, _ = other.communicate("go\n", timeout=300)
    assert other.returncode == 0
    np.testing.assert_allclose([float(word) for word in said.split()], expected.ravel(), rtol=1e-4, atol=1e-5)


def test_constructors_load_no_file_and_start_no_thread() -> None:
    before = threading.active_count()
    assert create_backend("onnxruntime", threads=8).device == "cpu"
    assert threading.active_count() == before


def test_auto_says_in_one_line_what_it_takes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        taken = create_backend("auto")
    assert taken.name in ("openvino-bf16", "onnxruntime")
    (record,) = caplog.records
    assert f"{taken.name} on cpu" in record.getMessage()


@pytest.mark.parametrize("name", ["onnx", "Torch", ""])
def test_what_is_not_there_is_missing_and_never_replaced(name: str) -> None:
    with pytest.raises(MissingError, match="no back end") as caught:
        create_backend(name)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


def test_auto_goes_on_when_a_net_cannot_be_loaded_and_says_why(
    net_folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    class Half(FakeBackend):
        """Loads the first net only."""

        name = "half"

        def load(self, spec: NetSpec) -> FakeNet:
            if spec.name.endswith("shape"):
                raise MissingError("there is no engine for it: build one")
            net = super().load(spec)
            monkeypatch.setattr(net, "close", lambda: closed.append(spec.name))
            return net

    monkeypatch.setattr(fake, "Half", Half, raising=False)
    monkeypatch.setitem(BACKENDS, "half", "realtime3d.backends.fake:Half")
    monkeypatch.setattr(choose, "PREFERENCE", ("half", "onnxruntime"))
    nets = modelset.find(str(net_folder)).nets
    with caplog.at_level(logging.INFO):
        backend, opened = open_nets(nets)
    assert backend.name == "onnxruntime" and set(opened) == {"track", "shape"} and closed == ["tiny.track"]
    (record,) = caplog.records
    assert "onnxruntime on cpu (not half: there is no engine for it: build one)" in record.getMessage()
    with pytest.raises(MissingError, match="build one"):
        open_nets(nets, "half")


@pytest.mark.parametrize("device", ["cuda:0", "tensorrt", "openvino", "directml:1", "coreml"])
def test_onnxruntime_refuses_devices_it_does_not_have(device: str) -> None:
    with pytest.raises(MissingError, match=rf"'{device}'.*pip install .*--device cpu"):
        create_backend("onnxruntime", device=device)


@pytest.mark.parametrize("device", ["gpu", "cpu:1", "cuda:", "cuda:x", ""])
@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "torch"])
def test_devices_that_do_not_exist_are_refused(name: str, device: str) -> None:
    with pytest.raises(MissingError, match=f"no device {device!r}"):
        create_backend(name, device=device)


def test_a_provider_that_does_not_start_is_an_error_and_not_the_cpu(
    net_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)  # as onnxruntime-gpu has it
    backend = create_backend("onnxruntime", device="cuda:0")
    assert backend.device == "cuda:0"
    with pytest.raises(MissingError, match=r"does not start on cuda:0.*--device cpu"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnxruntime's own, that it will take the CPU
        backend.load(modelset.find(str(net_folder)).nets["track"])


def test_a_device_that_fails_at_work_is_one_line(net_folder: Path) -> None:
    class Full:
        """A session on a GPU whose memory ends."""

        def run(self, *arguments: object) -> None:
            raise RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory\nat line 1")

    net = OnnxRuntimeNet(modelset.find(str(net_folder)).nets["track"], Full(), None, "cuda:0", threads=1)
    with pytest.raises(MissingError, match=r"tiny\.track fails on cuda:0 .*allocate memory.*--device cpu") as caught:
        net.run(images(1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        (
            "import realtime3d.backends.base, realtime3d.backends.engines, realtime3d.cli.build, realtime3d.cli.bench",
            set(),
        ),
        ("from realtime3d.backends.choose import create_backend; create_backend('onnxruntime')", {"onnxruntime"}),
        (
            "from realtime3d.backends import choose, cuda; cuda.LIBRARY = 'libnothere.so.1'; "
            "choose.PREFERENCE = ('tensorrt', 'onnxruntime'); choose.create_backend('auto')",
            {"onnxruntime"},  # without a driver nothing of TensorRT is looked at
        ),
        ("from realtime3d.backends.choose import create_backend; create_backend('openvino')", {"openvino"}),
        ("from realtime3d.backends.choose import create_backend; create_backend('torch', 'cpu')", {"torch", "onnx"}),
        ("from realtime3d.backends.choose import create_backend; create_backend('fake')", set()),
    ],
)
def test_inference_libraries_load_only_when_chosen(code: str, loaded: set[str]) -> None:
    for library in loaded:
        pytest.importorskip(library)
    heavy = ["onnxruntime", "openvino", "torch", "onnx", "tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings"]
    probe = f"import sys; {code}; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == loaded


def test_onnxruntime_takes_its_threads_for_its_own_sessions_only(net_folder: Path) -> None:
    net = create_backend("onnxruntime", threads=3).load(modelset.find(str(net_folder)).nets["track"])
    for busy, threads in ((False, 1), (True, 3)):
        options = net._session(busy).get_session_options()  # type: ignore[attr-defined]
        assert options.intra_op_num_threads == threads
        assert options.get_session_config_entry("session.force_spinning_stop") == "1"


@pytest.fixture
def folder(net_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(net_folder, tmp_path / "nets"))


READERS = pytest.mark.parametrize("name", ["onnxruntime", "openvino"])


def refused(folder: Path, name: str) -> str:
    pytest.importorskip(name)
    with pytest.raises(MissingError) as caught:
        create_backend(name).load(modelset.find(str(folder)).nets["track"])
    assert "\n" not in str(caught.value)
    return str(caught.value)


@READERS
def test_a_file_that_is_no_net_is_refused(folder: Path, name: str) -> None:
    (folder / "track.onnx").write_bytes(b"no net")
    write_list(folder)
    assert "track.onnx does not load" in refused(folder, name)


@READERS
def test_a_net_without_a_listed_output_is_refused(folder: Path, name: str) -> None:
    write_net(folder / "track.onnx", {k: v for k, v in TRACK_WIDTHS.items() if k != "presence"}, seed=1)
    write_list(folder)
    assert "does not fit models.toml" in refused(folder, name)


@READERS
def test_a_net_for_one_face_only_is_refused(folder: Path, name: str) -> None:
    write_net(folder / "track.onnx", TRACK_WIDTHS, seed=1, batch=1)
    write_list(folder)
    assert "with N free" in refused(folder, name)
