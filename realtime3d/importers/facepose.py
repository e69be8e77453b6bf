"""FacePoseNet: the pose of a head from a picture. The first release is an AlexNet, the later one a ResNet-101."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from numpy.typing import NDArray

from realtime3d.errors import MissingError
from realtime3d.importers import alexnet, resnet, tf_resnet
from realtime3d.importers.finding import check_there, check_variables, find_checkpoint, mean_image, numbers
from realtime3d.importers.finding import needed_beside as needed
from realtime3d.importers.graph import Graph
from realtime3d.importers.piece import POSE, Piece
from realtime3d.importers.tensorflow_ import Checkpoint

WHAT = "FacePoseNet"
WIDTH = 6
FOLDERS = ("fpn_new_model", "models", "train_stats")
ALEX_SCOPE = "Spatial_Transformer/ST2"
ALEX_PIXELS, ALEX_LABELS = "perturb_Oxford_train_imgs_mean.npz", "perturb_Oxford_train_labels_mean_std.npz"
POSE_SCOPE, TRUNK_SCOPE = "Pose", "shapeCNN"
LAST = f"{POSE_SCOPE}/fc3/W"
HIDDEN = (2048, 4096)
LABEL_MEAN, LABEL_STD, PICTURE = "train_label_mean_300WLP.npy", "train_label_std_300WLP.npy", "3DMM_shape_mean.npy"
PROVENANCE = "Chang et al., FacePoseNet: Making a Case for Landmark-Free Face Alignment (ICCV workshops 2017)"


def read(path: Path, mean: Path | None = None) -> Piece:
    """The net from a checkpoint, its folder, or a checkout of Face-Pose-Net or Expression-Net."""
    check_there(path)

    def fits(found: Checkpoint) -> bool:
        if any(name.startswith(f"{ALEX_SCOPE}/") for name in found):
            return True
        return LAST in found and (found.shape(LAST)[-1:] == (WIDTH,) or not path.is_dir())  # the other is refused below

    checkpoint = find_checkpoint(path, fits, FOLDERS, WHAT)
    if LAST in checkpoint:
        return _resnet(checkpoint, path, mean)
    return _alexnet(checkpoint)


def _alexnet(checkpoint: Checkpoint) -> Piece:
    path = checkpoint.path
    pixels = numbers(needed(path, (ALEX_PIXELS,), FOLDERS, "its mean colour"), "train_mean_vec", 3)
    labels = needed(path, (ALEX_LABELS,), FOLDERS, "what its answers mean")
    middle, spread = (numbers(labels, name, WIDTH) for name in ("mean_labels", "std_labels"))
    layers = tf_resnet.TfLayers([checkpoint], ALEX_SCOPE)
    check_variables(path, layers.variables(), _alex_wanted(), WHAT)

    def variable(name: str, shape: tuple[int, ...]) -> NDArray:
        return layers.read(_alex_name(name))

    graph = Graph(WHAT, alexnet.SIDE)
    x = graph.node("Mul", [graph.pixels(), graph.constant([1 / 255])])
    x = graph.node("Sub", [x, graph.constant(pixels[None, :, None, None])])
    x = alexnet.trunk(graph, x, variable)
    x = _in_units(graph, graph.full(x, variable("fc8/W", ()), variable("fc8/b", ())), middle, spread)
    facts = {"size": alexnet.SIDE, "outputs": ["camera_pose"], "crop": "square", "labels": labels.name}
    return _piece(graph.finished({"camera_pose": (x, WIDTH)}), facts, f"{path}, with {labels.name}")


def _piece(data: bytes, facts: dict[str, object], said: str) -> Piece:
    return Piece(POSE, data, ".onnx", {"input": "image", **facts, "provenance": PROVENANCE}, said)


def _alex_name(name: str) -> str:
    layer, _, kind = name.partition("/")
    return f"{ALEX_SCOPE}/{layer}/{'W' if kind == 'W' else 'baises'}"  # their spelling


def _alex_wanted() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    alexnet.each_layer(lambda name, shape: shapes.update({_alex_name(name): shape}))
    return {**shapes, _alex_name("fc8/W"): (alexnet.HIDDEN, WIDTH), _alex_name("fc8/b"): (WIDTH,)}


def _in_units(graph: Graph, x: str, middle: NDArray, spread: NDArray) -> str:
    """Answers in the labels' own units, which training had normalised."""
    return graph.node("Add", [graph.node("Mul", [x, graph.constant(spread)]), graph.constant(middle)])


# -- the later net ----------------------------------------------------------------------------------------------------


def _resnet(checkpoint: Checkpoint, path: Path, mean: Path | None) -> Piece:
    """Its checkpoint holds what was trained; the normalisations lie in the one that training began with."""
    width = checkpoint.shape(LAST)[-1:]
    if width != (WIDTH,):
        raise MissingError(
            f"{checkpoint.path} answers with a projection of {width[0] if width else 0} numbers, which is not read: "
            f"name the checkpoint of {WHAT}'s 6 degrees of freedom"
        )
    layers = tf_resnet.TfLayers([*_start(checkpoint, path), checkpoint], TRUNK_SCOPE)
    sizes = (resnet.features(), *HIDDEN, WIDTH)
    wanted = tf_resnet.wanted(TRUNK_SCOPE)
    for i, (into, out) in enumerate(pairwise(sizes), start=1):
        wanted[f"{POSE_SCOPE}/fc{i}/W"] = (into, out)
        wanted[f"{POSE_SCOPE}/fc{i}/baises"] = (out,)
    check_variables(checkpoint.path, layers.variables(), wanted, WHAT)
    middle, spread = (
        numbers(needed(checkpoint.path, (name,), FOLDERS, "what its answers mean"), "", WIDTH)
        for name in (LABEL_MEAN, LABEL_STD)
    )
    mean = mean or needed(checkpoint.path, (PICTURE,), FOLDERS, "its mean picture")
    graph = Graph(WHAT, resnet.SIDE)
    x = tf_resnet.features(graph, layers, mean_image(mean, resnet.SIDE), resnet.SIDE)
    for i in range(1, len(HIDDEN) + 1):
        x = graph.relu(graph.full(x, *(layers.read(f"{POSE_SCOPE}/fc{i}/{name}") for name in ("W", "baises"))))
    last = len(HIDDEN) + 1
    x = graph.full(x, *(layers.read(f"{POSE_SCOPE}/fc{last}/{name}") for name in ("W", "baises")))
    x = _in_units(graph, x, middle, spread)
    facts = {"size": resnet.SIDE, "outputs": ["scaled_pose"], "crop": "landmarks", "labels": LABEL_MEAN}
    return _piece(graph.finished({"scaled_pose": (x, WIDTH)}), facts, f"{checkpoint.path}, with {LABEL_MEAN}")


def _start(checkpoint: Checkpoint, path: Path) -> list[Checkpoint]:
    """The checkpoint beside it that has the normalisations' statistics, unless it has them itself."""
    norm = f"{TRUNK_SCOPE}/bn_conv1/mean"
    if norm in checkpoint:
        return []
    folder = path if path.is_dir() else checkpoint.path.parent

    def fits(found: Checkpoint) -> bool:
        return norm in found and LAST not in found

    return [find_checkpoint(folder, fits, FOLDERS, "the ResNet that FacePoseNet's training began with")]
