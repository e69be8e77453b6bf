from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.official import Checkout, make_checkout, thin


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """Thin nets and an egg for a head; nothing in it is changed."""
    with thin():
        yield make_checkout(tmp_path_factory.mktemp("Expression-Net"))


@pytest.fixture(scope="session")
def imported(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete set made of the checkout."""
    pytest.importorskip("onnx")
    from realtime3d.importers import basel, expnet, facepose, model_set, shape3dmm

    folder = tmp_path_factory.mktemp("sets") / "official"
    for importer in (expnet, facepose, shape3dmm, basel):
        missing = model_set.add(folder, importer.read(checkout.folder), overwrite=False)[1]
    assert not missing
    return folder
