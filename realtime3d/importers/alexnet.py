"""AlexNet as FacePoseNet has it: 227 px, convolutions in two groups, local response normalisation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from realtime3d.importers.graph import Graph, Pads

SIDE = 227
CONVOLUTIONS: tuple[tuple[str, tuple[int, int, int, int], int, Pads, int], ...] = (
    # name, shape (height, width, in / group, out), stride, borders (TensorFlow's SAME), groups
    ("conv1", (11, 11, 3, 96), 4, (4, 4, 4, 4), 1),
    ("conv2", (5, 5, 48, 256), 1, (2, 2, 2, 2), 2),
    ("conv3", (3, 3, 256, 384), 1, (1, 1, 1, 1), 1),
    ("conv4", (3, 3, 192, 384), 1, (1, 1, 1, 1), 2),
    ("conv5", (3, 3, 192, 256), 1, (1, 1, 1, 1), 2),
)
POOLED = ("conv1", "conv2", "conv5")  # each followed by a maximum of 3 x 3 in steps of 2
NORMALISED = ("conv1", "conv2")
SIDE_AT_END, HIDDEN = 6, 4096  # of the last convolution's pooled answer; of the fully connected layers
NEIGHBOURS, ALPHA, BETA = 5, 2e-5, 0.75  # of the normalisation; alpha is for each neighbour
Read = Callable[[str, tuple[int, ...]], NDArray]  # a layer's "W" or "b" of this shape, by "conv1/W"


def each_layer(tell: Callable[[str, tuple[int, ...]], object]) -> None:
    """Tell the name and shape of each variable of the trunk."""
    shapes: dict[str, tuple[int, ...]] = {name: shape for name, shape, *_ in CONVOLUTIONS}
    shapes["fc6"] = (SIDE_AT_END * SIDE_AT_END * CONVOLUTIONS[-1][1][3], HIDDEN)
    shapes["fc7"] = (HIDDEN, HIDDEN)
    for name, shape in shapes.items():
        tell(f"{name}/W", shape)
        tell(f"{name}/b", shape[-1:])


def trunk(graph: Graph, x: str, read: Read) -> str:
    """The layers from (N, 3, 227, 227), pixels over 255 less their mean, to (N, 4096)."""
    for name, shape, stride, pads, groups in CONVOLUTIONS:
        weights = read(f"{name}/W", shape).transpose(3, 2, 0, 1)
        bias = read(f"{name}/b", shape[3:])
        x = graph.relu(graph.conv(x, weights, bias, stride=stride, pads=pads, group=groups))
        if name in POOLED:
            x = graph.max_pool(x, 3, 2)
        if name in NORMALISED:
            x = graph.node("LRN", [x], size=NEIGHBOURS, alpha=ALPHA * NEIGHBOURS, beta=BETA, bias=1.0)
    channels = CONVOLUTIONS[-1][1][3]
    flat = SIDE_AT_END * SIDE_AT_END * channels
    weights = read("fc6/W", (flat, HIDDEN)).reshape(SIDE_AT_END, SIDE_AT_END, channels, HIDDEN)
    weights = np.moveaxis(weights, 2, 0).reshape(flat, HIDDEN)  # TensorFlow counts channels last
    x = graph.relu(graph.full(graph.node("Flatten", [x]), weights, read("fc6/b", (HIDDEN,))))
    return graph.relu(graph.full(x, read("fc7/W", (HIDDEN, HIDDEN)), read("fc7/b", (HIDDEN,))))
