"""Everything of ours that parses what somebody else may have written.

Each target takes bytes and reads them as a user's file or message is read; errors of ours are fine, all others are
findings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.fuzz import models, texts
from tests.fuzz.changes import (
    Change,
    bytes_of,
    cells_of,
    database_of,
    glb_of,
    json_of,
    parquet_of,
    toml_of,
    zip_of,
)
from tests.fuzz.scratch import quietly


@dataclass(frozen=True, slots=True)
class Target:
    """One kind of input."""

    read: Callable[[bytes], None]
    longest: int = 4096  # bytes that are worth trying
    forms: tuple[Change, ...] = ()  # changes that keep its form

    def __call__(self, data: bytes) -> None:
        quietly(lambda: self.read(data))

    def changed(self, data: bytes, chance: Random, otherwise: Change = bytes_of) -> bytes:
        """Half of the changes keep the form, where there are such ones and the input has it; the others do not."""
        change = chance.choice((*self.forms, *[otherwise] * max(len(self.forms), 1)))
        new = change(data, chance)
        return bytes_of(data, chance) if new is None else new


TARGETS = {
    "picture-list": Target(texts.picture_list, forms=(cells_of,)),
    "film-list": Target(texts.film_list, forms=(cells_of,)),
    "boxes": Target(texts.boxes, forms=(cells_of,)),
    "intrinsics": Target(texts.intrinsics, forms=(json_of, zip_of)),
    "settings": Target(texts.settings, forms=(toml_of,)),
    "calibration": Target(texts.calibration, forms=(toml_of,)),
    "profile": Target(texts.profile, forms=(json_of,)),
    "model-list": Target(texts.model_list, forms=(toml_of,)),
    "model-file": Target(models.model_file, 80_000, (zip_of,)),
    "model-part": Target(models.model_part, 80_000, (zip_of,)),
    "person": Target(models.person, 80_000, (zip_of,)),
    "table": Target(texts.table, 16_000, (json_of, cells_of)),
    "picture-table": Target(texts.picture_table, 16_000, (json_of, cells_of)),
    "plotted-table": Target(texts.plotted_table, 16_000, (cells_of,)),
    "pictures-resumed": Target(texts.pictures_resumed, forms=(cells_of,)),
    "parquet": Target(texts.parquet, 20_000, (parquet_of,)),
    "parquet-resumed": Target(texts.parquet_resumed, 20_000, (parquet_of,)),
    "resumed": Target(texts.resumed, 16_000, (json_of, cells_of)),
    "sidecar": Target(texts.sidecar, forms=(json_of,)),
    "page-message": Target(texts.page_message, forms=(json_of,)),
    "page-request": Target(texts.page_request),
    "pushed-picture": Target(texts.pushed_picture),
    "vts-answers": Target(texts.vts_answers, forms=(json_of,)),
    "glb": Target(models.glb, 20_000, (glb_of,)),
    "obj": Target(models.obj),
    "manifest": Target(texts.manifest, 60_000, (database_of,)),
    "pickled-weights": Target(models.pickled_weights, 8_000, (zip_of,)),
    "checkpoint": Target(models.checkpoint, 8_000),
    "caffe": Target(models.caffe_weights, 8_000),
    "matlab": Target(models.matlab, 8_000),
}
