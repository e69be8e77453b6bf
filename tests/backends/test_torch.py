"""The torch back end: the real nets' architecture answers as in ONNX Runtime; what it does not know it names."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

import onnx
import torch

from realtime3d.backends import onnx_torch, parity
from realtime3d.backends.base import NetSpec
from realtime3d.backends.choose import create_backend
from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.nets import modelset
from tests.helpers.tiny_nets import SIZE


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NetSpec]:
    """The architecture of the nets that ship, with random weights, exported as those are."""
    from realtime3d.training.learning import checkpoint
    from realtime3d.training.learning.export import SHAPE_OUTPUTS, TRACK_OUTPUTS, export
    from realtime3d.training.learning.nets import TrackNet

    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(5)
    net = TrackNet()
    for norm in net.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        net.train()(torch.from_numpy(parity.crops(112)))  # statistics, else nothing comes through untrained layers
        net.eval()
        for head in (net.pose, net.expression, net.shape):
            head.weight.normal_(std=0.02)
    state = {"kind": "track", "net_config": asdict(net.config), "average": net.state_dict(), "samples": 0}
    checkpoint.save(folder / "net.pt", state)
    files = {part: export(folder / "net.pt", folder / f"{part}.onnx", part) for part in ("track", "shape")}
    outputs = {"track": TRACK_OUTPUTS, "shape": SHAPE_OUTPUTS}
    return {part: NetSpec(f"x.{part}", files[part], "", "image", 112, outputs[part]) for part in files}


@pytest.mark.parametrize("part", ["track", "shape"])
def test_the_real_architecture_answers_as_in_onnxruntime(
    exported: dict[str, NetSpec], part: str, model: FaceModel
) -> None:
    spec, crops = exported[part], parity.crops(112)[::3]
    found = parity.answers(create_backend("torch", device="cpu").load(spec), crops)
    expected = parity.answers(create_backend("onnxruntime").load(spec), crops)
    for name in spec.outputs:
        assert np.ptp(expected[name], axis=0).max() > 1e-3  # the crops matter
        np.testing.assert_allclose(found[name], expected[name], rtol=2e-3, atol=2e-4)
    assert parity.beyond(parity.differences(found, expected, model)) == []


@pytest.mark.parametrize("name", ["compact", "accurate"])
def test_the_nets_that_ship_answer_as_in_onnxruntime(name: str, model: FaceModel) -> None:
    for spec in modelset.find(name).nets.values():
        crops = parity.crops(spec.size)[::4]
        found = parity.answers(create_backend("torch", device="cpu").load(spec), crops)
        expected = parity.answers(create_backend("onnxruntime").load(spec), crops)
        assert parity.beyond(parity.differences(found, expected, model)) == []


@pytest.mark.parametrize("name", ["mask", "detail"])
def test_the_nets_for_closer_looks_answer_as_in_onnxruntime(name: str) -> None:
    spec = modelset.find().more[name]
    pictures = np.random.default_rng(0).integers(0, 255, (1, spec.size, spec.size, 3), dtype=np.uint8)
    found = create_backend("torch", device="cpu").load(spec).run(pictures)
    expected = create_backend("onnxruntime").load(spec).run(pictures)
    for output in spec.outputs:
        assert np.abs(expected[output]).max() > 0.01
        np.testing.assert_allclose(found[output], expected[output], atol=1e-3)


def test_operators_in_other_ways_than_ours_are_refused() -> None:
    x, call = torch.zeros(1, 4, 2, 2), onnx_torch.OPERATORS
    with pytest.raises(ValueError, match="another order"):
        call["DepthToSpace"]({"blocksize": 2}, x)
    with pytest.raises(ValueError, match="Resize by"):
        call["Resize"]({"mode": b"nearest"}, x, None, torch.tensor([1.0, 1.0, 2.0, 2.0]))


def test_a_slice_turns_an_axis_round_or_is_refused() -> None:
    x = torch.arange(6).reshape(2, 3)
    whole = -(2**63) + 1  # how exporters write "down to the first"
    assert onnx_torch.OPERATORS["Slice"]({}, x, [-1], [whole], [1], [-1]).tolist() == [[2, 1, 0], [5, 4, 3]]
    with pytest.raises(ValueError, match="steps of 2"):
        onnx_torch.OPERATORS["Slice"]({}, x, [0], [3], [1], [2])


def test_no_setting_of_the_process_changes(net_folder: Path) -> None:
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()
    net = create_backend("torch", device="cpu", threads=1).load(modelset.find(str(net_folder)).nets["track"])
    net.run(np.zeros((1, SIZE, SIZE, 3), np.uint8))
    assert (torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()) == before


def test_pictures_that_lie_strangely_in_memory(net_folder: Path) -> None:
    net = create_backend("torch", device="cpu").load(modelset.find(str(net_folder)).nets["track"])
    crops = parity.crops(SIZE)[:2]
    mirrored = crops[:, :, ::-1]
    found = {name: a.copy() for name, a in net.run(mirrored).items()}
    for name, a in net.run(np.ascontiguousarray(mirrored)).items():
        np.testing.assert_array_equal(found[name], a)


def broken(spec: NetSpec, folder: Path, change: object) -> NetSpec:
    model = onnx.load(str(spec.file))
    change(model.graph)  # type: ignore[operator]
    file = folder / "changed.onnx"
    onnx.save(model, str(file))
    return replace(spec, file=file)


def refused(spec: NetSpec) -> str:
    with pytest.raises(MissingError) as caught:
        create_backend("torch", device="cpu").load(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def spec(net_folder: Path) -> NetSpec:
    return modelset.find(str(net_folder)).nets["track"]


def test_an_operator_it_does_not_know_is_named(spec: NetSpec, tmp_path: Path) -> None:
    def change(graph: onnx.GraphProto) -> None:
        graph.node[1].op_type = "ReduceMax"

    assert "uses ReduceMax" in refused(broken(spec, tmp_path, change))


def test_a_file_that_does_not_fit_the_list(spec: NetSpec, tmp_path: Path) -> None:
    assert "does not fit models.toml" in refused(replace(spec, input="picture"))
    assert "does not fit models.toml" in refused(replace(spec, size=64))
    assert "does not fit models.toml" in refused(replace(spec, outputs=("more",)))
    (tmp_path / "none.onnx").write_bytes(b"no net")
    assert "does not load in onnx" in refused(replace(spec, file=tmp_path / "none.onnx"))


def test_a_full_gpu_is_said(spec: NetSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    from realtime3d.backends.onnx_torch import Program
    from realtime3d.backends.torch_ import RecordedNet

    def full(*arguments: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")

    program = Program.read(spec, torch.device("cpu"))
    monkeypatch.setattr(Program, "record", full)
    with pytest.raises(MissingError, match=r"the GPU's memory is full: .*--device cpu"):
        RecordedNet(spec, program).run(np.zeros((1, SIZE, SIZE, 3), np.uint8))
    monkeypatch.setattr(Program, "__call__", full)
    with pytest.raises(MissingError, match="the GPU's memory is full"):
        create_backend("torch-compile", device="cpu").load(spec)
    monkeypatch.setattr(Program, "read", full)
    with pytest.raises(MissingError, match="the GPU's memory is full"):
        create_backend("torch", device="cpu").load(spec)


def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(MissingError, match=r"PyTorch sees \d+ GPUs, so there is no cuda:99"):
        create_backend("torch", device="cuda:99")


def test_a_compiler_that_is_missing_is_one_line(spec: NetSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torch._inductor import config

    torch.compiler.reset()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # where nothing is compiled yet
    missing = config.patch({"cpp.cxx": ("no-such-compiler",)})
    with missing, pytest.raises(MissingError, match=r"torch.compile does not work here .*no-such-compiler") as caught:
        create_backend("torch-compile", device="cpu").load(spec)
    assert "\n" not in str(caught.value)


def test_compiled_nets_answer_like_the_others(spec: NetSpec) -> None:
    if not any(map(shutil.which, ("g++", "clang++", "cl"))):
        pytest.skip("needs a C++ compiler")
    torch.compiler.reset()
    compiled, plain = (create_backend(name, device="cpu").load(spec) for name in ("torch-compile", "torch"))
    crops = parity.crops(SIZE)
    for n in (1, 3, 8):
        expected = plain.run(crops[:n])
        for name, found in compiled.run(crops[:n]).items():
            np.testing.assert_allclose(found, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["torch", "torch-compile"])
def test_recorded_batches_answer_like_the_cpu(exported: dict[str, NetSpec], model: FaceModel, name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU and a CUDA build of torch")
    net, exact = (
        create_backend(name, device="cuda:0").load(exported["track"]),
        create_backend("torch", "cpu").load(exported["track"]),
    )
    crops = parity.crops(112)
    for n in (1, 4, 1, 16, 24):
        assert parity.beyond(parity.differences(net.run(crops[:n]), exact.run(crops[:n]), model)) == []
