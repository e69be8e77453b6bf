"""Every input that was ever found, and some changed at random: the parsers answer, or say what is wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, remove_scratch

CORPUS = Path(__file__).parent / "corpus"
CHANGES = 60  # of each input


@pytest.fixture(scope="module", autouse=True)
def scratch() -> Iterator[None]:
    yield
    remove_scratch()


@pytest.mark.parametrize("name", TARGETS)
def test_a_corpus(name: str) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="the [parquet] extra is not installed")
    files = sorted((CORPUS / name).iterdir())
    assert files
    for file in files:
        data = file.read_bytes()
        TARGETS[name](data)
        chance = random.Random(len(data))
        for _ in range(CHANGES if file.name.startswith("seed") else 3):
            TARGETS[name](changed(data, chance))


def changed(data: bytes, chance: random.Random) -> bytes:
    """A few bytes are others, gone, or there twice."""
    new = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(new) + 1)
        kind = chance.randrange(4)
        if kind == 0 and new:
            new[place % len(new)] = chance.randrange(256)
        elif kind == 1:
            del new[place : place + chance.randrange(1, 20)]
        elif kind == 2:
            new[place:place] = chance.choice([b"-", b"1e999", b"[" * 50, b"\0", b"\xff\xfe", b'"', b"\n", b"9" * 30])
        else:
            new[place:place] = new[place : place + chance.randrange(1, 40)]
    return bytes(new)
