"""Every input that was ever found, and some changed at random: the parsers answer, or say what is wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.scratch import remove_scratch
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
CHANGES = 60  # of each input


@pytest.fixture(scope="module", autouse=True)
def scratch() -> Iterator[None]:
    yield
    remove_scratch()


@pytest.mark.parametrize("name", TARGETS)
def test_a_corpus(name: str) -> None:
    if name.startswith("parquet"):
        pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    files = sorted((CORPUS / name).iterdir())
    assert files
    for file in files:
        data = file.read_bytes()
        TARGETS[name](data)
        chance = random.Random(len(data))
        for _ in range(CHANGES if file.name.startswith("seed") else 3):
            TARGETS[name](TARGETS[name].changed(data, chance))
