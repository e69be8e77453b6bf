"""ONNX files as PyTorch calls: the few operators that our nets are made of, run in the file's order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from realtime3d.backends.base import Answers, NetSpec, check_contract
from realtime3d.errors import MissingError, first_line

Attributes = Mapping[str, Any]
KINDS = {1: torch.float32, 2: torch.uint8, 3: torch.int8, 6: torch.int32, 7: torch.int64, 10: torch.float16}


def _conv(a: Attributes, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    return F.conv2d(x, weight, bias, strides, (top, left), dilations, a.get("group", 1))


def _gemm(a: Attributes, x: Tensor, y: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    x, y = x.T if a.get("transA") else x, y.T if a.get("transB") else y
    return a.get("alpha", 1.0) * (x @ y) + a.get("beta", 1.0) * bias


def _max_pool(a: Attributes, x: Tensor) -> Tensor:
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    if a.get("ceil_mode") or set(a.get("dilations", [1])) != {1}:
        raise ValueError("MaxPool with ceil_mode or dilations")
    if any((top, left, bottom, right)):
        x = F.pad(x, (left, right, top, bottom), value=float("-inf"))
    return F.max_pool2d(x, a["kernel_shape"], a.get("strides", [1, 1]))


def _lrn(a: Attributes, x: Tensor) -> Tensor:
    return F.local_response_norm(x, a["size"], a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("bias", 1.0))


def _depth_to_space(a: Attributes, x: Tensor) -> Tensor:
    if a.get("mode", b"DCR") != b"CRD":
        raise ValueError("DepthToSpace in another order than CRD")
    return F.pixel_shuffle(x, a["blocksize"])


def _resize(a: Attributes, x: Tensor, _: None, scales: Tensor) -> Tensor:
    """Larger by linear interpolation between the middles of pixels; nothing else is known here."""
    ways = a.get("mode"), a.get("coordinate_transformation_mode", b"half_pixel")
    if ways != (b"linear", b"half_pixel") or len(scales) != 4 or min(scales) < 1:
        raise ValueError(f"Resize by {ways} and {list(scales)}")
    return F.interpolate(x, scale_factor=[float(s) for s in scales[2:]], mode="bilinear", align_corners=False)


def _gather(a: Attributes, x: Tensor, index: int | list[int]) -> Tensor:
    axis = a.get("axis", 0)
    return x.select(axis, index) if isinstance(index, int) else torch.stack([x.select(axis, i) for i in index], axis)


def _squeeze(a: Attributes, x: Tensor, axes: list[int]) -> Tensor:
    return x.squeeze(tuple(axes))


def _slice(a: Attributes, x: Tensor, *bounds: list[int]) -> Tensor:
    starts, ends, *more = bounds
    axes = more[0] if more else range(len(starts))
    steps = more[1] if len(more) > 1 else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step == -1 and start in (-1, x.shape[axis] - 1) and end < -x.shape[axis]:
            x = x.flip(axis)
        elif step == 1:
            x = x.narrow(axis, *_span(start, end, x.shape[axis]))
        else:
            raise ValueError(f"Slice from {start} to {end} in steps of {step}")
    return x


def _span(start: int, end: int, size: int) -> tuple[int, int]:
    """ONNX's start and end (may be negative or beyond) as first element and length."""
    first, last = (min(max(i + size if i < 0 else i, 0), size) for i in (start, end))
    return first, max(last - first, 0)


OPERATORS: dict[str, Callable[..., Any]] = {
    "Add": lambda a, x, y: x + y,
    "Cast": lambda a, x: x.to(KINDS[a["to"]]),
    "Clip": lambda a, x, low=None, high=None: torch.clamp(x, low, high),
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "Div": lambda a, x, y: x / y,
    "Flatten": lambda a, x: torch.flatten(x, a.get("axis", 1)),
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
    "Identity": lambda a, x: x,
    "LRN": _lrn,
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)),
    "MatMul": lambda a, x, y: x @ y,
    "MaxPool": _max_pool,
    "Mul": lambda a, x, y: x * y,
    "ReduceMean": lambda a, x: x.mean(a["axes"], keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda a, x: F.relu(x),
    "Reshape": lambda a, x, shape: x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)]),
    "Resize": _resize,
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "Slice": _slice,
    "Split": lambda a, x, sizes: torch.split(x, sizes, a.get("axis", 0)),
    "Squeeze": _squeeze,
    "Sub": lambda a, x, y: x - y,
    "Transpose": lambda a, x: x.permute(a["perm"]),
}
EXACT_FLATTEN = 1  # torch.flatten keeps the axes before it, ONNX joins them: the same for axis 1 only


@dataclass(frozen=True, slots=True)
class Step:
    """One node: what is called with which values, and what the results are called."""

    call: Callable[..., Any]
    attributes: Attributes
    inputs: tuple[str, ...]  # "" where an optional one is left out
    outputs: tuple[str, ...]


class Program:
    """The nodes of one net with its weights on a device."""

    def __init__(self, spec: NetSpec, steps: list[Step], constants: dict[str, Any], device: torch.device) -> None:
        self._spec, self._steps, self._constants, self._device = spec, steps, constants, device
        self._answers: Callable[[Tensor], dict[str, Tensor]] = self._eager

    @classmethod
    def read(cls, spec: NetSpec, device: torch.device) -> Program:
        """MissingError where the file is no net, does not fit `spec`, or has an operator that is not known here."""
        try:
            model = onnx.load(str(spec.file))
        except Exception as error:  # protobuf's own types, and those of the system
            raise MissingError(
                f"{spec.file} does not load in onnx ({first_line(error)}): reinstall realtime3d"
            ) from error
        inputs = {value.name: _type_and_shape(value) for value in model.graph.input}
        check_contract(spec, inputs, [value.name for value in model.graph.output])
        unknown = sorted({node.op_type for node in model.graph.node} - {"Constant", *OPERATORS})
        if unknown:
            raise MissingError(
                f"{spec.file} uses {', '.join(unknown)}, which back end torch does not know: "
                "take --backend onnxruntime, or add them to realtime3d/backends/onnx_torch.py"
            )
        return cls(spec, *_steps_and_constants(model, device), device)

    @torch.inference_mode()
    def __call__(self, images: NDArray[np.uint8] | Tensor) -> dict[str, Tensor]:
        """The net's answers, on the device."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)) if isinstance(images, np.ndarray) else images
        return self._answers(pixels.to(self._device))

    def compile(self) -> None:
        """Run it by `torch.compile` from now on: a form for a single crop and one for more, each made by first use."""
        self._answers = torch.compile(self._eager, dynamic=True)

    def _eager(self, pixels: Tensor) -> dict[str, Tensor]:
        values: dict[str, Any] = {**self._constants, "": None, self._spec.input: pixels}
        for step in self._steps:
            found = step.call(step.attributes, *(values[name] for name in step.inputs))
            values.update(zip(step.outputs, found if len(step.outputs) > 1 else (found,), strict=True))
        return {name: values[name].float() for name in self._spec.outputs}

    def record(self, images: NDArray[np.uint8], warm_ups: int) -> Recording:
        """A CUDA graph for batches of this size."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).to(self._device)
        with torch.cuda.device(self._device):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):  # libraries choose their kernels and buffers outside the graph
                for _ in range(warm_ups):
                    self(pixels)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                answers = self(pixels)
        return Recording(graph, pixels, answers)


@dataclass(frozen=True, slots=True)
class Recording:
    """A graph with the memory it reads and writes."""

    graph: torch.cuda.CUDAGraph
    pixels: Tensor
    answers: dict[str, Tensor]

    def replay(self, images: NDArray[np.uint8]) -> Answers:
        """The answers to a batch of the recorded size, on the host."""
        self.pixels.copy_(torch.from_numpy(np.ascontiguousarray(images)))
        self.graph.replay()
        return {name: values.cpu().numpy() for name, values in self.answers.items()}


def _steps_and_constants(model: Any, device: torch.device) -> tuple[list[Step], dict[str, Any]]:
    """Nodes in the file's order, which ONNX promises to be a possible one; casts of weights are done here, once."""
    constants: dict[str, Any] = {t.name: _constant(t, device) for t in model.graph.initializer}
    steps: list[Step] = []
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(attributes["value"], device)
        elif node.op_type == "Cast" and node.input[0] in constants:
            constants[node.output[0]] = OPERATORS["Cast"](attributes, constants[node.input[0]])
        else:
            if node.op_type == "Flatten" and attributes.get("axis", 1) != EXACT_FLATTEN:
                raise MissingError(f"node {node.name} flattens from another axis than 1: take --backend onnxruntime")
            steps.append(Step(OPERATORS[node.op_type], attributes, tuple(node.input), tuple(node.output)))
    return steps, constants


def _constant(tensor: Any, device: torch.device) -> Tensor | list[int]:
    """Weights as a tensor on the device; whole numbers, which are shapes and bounds here, as a list."""
    values = onnx.numpy_helper.to_array(tensor)
    return values.tolist() if values.dtype == np.int64 else torch.from_numpy(values.copy()).to(device)


def _type_and_shape(value: Any) -> tuple[str, list[int | None]]:
    kind = value.type.tensor_type
    return str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)), [d.dim_value or None for d in kind.shape.dim]
