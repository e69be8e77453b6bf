"""A checkout of Expression-Net with its weights in their place: random ones, thin, but under the right names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime3d.importers import alexnet, facepose, resnet
from tests.helpers import checkpoints
from tests.helpers.basel import Egg, write_mod

LABEL_MEAN = np.array([0.1, 0.05, -0.02, 1.0, -2.0, 2250.0])
LABEL_STD = np.array([0.2, 0.3, 0.1, 8.0, 8.0, 90.0])
SCALED_MEAN, SCALED_STD = np.array([8.1e-4, -0.15, 0.0, 0.0, 111, 114.0]), np.array([4e-5, 0.2, 0.9, 0.2, 36, 9.5])
PIXEL_MEAN = np.array([0.36, 0.41, 0.5])


@contextmanager
def thin() -> Iterator[None]:
    """The nets with their own depth and kernels, but few channels: seconds instead of minutes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet, "STEM", 8)
        patch.setattr(resnet, "STAGES", tuple((number, count, 8) for number, count, _ in resnet.STAGES))
        patch.setattr(alexnet, "HIDDEN", 24)
        patch.setattr(facepose, "HIDDEN", (16, 24))
        yield


@dataclass(frozen=True)
class Checkout:
    """The folder, and what was written into it."""

    folder: Path
    expression: dict[str, NDArray]
    shape: dict[str, NDArray]
    pose: dict[str, NDArray]
    mean: NDArray  # (3, 224, 224)
    egg: Egg

    @property
    def expression_file(self) -> Path:
        return self.folder / "Expression_Model" / "ini_exprNet_model.ckpt"

    @property
    def shape_file(self) -> Path:
        return self.folder / "Shape_Model" / "ini_ShapeTextureNet_model.ckpt"

    @property
    def pose_file(self) -> Path:
        return self.folder / "fpn_new_model" / "model_0_1.0_1.0_1e-07_1_16000.ckpt"

    @property
    def model_file(self) -> Path:
        return self.folder / "Shape_Model" / "BaselFaceModel_mod.mat"


def make_checkout(folder: Path, seed: int = 7) -> Checkout:
    """In the widths of the moment: see `thin`. ExpNet and FacePoseNet in TensorFlow's newer format, 3DMM-CNN in the
    older one."""
    mean = np.random.default_rng(seed).uniform(80, 130, (3, 224, 224))
    made = Checkout(
        folder,
        {
            **checkpoints.resnet_variables("exprCNN", seed),
            **checkpoints.head_variables("exprCNN/exprCNN_fc1", 29, seed),
        },
        {
            **checkpoints.resnet_variables("shapeCNN", seed + 1),
            **checkpoints.head_variables("shapeCNN/shapeCNN_fc1", 198, 3),
        },
        checkpoints.alexnet_variables(seed + 2),
        mean,
        Egg.make(),
    )
    for file in (made.expression_file, made.shape_file, made.pose_file):
        file.parent.mkdir(parents=True)
    checkpoints.write_newer(made.expression_file, made.expression)
    checkpoints.write_older(made.shape_file, made.shape)
    checkpoints.write_newer(made.pose_file, made.pose)
    np.save(made.shape_file.with_name("3DMM_shape_mean.npy"), mean)
    np.save(made.expression_file.with_name("3DMM_expr_mean.npy"), mean + 5)
    labels = made.pose_file.with_name("perturb_Oxford_train_labels_mean_std.npz")
    np.savez(labels, mean_labels=LABEL_MEAN, std_labels=LABEL_STD)
    np.savez(made.pose_file.with_name("perturb_Oxford_train_imgs_mean.npz"), train_mean_vec=PIXEL_MEAN)
    write_mod(made.model_file, made.egg)
    return made
