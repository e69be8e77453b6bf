"""ExpNet: 29 coefficients of expression from a picture, out of a checkpoint of Expression-Net."""

from __future__ import annotations

from pathlib import Path

from realtime3d.importers import resnet, tf_resnet
from realtime3d.importers.finding import beside, check_there, find_checkpoint, mean_image
from realtime3d.importers.finding import needed_beside as needed
from realtime3d.importers.piece import EXPRESSION, Piece

WHAT = "ExpNet"
SCOPE, HEAD, WIDTH = "exprCNN", "exprCNN/exprCNN_fc1", 29
FOLDERS = ("Expression_Model", "Shape_Model")
# The released program loads the second and subtracts the first from the pictures of both nets.
MEANS = ("3DMM_shape_mean.npy", "3DMM_expr_mean.npy")
PROVENANCE = "Chang et al., ExpNet: Landmark-Free, Deep, 3D Facial Expressions (FG 2018); Expression-Net's checkpoint"


def read(path: Path, mean: Path | None = None) -> Piece:
    """The net from a checkpoint, its folder, or a checkout of Expression-Net. `mean`: another mean picture."""
    check_there(path)
    checkpoint = find_checkpoint(path, lambda found: any(n.startswith(f"{SCOPE}/") for n in found), FOLDERS, WHAT)
    mean = mean or beside(checkpoint.path, MEANS, FOLDERS) or needed(path, MEANS, FOLDERS, "its mean picture")
    image = mean_image(mean, resnet.SIDE)
    layers = tf_resnet.TfLayers([checkpoint], SCOPE)
    data = tf_resnet.regressor(layers, SCOPE, HEAD, WIDTH, "expression", WIDTH, image, WHAT)
    return Piece(
        part=EXPRESSION,
        data=data,
        suffix=".onnx",
        facts={
            "input": "image",
            "size": tf_resnet.FROM_SIDE,
            "outputs": ["expression"],
            "crop": "square",
            "mean": mean.name,
            "provenance": PROVENANCE,
        },
        read=f"{checkpoint.path}, less {mean}",
    )
