"""Real ONNX files with the nets' contract, small and untrained."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

TRACK_WIDTHS = {
    "rotation": 6,
    "position": 2,
    "log_scale": 1,
    "presence": 1,
    "pose_log_sigma": 1,
    "expression": 29,
    "expression_log_sigma": 1,
    "extras": 5,
}
SHAPE_WIDTHS = {"shape": 99}
SIZE = 32


def write_list(folder: Path, status: str = "preview") -> None:
    """The models.toml of `net_folder`."""
    digests = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.suffix != ".toml"}

    def net(part: str, widths: dict[str, int]) -> str:
        outputs = ", ".join(f'"{name}"' for name in widths)
        return (
            f'[tiny.{part}]\nfile = "{part}.onnx"\nsha256 = "{digests[f"{part}.onnx"]}"\n'
            f'input = "image"\nsize = {SIZE}\noutputs = [{outputs}]\n'
        )

    (folder / "models.toml").write_text(
        'format = 1\ndefault = "tiny"\n'
        f'[face_model]\nfile = "face_model.npz"\nsha256 = "{digests["face_model.npz"]}"\n'
        f'[tiny]\nstatus = "{status}"\n' + net("track", TRACK_WIDTHS) + net("shape", SHAPE_WIDTHS),
        encoding="utf-8",
    )


def write_net(path: Path, widths: dict[str, int], seed: int, batch: str | int = "N", bias: float = 0.0) -> None:
    """An ONNX net: mean colour of the crop times small random weights, for each output."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float"], ["mean"], axes=[1, 2], keepdims=0),
    ]
    constants, outputs = [], []
    for name, width in widths.items():
        weight = (rng.normal(size=(3, width)) * 1e-3).astype(np.float32)
        start = np.zeros(width, np.float32) + bias
        if name == "rotation":
            start[[0, 4]] = 1
        constants += [numpy_helper.from_array(weight, f"{name}_w"), numpy_helper.from_array(start, f"{name}_b")]
        nodes.append(helper.make_node("Gemm", ["mean", f"{name}_w", f"{name}_b"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, width]))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [batch, SIZE, SIZE, 3])
    graph = helper.make_graph(nodes, "tiny", [image], outputs, constants)
    net = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(net)
    path.write_bytes(net.SerializeToString())
