"""Files in the Basel Face Model's layouts: of the right names and shapes, but of an egg and random components."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime3d.importers.basel import N_EXPRESSION, N_SHAPE

ROWS, COLUMNS = 14, 15  # of the egg's vertices
LANDMARKS = 68
STORED_SHAPES = 110  # the Basel model has 199, of which the first 99 are used


@dataclass(frozen=True)
class Egg:
    """mm, x right, y up, z towards the viewer."""

    mean: NDArray  # (V, 3)
    shape: NDArray  # (V * 3, 99) of length 1
    shape_sd: NDArray
    motion_mean: NDArray  # (V, 3)
    motion: NDArray  # (V * 3, 29)
    motion_sd: NDArray
    faces: NDArray  # (T, 3) from 0
    landmarks: NDArray  # (68,) from 0

    @classmethod
    def make(cls, seed: int = 5) -> Egg:
        rng = np.random.default_rng(seed)
        up, around = np.linspace(-1.4, 1.4, ROWS), np.linspace(-1.5, 1.5, COLUMNS)  # the front half
        a, b = np.meshgrid(up, around, indexing="ij")
        mean = np.stack([70 * np.cos(a) * np.sin(b), 90 * np.sin(a), 100 * np.cos(a) * np.cos(b)], -1).reshape(-1, 3)
        i = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).ravel()
        quads = np.stack([i, i + 1, i + COLUMNS + 1, i + COLUMNS], -1)
        faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        n = mean.size

        def basis(count: int) -> NDArray:
            return np.linalg.qr(rng.normal(size=(n, count)))[0]

        return cls(
            mean=mean,
            shape=basis(STORED_SHAPES),
            shape_sd=np.linspace(40, 5, STORED_SHAPES),
            motion_mean=rng.normal(size=mean.shape) * 0.1,
            motion=basis(N_EXPRESSION) * 8,
            motion_sd=np.linspace(2, 0.5, N_EXPRESSION),
            faces=faces,
            landmarks=rng.choice(len(mean), LANDMARKS, replace=False),
        )

    def face(self, alpha: NDArray, eta: NDArray) -> NDArray:
        """(V, 3), as the originals' programs sum it."""
        shape = self.shape[:, :N_SHAPE] @ (alpha * self.shape_sd[:N_SHAPE])
        motion = self.motion @ (eta * self.motion_sd)
        return self.mean + self.motion_mean + (shape + motion).reshape(-1, 3)

    def trimmed(self) -> dict[str, NDArray]:
        """What trimBaselFace.py stores."""
        column = (-1, 1)
        return {
            "faces": (self.faces + 1).astype(np.uint16),
            "shapeMU": self.mean.reshape(column),
            "shapePC": self.shape[:, :N_SHAPE].astype(np.float32),
            "shapeEV": self.shape_sd[:N_SHAPE].reshape(column),
            "texMU": np.zeros((self.mean.size, 1)),
            "expMU": self.motion_mean.reshape(column),
            "expPC": self.motion,
            "expEV": self.motion_sd.reshape(column),
            "innerLandmarkIndex": np.ones((LANDMARKS, 1)),
            "outerLandmarkIndex": (self.landmarks + 1.0).reshape(column),
        }


def write_mod(path: Path, egg: Egg, **changes: Any) -> Path:
    """BaselFaceModel_mod.mat; a change of None leaves that array out."""
    io = pytest.importorskip("scipy.io")
    values = {**egg.trimmed(), **changes}
    io.savemat(path, {"BFM": {name: value for name, value in values.items() if value is not None}})
    return path


def write_mod_h5(path: Path, egg: Egg) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, values in egg.trimmed().items():
            file[name] = values
    return path


def write_original(folder: Path, egg: Egg, shift: float = 0.25) -> Path:
    """01_MorphableModel.mat in micrometres with vertices that are not used, and the two files that lie beside it."""
    io = pytest.importorskip("scipy.io")
    count = len(egg.mean)
    rng = np.random.default_rng(1)
    place = np.sort(rng.choice(count + 30, count, replace=False))  # of our vertices in the whole model
    moving = rng.permutation(count + 30)  # of the whole model's vertices in the expressions' model

    def spread(rows: NDArray, where: NDArray) -> NDArray:
        """(V * 3, K) rows in a larger array."""
        whole = np.full((count + 30, 3, rows.shape[1]), 7.0)
        whole[where] = rows.reshape(count, 3, -1)
        return whole.reshape(-1, rows.shape[1])

    mean = egg.mean - [shift, 0, 0]
    io.savemat(
        folder / "01_MorphableModel.mat",
        {
            "shapeMU": spread(mean.reshape(-1, 1) * 1000, place).astype(np.float32),
            "shapePC": spread(egg.shape, place).astype(np.float32),
            "shapeEV": (egg.shape_sd * 1000).reshape(-1, 1),
            "tl": np.ones((4, 3)),
        },
        do_compression=True,
    )
    rows = moving[place]
    io.savemat(
        folder / "Model_Expression.mat",
        {
            "mu_exp": spread(egg.motion_mean.reshape(-1, 1) * 1000, rows),
            "w_exp": spread(egg.motion * 1000, rows),
        },
    )
    choice = {
        "tx": shift,
        "vertex_indices": (place + 1).astype(np.uint16),
        "vertex_expr_ref": (moving + 1).astype(np.int32),
        "expEV": egg.motion_sd.reshape(-1, 1),
        "faces": egg.faces + 1,
        "outerLandmarkIndex": egg.landmarks + 1,
    }
    io.savemat(folder / "mod_struct_expr.mat", {"mod_struct": choice}, do_compression=True)
    return folder / "01_MorphableModel.mat"


def write_2017(path: Path, egg: Egg) -> Path:
    """model2017-1_bfm_nomouth.h5, Statismo's layout."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for part, mean, basis, sd in (
            ("shape", egg.mean, egg.shape, egg.shape_sd),
            ("expression", egg.motion_mean, egg.motion, egg.motion_sd),
        ):
            file[f"{part}/model/mean"] = mean.ravel()
            file[f"{part}/model/pcaBasis"] = basis
            file[f"{part}/model/pcaVariance"] = sd**2
        file["shape/representer/cells"] = egg.faces.T
        file["shape/representer/points"] = egg.mean.T
    return path
