"""ResNet-101 from TensorFlow checkpoints, as Expression-Net and the later FacePoseNet store it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import NDArray

from realtime3d.importers import resnet
from realtime3d.importers.finding import check_variables, finite
from realtime3d.importers.graph import Graph
from realtime3d.importers.resnet import Normalised
from realtime3d.importers.tensorflow_ import Checkpoint

EPSILON = 1e-5  # of the batch normalisation
FROM_SIDE = 227  # px: Expression-Net cuts all faces out for FacePoseNet, and resizes them for its other nets
STATISTICS = ("scale", "offset", "mean", "variance")
Shape4 = tuple[int, int, int, int]


class TfLayers:
    """The variables below one scope; of several checkpoints a later one comes first."""

    def __init__(self, checkpoints: Sequence[Checkpoint], scope: str) -> None:
        self._checkpoints, self._scope = checkpoints, scope

    @property
    def path(self) -> Path:
        return self._checkpoints[-1].path

    def variables(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of all there are."""
        return {name: checkpoint.shape(name) for checkpoint in self._checkpoints for name in checkpoint}

    def read(self, name: str) -> NDArray:
        checkpoint = next(found for found in reversed(self._checkpoints) if name in found)
        return finite(checkpoint.path, name, checkpoint.read(name))

    def normalised(self, conv: str, norm: str, shape: Shape4) -> Normalised:
        weights = self.read(f"{self._scope}/{conv}/weights").transpose(3, 2, 0, 1)
        scale, offset, mean, variance = (self.read(f"{self._scope}/{norm}/{name}") for name in STATISTICS)
        return Normalised(weights, scale, offset, mean, variance, EPSILON)


def wanted(scope: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the trunk's variables."""
    shapes: dict[str, tuple[int, ...]] = {}
    for conv, (norm, (out, into, height, width)) in resnet.convolutions().items():
        shapes[f"{scope}/{conv}/weights"] = (height, width, into, out)
        shapes.update({f"{scope}/{norm}/{name}": (out,) for name in STATISTICS})
    return shapes


def features(graph: Graph, layers: TfLayers, mean: NDArray, from_side: int) -> str:
    """From pixels of `from_side` to the trunk's answers; `mean` (3, 224, 224) is subtracted after resizing."""
    x = graph.pixels()
    if from_side != resnet.SIDE:
        x = graph.resized(x, from_side, resnet.SIDE)
    x = graph.node("Sub", [x, graph.constant(mean[None])])
    return resnet.trunk(graph, x, layers, resnet.TENSORFLOW)


def regressor(
    layers: TfLayers, scope: str, head: str, stored: int, output: str, width: int, mean: NDArray, what: str
) -> bytes:
    """A net of Expression-Net: the trunk and one fully connected layer, of whose `stored` answers `width` are kept."""
    count = resnet.features()
    shapes = {**wanted(scope), f"{head}/weights": (count, stored), f"{head}/biases": (stored,)}
    check_variables(layers.path, layers.variables(), shapes, what)
    graph = Graph(what, FROM_SIDE)
    x = features(graph, layers, mean, FROM_SIDE)
    weights, bias = layers.read(f"{head}/weights")[:, :width], layers.read(f"{head}/biases")[:width]
    return graph.finished({output: (graph.full(x, weights, bias), width)})
