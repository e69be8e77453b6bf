"""TensorRT: engines that `realtime3d build` made, on an NVIDIA GPU. One file for TensorRT and TensorRT for RTX."""

from __future__ import annotations

import contextlib
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime3d.backends import cuda, engines, gate, parity
from realtime3d.backends.base import Answers, NetSpec
from realtime3d.backends.tensorrt_library import Library, library
from realtime3d.errors import MissingError, OutputError
from realtime3d.files import write_whole

FASTEST_FIRST = ("int8", "fp16", "fp32")  # the first that was built is taken
USUAL = "fp16"
_log = logging.getLogger(__name__)


class TensorRTBackend:
    """Runs engines. Where one is missing or does not fit, the error holds the line that builds it."""

    name = "tensorrt"

    def __init__(self, device: str = "auto", threads: int = 2, folder: Path | None = None) -> None:
        """`folder` holds the engines; `threads` means nothing here."""
        match = re.fullmatch(r"auto|cuda(?::(\d+))?", device)
        if not match:
            raise MissingError(f"back end tensorrt has no device {device!r}: take --device cuda:0")
        self._index = int(match[1] or 0)
        self.device = f"cuda:{self._index}"
        self._folder = folder or engines.default_folder()
        cuda.check_driver()
        self._library = library()

    def load(self, spec: NetSpec) -> TensorRTNet:
        device = cuda.Device(self._index)
        try:
            self._library.check_target(device.target, device.target)
            precision = self._built_precision(spec, device.target)
            path = engines.engine_path(self._folder, spec, device.target, precision)
            data, info = engines.load(path, spec, self._library.name, self._library.version, device.target, precision)
            device.make_current()
            net = TensorRTNet(spec, self._library, device, data, info, path)
        except BaseException:
            device.close()
            raise
        try:
            _check_on_device(net, path, info)
        except BaseException:
            net.close()
            raise
        return net

    def _built_precision(self, spec: NetSpec, target: str) -> str:
        for precision in FASTEST_FIRST:
            if engines.engine_path(self._folder, spec, target, precision).exists():
                return precision
        return USUAL


def _check_on_device(net: TensorRTNet, path: Path, info: engines.EngineInfo) -> None:
    """The parity gate on the engine's own GPU: measured once, kept in the sidecar, refused when beyond the limits."""
    measured = info.parity.get("device", {})
    if measured.keys() != info.parity["onnxruntime"].keys():
        measured = gate.measured(net)
        try:
            engines.save_info(path, replace(info, parity={**info.parity, "device": measured}))
        except OutputError as error:  # a folder that may only be read: measured again next time
            _log.info("the parity of %s is not kept: %s", path.name, error)
    bad = parity.beyond(measured)
    if bad:
        raise MissingError(
            f"{path} answers too differently from the net it was made of: {', '.join(bad)}; "
            f"run `{engines.build_line(path, net.spec, info.target, 'fp32')}` and delete {path.name}"
        )


class TensorRTNet:
    """One engine with its own buffers and stream. Batches beyond the engine's largest run in several parts."""

    def __init__(
        self, spec: NetSpec, made_by: Library, device: cuda.Device, data: bytes, info: engines.EngineInfo, path: Path
    ) -> None:
        self.spec = spec
        self._device = device
        self._largest = info.profile[2]
        self._rows = 0  # the batch that the context is set to
        self._cache_file = path.with_suffix(".cache")
        made_by.logger.errors.clear()
        trt = made_by.trt
        self._runtime = trt.Runtime(made_by.logger)
        self._engine = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            reason = " ".join((made_by.logger.errors or ["no reason given"])[0].split())[:300]
            again = engines.build_line(path, spec, info.target, info.precision)
            raise MissingError(f"{path} does not load ({reason}): run `{again} --overwrite`")
        self._check_contract(trt, path)
        self._cache: Any = None
        self._context = self._make_context(trt)
        if self._context is None:
            raise MissingError(f"{path} does not start: is the GPU's memory full? Or take --backend onnxruntime")
        self._stream = cuda.Stream()
        self._buffers: dict[str, cuda.Buffer] = {}
        try:
            self._buffers[spec.input] = cuda.Buffer((self._largest, spec.size, spec.size, 3), np.uint8)
            for name in spec.outputs:
                width = int(self._engine.get_tensor_shape(name)[1])
                self._buffers[name] = cuda.Buffer((self._largest, width), np.float32)
            for name, buffer in self._buffers.items():
                self._context.set_tensor_address(name, buffer.address)
        except BaseException:
            self._free()
            raise

    def _check_contract(self, trt: Any, path: Path) -> None:
        engine, spec = self._engine, self.spec
        found = {engine.get_tensor_name(i) for i in range(engine.num_io_tensors)}
        expected = {spec.input: (trt.uint8, 4), **dict.fromkeys(spec.outputs, (trt.float32, 2))}
        fits = set(expected) <= found and all(
            engine.get_tensor_dtype(name) == kind and len(engine.get_tensor_shape(name)) == rank
            for name, (kind, rank) in expected.items()
        )
        if not fits or tuple(engine.get_tensor_shape(spec.input))[1:] != (spec.size, spec.size, 3):
            raise MissingError(f"{path} has inputs and outputs other than models.toml lists: build it again")

    def _make_context(self, trt: Any) -> Any:
        """An execution context; TensorRT for RTX also records CUDA graphs and keeps its compiled kernels in a file."""
        if not hasattr(trt, "CudaGraphStrategy"):
            return self._engine.create_execution_context()
        config = self._engine.create_runtime_config()
        config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._cache = config.create_runtime_cache()
        with contextlib.suppress(OSError):  # no cache yet: the first run compiles
            self._cache.deserialize(self._cache_file.read_bytes())
        config.set_runtime_cache(self._cache)
        return self._engine.create_execution_context(config)

    def run(self, images: NDArray[np.uint8]) -> Answers:
        if len(images) <= self._largest:
            return self._run_part(images)
        parts = [
            {name: values.copy() for name, values in self._run_part(images[i : i + self._largest]).items()}
            for i in range(0, len(images), self._largest)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.spec.outputs}

    def _run_part(self, images: NDArray[np.uint8]) -> Answers:
        rows, pixels = len(images), self._buffers[self.spec.input]
        self._device.make_current()
        pixels.host[:rows] = images
        pixels.upload(rows, self._stream)
        if rows != self._rows:
            self._context.set_input_shape(self.spec.input, (rows, *pixels.host.shape[1:]))
            self._rows = rows
        if not self._context.execute_async_v3(self._stream.handle):
            raise MissingError(f"the engine of {self.spec.name} failed on {self._device.name}: build it again")
        for name in self.spec.outputs:
            self._buffers[name].download(rows, self._stream)
        self._stream.synchronize()
        return {name: self._buffers[name].host[:rows] for name in self.spec.outputs}

    def close(self) -> None:
        if self._context is None:
            return
        self._device.make_current()
        if self._cache is not None:
            with contextlib.suppress(OutputError):  # only a faster start is lost
                write_whole(self._cache_file, bytes(self._cache.serialize()))
        self._free()
        self._device.close()

    def _free(self) -> None:
        for buffer in self._buffers.values():
            buffer.close()
        self._buffers.clear()
        self._stream.close()
        self._context = self._engine = self._runtime = self._cache = None
