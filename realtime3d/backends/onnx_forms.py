"""The same net in other forms: folded for compilers, in half precision, or quantised to eight bits.

Compilers want what the exported file does not have: weights without a Cast behind them, the pixels made numbers by the
very first node, and the precision written into the graph ("strongly typed").
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends.base import NetSpec
from realtime3d.errors import MissingError, UsageError, first_line, require

PRECISIONS = ("fp32", "fp16", "int8")
PREPARING = frozenset({"Cast", "Transpose", "Sub", "Mul", "Div"})  # nodes between the pixels and the first layer
EXTRA = "build"
OPSET = 17


def in_form(spec: NetSpec, precision: str, pixels: NDArray[np.uint8]) -> bytes:
    """The ONNX file of a net in the given precision; `pixels` (N, size, size, 3) are the crops that int8 is tuned on.

    Input and outputs keep their names and types: uint8 pixels, float32 answers.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"no precision {precision!r}: take {', '.join(PRECISIONS)}")
    onnx = require("onnx", EXTRA, "building engines")
    try:
        model = onnx.load(str(spec.file))
        graph = _Graph(onnx, model)
        graph.numbers_first(spec.input)
        if precision == "fp16":
            graph.to_half(spec.input)
        built = graph.built()
        onnx.checker.check_model(built)
    except (OSError, ValueError, KeyError, onnx.checker.ValidationError) as error:
        raise MissingError(
            f"{spec.file} cannot be made {precision} ({first_line(error)}): reinstall realtime3d"
        ) from error
    except Exception as error:
        if type(error).__name__ != "DecodeError":  # protobuf's, from a file that is no ONNX
            raise
        raise MissingError(f"{spec.file} is no ONNX file ({first_line(error)}): reinstall realtime3d") from error
    return _quantised(built, spec, pixels) if precision == "int8" else built.SerializeToString()


class _Graph:
    """An ONNX graph with its constants as arrays and weights folded; nodes stay in their order."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self._onnx, self._model = onnx, model
        to_array = onnx.numpy_helper.to_array
        self.constants: dict[str, NDArray] = {t.name: to_array(t) for t in model.graph.initializer}
        self.nodes: list[Any] = []
        for node in model.graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = to_array(node.attribute[0].t)
            elif node.op_type == "Cast" and node.input[0] in self.constants:
                kind = onnx.helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
                self.constants[node.output[0]] = self.constants[node.input[0]].astype(kind)
            else:
                self.nodes.append(node)

    def numbers_first(self, image: str) -> None:
        """Transpose(pixels), Cast becomes Cast(pixels), Transpose: compilers turn around numbers, not bytes."""
        turns = [n for n in self.nodes if n.op_type == "Transpose" and n.input[0] == image]
        for turn in turns:
            casts = [n for n in self.nodes if turn.output[0] in n.input]
            if len(casts) != 1 or casts[0].op_type != "Cast":
                continue
            (cast,) = casts
            between, end = turn.output[0], cast.output[0]
            cast.input[0], cast.output[0] = image, between
            turn.input[0], turn.output[0] = between, end
            first, second = self.nodes.index(turn), self.nodes.index(cast)
            self.nodes[first], self.nodes[second] = cast, turn

    def to_half(self, image: str) -> None:
        """Every layer in half precision; pixels are still prepared in single, and answers come out in single."""
        single = {image}  # tensors of the preparing part
        layers: list[Any] = []
        prepared: list[Any] = []
        for node in self.nodes:
            tensors = [name for name in node.input if name not in self.constants]
            if node.op_type in PREPARING and tensors and all(name in single for name in tensors):
                single.add(node.output[0])
                prepared.append(node)
            else:
                layers.append(node)
        kept = {name: self.constants[name] for node in prepared for name in node.input if name in self.constants}
        entries = self._halve_inputs(layers, single)
        scales = {name for node in layers if node.op_type == "Resize" for name in node.input[1:]}  # never half
        self.constants = {n: v if n in scales else _halved(v) for n, v in self.constants.items()}
        for node in prepared:
            for i, name in enumerate(node.input):
                if name in kept:
                    node.input[i] = f"{name}.single"
        self.constants.update({f"{name}.single": values for name, values in kept.items()})
        self.nodes = [*prepared, *entries, *layers, *self._single_outputs(layers)]

    def _halve_inputs(self, layers: list[Any], single: set[str]) -> list[Any]:
        """A Cast for every prepared tensor that a layer reads."""
        names = {name: f"{name}.half" for node in layers for name in node.input if name in single}
        for node in layers:
            for i, name in enumerate(node.input):
                node.input[i] = names.get(name, name)
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.i == self._onnx.TensorProto.FLOAT:
                    attribute.i = self._onnx.TensorProto.FLOAT16
        return [self._cast(old, new, self._onnx.TensorProto.FLOAT16) for old, new in names.items()]

    def _single_outputs(self, layers: list[Any]) -> list[Any]:
        names = {output.name: f"{output.name}.half" for output in self._model.graph.output}
        for node in layers:
            for field in (node.input, node.output):
                for i, name in enumerate(field):
                    field[i] = names.get(name, name)
        return [self._cast(half, name, self._onnx.TensorProto.FLOAT) for name, half in names.items()]

    def _cast(self, source: str, target: str, kind: int) -> Any:
        return self._onnx.helper.make_node("Cast", [source], [target], name=f"{target}_cast", to=kind)

    def built(self) -> Any:
        """The graph as a model, with the constants that are used."""
        used = {name for node in self.nodes for name in node.input}
        make = self._onnx.numpy_helper.from_array
        graph = self._onnx.helper.make_graph(
            self.nodes,
            self._model.graph.name,
            list(self._model.graph.input),
            list(self._model.graph.output),
            [make(values, name) for name, values in self.constants.items() if name in used],
        )
        return self._onnx.helper.make_model(
            graph, opset_imports=list(self._model.opset_import), ir_version=self._model.ir_version
        )


def _halved(values: NDArray) -> NDArray:
    if values.dtype != np.float32:
        return values
    with np.errstate(over="ignore"):  # said below
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(f"a weight of {np.abs(values).max():.3g} does not fit half precision")
    return half


class _Crops:
    """What ONNX Runtime's quantisation asks for: one feed at a time, then None."""

    def __init__(self, name: str, pixels: NDArray[np.uint8]) -> None:
        self._feeds = iter([{name: pixels[i : i + 1]} for i in range(len(pixels))])

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return next(self._feeds, None)


def _quantised(model: Any, spec: NetSpec, pixels: NDArray[np.uint8]) -> bytes:
    """Eight-bit weights (per channel) and activations, tuned on `pixels`, as pairs of Quantize and Dequantize."""
    tools = require("onnxruntime.quantization", EXTRA, "int8")
    quantise: Callable[..., None] = tools.quantize_static
    model.metadata_props.add(key="onnx.quant.pre_process", value="onnxruntime.quant")  # folded above: no advice needed
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "single.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        quantise(
            str(source),
            str(target),
            _Crops(spec.input, pixels),
            quant_format=tools.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm"],
            per_channel=True,
            activation_type=tools.QuantType.QInt8,
            weight_type=tools.QuantType.QInt8,
            extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
        )
        return target.read_bytes()
