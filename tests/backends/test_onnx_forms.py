"""A net in half precision and in eight bits: same contract, near answers."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realtime3d.backends import parity
from realtime3d.backends.base import NetSpec
from realtime3d.backends.onnx_forms import PRECISIONS, in_form
from realtime3d.backends.onnx_work import gflop
from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.errors import MissingError, UsageError
from realtime3d.nets import modelset
from tests.helpers.tiny_nets import SIZE, TRACK_WIDTHS

onnx = pytest.importorskip("onnx")


@pytest.fixture
def conv_spec(tmp_path: Path) -> NetSpec:
    """A net with all the features of the real ones' files: half-precision weights, transposed pixels, convolutions."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)

    def half(name: str, *shape: int) -> object:
        return numpy_helper.from_array((rng.normal(size=shape) * 0.2).astype(np.float16), name)

    constants = [
        half("w.half", 8, 3, 3, 3),
        half("g.half", 4, 8 * (SIZE // 2) ** 2),
        numpy_helper.from_array(np.full((1, 3, 1, 1), 110, np.float32), "mean"),
        numpy_helper.from_array(np.float32(1 / 57), "scale"),
        numpy_helper.from_array(np.float32(0), "low"),
        numpy_helper.from_array(np.float32(6), "high"),
        numpy_helper.from_array(np.zeros(4, np.float32), "b"),
        *(numpy_helper.from_array(np.array([v], np.int64), f"i{v}") for v in (0, 1, 2, 4)),
    ]
    nodes = [
        helper.make_node("Cast", ["w.half"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["g.half"], ["g"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["turned"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["numbers", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["x"]),
        helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Clip", ["y", "low", "high"], ["z"]),
        helper.make_node("Flatten", ["z"], ["flat"], axis=1),
        helper.make_node("Gemm", ["flat", "g", "b"], ["all"], transB=1),
        helper.make_node("Slice", ["all", "i0", "i2", "i1"], ["first"]),
        helper.make_node("Slice", ["all", "i2", "i4", "i1"], ["second"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("first", "second")]
    graph = helper.make_graph(nodes, "net", [image], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    file = tmp_path / "net.onnx"
    onnx.save(model, str(file))
    return NetSpec("test.net", file, "", "image", SIZE, ("first", "second"))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_form_answers_nearly_the_same(conv_spec: NetSpec, precision: str) -> None:
    crops = parity.crops(SIZE)
    data = in_form(conv_spec, precision, crops)
    backend = OnnxRuntimeBackend()
    exact = parity.answers(backend.load(conv_spec), crops)
    found = parity.answers(backend.load_bytes(conv_spec, data), crops)
    size = np.abs(exact["first"]).mean()
    limit = {"fp32": 1e-5, "fp16": 0.01, "int8": 0.15}[precision]
    for name in conv_spec.outputs:
        assert np.abs(found[name] - exact[name]).max() < limit * size
    assert (precision == "fp32") == bool((found["first"] == exact["first"]).all())


def test_half_precision_is_in_the_types(conv_spec: NetSpec) -> None:
    model = onnx.load_from_string(in_form(conv_spec, "fp16", parity.crops(SIZE)))
    weights = {t.name: t.data_type for t in model.graph.initializer}
    assert weights["w"] == weights["g"] == onnx.TensorProto.FLOAT16
    assert weights["mean.single"] == weights["scale.single"] == onnx.TensorProto.FLOAT
    assert [n.op_type for n in model.graph.node][:2] == ["Cast", "Transpose"]  # compilers cannot turn around bytes
    kinds = {v.name: v.type.tensor_type.elem_type for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    assert kinds["y"] == kinds["all"] == onnx.TensorProto.FLOAT16


def test_the_net_for_masks_can_be_halved() -> None:
    """It makes maps larger, by factors that stay in single precision."""
    spec = modelset.find("compact").more["mask"]
    crops = np.random.default_rng(0).integers(0, 255, (2, spec.size, spec.size, 3)).astype(np.uint8)
    exact = OnnxRuntimeBackend().load(spec).run(crops)
    found = OnnxRuntimeBackend().load_bytes(spec, in_form(spec, "fp16", crops)).run(crops)
    for name in spec.outputs:
        assert np.abs(found[name].astype(np.float32) - exact[name]).max() < 0.05 * np.ptp(exact[name])


def test_the_tiny_nets_can_be_halved(net_folder: Path) -> None:
    spec = modelset.find(str(net_folder)).nets["track"]
    data = in_form(spec, "fp16", parity.crops(SIZE))
    answers = OnnxRuntimeBackend().load_bytes(spec, data).run(parity.crops(SIZE)[:3])
    assert {name: a.shape for name, a in answers.items()} == {k: (3, w) for k, w in TRACK_WIDTHS.items()}


def test_a_weight_beyond_half_precision_is_refused(conv_spec: NetSpec) -> None:
    model = onnx.load(str(conv_spec.file))
    for tensor in model.graph.initializer:
        if tensor.name == "b":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(4, 1e6, np.float32), "b"))
    onnx.save(model, str(conv_spec.file))
    with pytest.raises(MissingError, match=r"cannot be made fp16 \(a weight of 1e\+06"):
        in_form(conv_spec, "fp16", parity.crops(SIZE))


@pytest.mark.parametrize("content", [b"no net", b""])
def test_a_file_that_is_no_net_is_refused(conv_spec: NetSpec, content: bytes) -> None:
    conv_spec.file.write_bytes(content)
    with pytest.raises(MissingError, match=r"net\.onnx"):
        in_form(conv_spec, "fp16", parity.crops(SIZE))


def test_a_file_that_is_not_there_is_refused(conv_spec: NetSpec) -> None:
    with pytest.raises(MissingError, match="reinstall"):
        in_form(replace(conv_spec, file=conv_spec.file.with_name("none.onnx")), "fp32", parity.crops(SIZE))


def test_an_unknown_precision_is_refused(conv_spec: NetSpec) -> None:
    with pytest.raises(UsageError, match="fp32, fp16, int8"):
        in_form(conv_spec, "fp8", parity.crops(SIZE))


def test_the_work_of_a_net_is_counted(conv_spec: NetSpec) -> None:
    side = SIZE // 2
    assert gflop(conv_spec) == pytest.approx((2 * 27 * 8 * side**2 + 2 * 4 * 8 * side**2) / 1e9)


def test_quantising_says_nothing_of_its_own(conv_spec: NetSpec, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from realtime3d.backends.base import NetSpec;"
        "from realtime3d.backends import parity; from realtime3d.backends.onnx_forms import in_form;"
        f"in_form(NetSpec('n', Path(sys.argv[1]), '', 'image', {SIZE}, ('first', 'second')), 'int8', "
        f"parity.crops({SIZE}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(conv_spec.file)], capture_output=True, text=True, env=dict(os.environ)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
