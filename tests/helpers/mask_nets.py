"""A real ONNX file with the mask net's contract that takes what is green for something in front of the face."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from realtime3d.surface.mask import CLASSES, OCCLUDER, SKIN

SIZE = 64
GREEN = (40, 210, 40)  # BGR


def write_green_net(path: Path) -> None:
    """Skin unless a pixel has much more green than blue and red."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    weight, bias = np.zeros((len(CLASSES), 3, 1, 1), np.float32), np.full(len(CLASSES), -50, np.float32)
    weight[OCCLUDER, :, 0, 0] = (-0.1, 0.2, -0.1)
    bias[OCCLUDER], bias[SKIN] = -12, 0
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "w", "b"], ["mask"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIZE, SIZE, 3])
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N", len(CLASSES), SIZE, SIZE])
    constants = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")]
    net = helper.make_model(
        helper.make_graph(nodes, "green", [image], [mask], constants),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    onnx.checker.check_model(net)
    path.write_bytes(net.SerializeToString())


def add_green_net(folder: Path, name: str = "tiny") -> None:
    """Write it into a folder of models and name it in one of its sets."""
    write_green_net(folder / "mask.onnx")
    digest = hashlib.sha256((folder / "mask.onnx").read_bytes()).hexdigest()
    with (folder / "models.toml").open("a") as file:
        file.write(
            f'[{name}.mask]\nfile = "mask.onnx"\nsha256 = "{digest}"\ninput = "image"\n'
            f'size = {SIZE}\noutputs = ["mask"]\n'
        )
