"""ResNet-101 as Caffe has it (strides in each block's first convolution), with the originals' names of layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from realtime3d.importers.graph import NO_PADS, Graph, Pads

STEM = 64  # channels of the first layer
STAGES = ((2, 3, 64), (3, 4, 128), (4, 23, 256), (5, 3, 512))  # number, blocks, channels inside a block
WIDER = 4  # channels at a block's end over those inside
SIDE = 224  # px
SAME: Pads = (1, 1, 1, 1)
Shape4 = tuple[int, int, int, int]  # out, in, height, width


@dataclass(frozen=True, slots=True)
class Borders:
    """What is added around the picture before the first layer, and around what goes into the first pooling."""

    stem: Pads
    pool: Pads


TENSORFLOW = Borders((2, 2, 3, 3), (0, 0, 1, 1))  # its padding SAME, at 224 px
CAFFE = Borders((3, 3, 3, 3), (0, 0, 1, 1))


@dataclass(frozen=True, slots=True)
class Normalised:
    """A convolution without bias and the batch normalisation behind it."""

    weights: NDArray  # (out, in, height, width)
    scale: NDArray
    offset: NDArray
    mean: NDArray
    variance: NDArray
    epsilon: float

    def folded(self) -> tuple[NDArray, NDArray]:
        """One convolution with a bias that does both."""
        factor = self.scale.astype(np.float64) / np.sqrt(self.variance.astype(np.float64) + self.epsilon)
        return self.weights * factor[:, None, None, None], self.offset - self.mean * factor


class Layers(Protocol):
    """Where the numbers come from."""

    def normalised(self, conv: str, norm: str, shape: Shape4) -> Normalised:
        """A convolution of this shape (out, in, height, width); MissingError where it is missing or another one."""
        ...


def features() -> int:
    """How many numbers the trunk gives."""
    return WIDER * STAGES[-1][2]


def blocks() -> Iterator[tuple[str, int, int, int]]:
    """Name, channels in, channels inside and stride of each block, in order."""
    before = STEM
    for number, count, inside in STAGES:
        for i in range(count):
            letter = _letter(i, count)
            yield f"{number}{letter}", before, inside, 2 if i == 0 and number > 2 else 1
            before = WIDER * inside


def _letter(i: int, count: int) -> str:
    """a, b, c; in stages with more than three blocks a, b1, b2, ..."""
    return "abc"[i] if count <= 3 else ("a" if i == 0 else f"b{i}")


def convolutions() -> dict[str, tuple[str, Shape4]]:
    """Every convolution with the name of the normalisation behind it and the shape of its weights."""
    found: dict[str, tuple[str, Shape4]] = {"conv1": ("bn_conv1", (STEM, 3, 7, 7))}
    for name, before, inside, _ in blocks():
        end = WIDER * inside
        shapes: dict[str, Shape4] = {"branch2a": (inside, before, 1, 1), "branch2b": (inside, inside, 3, 3)}
        shapes["branch2c"] = (end, inside, 1, 1)
        if name.endswith("a"):
            shapes["branch1"] = (end, before, 1, 1)
        found.update({f"res{name}_{part}": (f"bn{name}_{part}", shape) for part, shape in shapes.items()})
    return found


def trunk(graph: Graph, x: str, layers: Layers, borders: Borders) -> str:
    """The layers from (N, 3, 224, 224) to (N, `features()`)."""
    there = convolutions()

    def conv(x: str, name: str, stride: int = 1, pads: Pads = NO_PADS) -> str:
        return graph.conv(x, *layers.normalised(name, *there[name]).folded(), stride=stride, pads=pads)

    x = graph.relu(conv(x, "conv1", 2, borders.stem))
    x = graph.max_pool(x, 3, 2, borders.pool)
    for name, _, _, stride in blocks():
        y = graph.relu(conv(x, f"res{name}_branch2a", stride))
        y = graph.relu(conv(y, f"res{name}_branch2b", pads=SAME))
        y = conv(y, f"res{name}_branch2c")
        short = conv(x, f"res{name}_branch1", stride) if f"res{name}_branch1" in there else x
        x = graph.relu(graph.node("Add", [short, y]))
    return graph.node("Flatten", [graph.node("GlobalAveragePool", [x])])
