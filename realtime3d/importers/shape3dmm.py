"""3DMM-CNN: 99 coefficients of a person's shape from a picture, as its authors, extreme_3d_faces (PyTorch) and
Expression-Net (TensorFlow) store it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from realtime3d.errors import MissingError
from realtime3d.importers import caffe, pickles, resnet, tf_resnet
from realtime3d.importers.finding import beside, check_there, check_variables, find_checkpoint, finite, mean_image
from realtime3d.importers.finding import needed_beside as needed
from realtime3d.importers.graph import Graph
from realtime3d.importers.piece import SHAPE, Piece
from realtime3d.importers.resnet import Normalised, Shape4

WHAT = "3DMM-CNN"
SCOPE, HEAD, WIDTH, STORED = "shapeCNN", "shapeCNN/shapeCNN_fc1", 99, 198  # the other 99 are the texture's
FOLDERS, OTHER_FOLDERS = ("Shape_Model",), ("CNN",)
MEANS = ("3DMM_shape_mean.npy",)
CAFFE = ".caffemodel"
OTHERS = ("shape_model.pth", f"3dmm_cnn_resnet_101{CAFFE}")
PROVENANCE = "Tran et al., Regressing Robust and Discriminative 3D Morphable Models (CVPR 2017)"
EPSILON = 1e-5  # where the file does not say


def read(path: Path, mean: Path | None = None) -> Piece:
    """The net from one of its files, or from the folder of one of them."""
    check_there(path)
    if path.is_file():
        other = path if path.suffix in (".pth", ".tar", CAFFE) else None
    else:
        other = beside(path / "any", OTHERS, OTHER_FOLDERS)
    return _other(other, mean) if other else _tensorflow(path, mean)


def _tensorflow(path: Path, mean: Path | None) -> Piece:
    checkpoint = find_checkpoint(path, lambda found: any(n.startswith(f"{HEAD}/") for n in found), FOLDERS, WHAT)
    mean = mean or needed(checkpoint.path, MEANS, FOLDERS, "its mean picture")
    layers = tf_resnet.TfLayers([checkpoint], SCOPE)
    image = mean_image(mean, resnet.SIDE)
    data = tf_resnet.regressor(layers, SCOPE, HEAD, STORED, "shape", WIDTH, image, WHAT)
    return _piece(data, tf_resnet.FROM_SIDE, "square", mean, f"{checkpoint.path}, less {mean}")


def _piece(data: bytes, size: int, crop: str, mean: Path, said: str) -> Piece:
    facts = {
        "input": "image",
        "size": size,
        "outputs": ["shape"],
        "crop": crop,
        "mean": mean.name,
        "provenance": PROVENANCE,
    }
    return Piece(SHAPE, data, ".onnx", facts, said)


# -- PyTorch and Caffe -------------------------------------------------------------------------------------------------


class TorchLayers:
    """Tensors by the same names of layers."""

    def __init__(self, path: Path, content: Any, tensors: dict[str, NDArray]) -> None:
        self.path, self._tensors = path, tensors
        modules = content.get("_modules") if isinstance(content, pickles.Shell) else None
        self._modules = modules if isinstance(modules, dict) else {}

    def read(self, name: str) -> NDArray:
        return finite(self.path, name, self._tensors[name])

    def normalised(self, conv: str, norm: str, shape: Shape4) -> Normalised:
        mean = self.read(f"{norm}.running_mean")
        if f"{conv}.bias" in self._tensors:
            mean = mean - self.read(f"{conv}.bias")
        module = self._modules.get(norm)
        epsilon = module.get("eps", EPSILON) if isinstance(module, pickles.Shell) else EPSILON
        scale, offset, variance = (self.read(f"{norm}.{n}") for n in ("weight", "bias", "running_var"))
        return Normalised(self.read(f"{conv}.weight"), scale, offset, mean, variance, float(epsilon))


def _other(path: Path, mean: Path | None) -> Piece:
    content, tensors = (None, caffe.weights(path)) if path.suffix == CAFFE else pickles.load(path)
    wanted: dict[str, tuple[int, ...]] = {}
    for conv, (norm, shape) in resnet.convolutions().items():
        wanted[f"{conv}.weight"] = shape
        wanted.update({f"{norm}.{name}": shape[:1] for name in ("weight", "bias", "running_mean", "running_var")})
    check_variables(path, {name: values.shape for name, values in tensors.items()}, wanted, WHAT)
    head = _head(path, tensors)
    its_mean = "mean.binaryproto" if path.suffix == CAFFE else "shape_mean.npz"
    mean = mean or needed(path, (its_mean,), OTHER_FOLDERS, "its mean picture")
    graph = Graph(WHAT, resnet.SIDE)
    x = graph.node("Sub", [graph.pixels(), graph.constant(mean_image(mean, resnet.SIDE)[None])])
    layers = TorchLayers(path, content, tensors)
    x = resnet.trunk(graph, x, layers, resnet.CAFFE)
    weights, bias = layers.read(f"{head}.weight")[:WIDTH].T, layers.read(f"{head}.bias")[:WIDTH]
    data = graph.finished({"shape": (graph.full(x, weights, bias), WIDTH)})
    return _piece(data, resnet.SIDE, "landmarks", mean, f"{path}, less {mean}")


def _head(path: Path, tensors: dict[str, NDArray]) -> str:
    """The name of the last layer, which differs between converters."""
    shapes = ((STORED, resnet.features()), (WIDTH, resnet.features()))
    for name, values in tensors.items():
        layer = name.removesuffix(".weight")
        bias = tensors.get(f"{layer}.bias")
        if values.shape in shapes and layer != name and bias is not None and bias.shape == values.shape[:1]:
            return layer
    raise MissingError(f"{path} has no last layer of {STORED} or {WIDTH} answers: it is another net than {WHAT}")
