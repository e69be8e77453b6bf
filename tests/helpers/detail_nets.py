"""A real ONNX file with the detail net's contract that answers one depth everywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

SIZE = 1024
DEPTH_MM = 0.2


def write_flat_net(path: Path, side: int) -> None:
    """Nothing of the first tile's first plane, and DEPTH_MM."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    constants = [
        numpy_helper.from_array(np.array(values, kind), name)
        for name, values, kind in (
            ("zero", [0], np.int64), ("side", [side], np.int64), ("one", [1], np.int64), ("rows", [1], np.int64),
            ("columns", [2], np.int64), ("colours", [3], np.int64), ("nothing", [0.0], np.float32),
            ("depth", [DEPTH_MM], np.float32),
        )
    ]  # fmt: skip
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["float", "zero", "side", "rows"], ["upper"]),
        helper.make_node("Slice", ["upper", "zero", "side", "columns"], ["left"]),
        helper.make_node("Slice", ["left", "zero", "one", "colours"], ["plane"]),
        helper.make_node("Squeeze", ["plane", "colours"], ["flat"]),
        helper.make_node("Mul", ["flat", "nothing"], ["none"]),
        helper.make_node("Add", ["none", "depth"], ["detail"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])
    detail = helper.make_tensor_value_info("detail", TensorProto.FLOAT, ["N", side, side])
    net = helper.make_model(
        helper.make_graph(nodes, "flat", [image], [detail], constants),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    onnx.checker.check_model(net)
    path.write_bytes(net.SerializeToString())


def add_flat_net(folder: Path, side: int = SIZE // 2, name: str = "tiny") -> None:
    """Write it into a folder of models and name it in one of its sets, where it is not yet."""
    write_flat_net(folder / "detail.onnx", side)
    digest = hashlib.sha256((folder / "detail.onnx").read_bytes()).hexdigest()
    listed = folder / "models.toml"
    if f"[{name}.detail]" in listed.read_text():
        return
    with listed.open("a") as file:
        file.write(
            f'[{name}.detail]\nfile = "detail.onnx"\nsha256 = "{digest}"\ninput = "image"\n'
            f'size = {SIZE}\noutputs = ["detail"]\n'
        )
