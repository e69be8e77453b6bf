"""TensorFlow's checkpoints: both formats, in many blocks, compressed ones, damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import MissingError
from realtime3d.importers import sstable
from realtime3d.importers.tensorflow_ import checkpoints_in, is_checkpoint, open_checkpoint
from tests.helpers import checkpoints
from tests.helpers.checkpoints import field, shape_message, table, varint, write_newer, write_older

WRITERS = {"newer": write_newer, "older": write_older}


@pytest.fixture
def variables() -> dict[str, np.ndarray]:
    """More than one block of them, with names that share beginnings."""
    rng = np.random.default_rng(0)
    names = [f"net/res{i}b{j}_branch2a/{kind}" for i in range(12) for j in range(12) for kind in ("scale", "weights")]
    found = {name: rng.normal(size=(i % 4, 3)).astype(np.float32) for i, name in enumerate(names)}
    return {**found, "net/one": np.float32(3.5)}


@pytest.mark.parametrize("kind", WRITERS)
def test_reads_what_was_written(kind: str, variables: dict[str, np.ndarray], tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / "model.ckpt", variables)
    (tmp_path / "model.ckpt.meta").write_bytes(b"a graph")
    (tmp_path / "notes.txt").write_text("nothing")
    assert checkpoints_in(tmp_path) == [tmp_path / "model.ckpt"]
    assert is_checkpoint(tmp_path / "model.ckpt")
    found = open_checkpoint(tmp_path / "model.ckpt")
    assert set(found) == set(variables)
    for name, values in variables.items():
        assert found.shape(name) == values.shape
        np.testing.assert_array_equal(found.read(name), values)


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001", ".meta"])
def test_any_file_of_it_names_it(ending: str, variables: dict[str, np.ndarray], tmp_path: Path) -> None:
    write_newer(tmp_path / "model.ckpt", variables)
    assert "net/one" in open_checkpoint(tmp_path / f"model.ckpt{ending}")


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_cut_off_anywhere_is_one_clear_error(
    kind: str, variables: dict[str, np.ndarray], tmp_path: Path
) -> None:
    path = tmp_path / "model.ckpt"
    WRITERS[kind](path, variables)
    file = path if kind == "older" else tmp_path / "model.ckpt.index"
    data = file.read_bytes()
    for size in (0, 1, 20, len(data) // 3, len(data) - 48, len(data) - 1):
        file.write_bytes(data[:size])
        with pytest.raises(MissingError, match=r"cannot be read .*: copy or download it again$"):
            open_checkpoint(path)


def test_damaged_bytes_are_an_error_or_another_value_and_never_a_crash(
    variables: dict[str, np.ndarray], tmp_path: Path
) -> None:
    path = tmp_path / "model.ckpt"
    write_older(path, variables)
    data, rng = path.read_bytes(), np.random.default_rng(4)
    for _ in range(150):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        try:
            found = open_checkpoint(path)
            for name in found:
                found.read(name)
        except MissingError as error:
            assert "model.ckpt" in str(error)


def test_numbers_that_end_early_and_files_that_are_not_there(variables: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    write_newer(path, variables)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])
    found = open_checkpoint(path)
    with pytest.raises(MissingError, match="it ends within the variable net/res9b9_branch2a/weights"):
        for name in found:
            found.read(name)
    data.unlink()
    with pytest.raises(MissingError, match=r"has no model.ckpt.data-00000-of-00001 beside it"):
        open_checkpoint(path)
    with pytest.raises(MissingError, match="there is no checkpoint"):
        open_checkpoint(tmp_path / "other.ckpt")


def test_types_slices_and_byte_orders_that_are_not_known(tmp_path: Path) -> None:
    (tmp_path / "m.data-00000-of-00001").write_bytes(bytes(64))
    header = {b"": field(1, 1)}
    entry = field(1, 1) + field(2, shape_message((2,))) + field(5, 8)
    for entries, text in (
        ({**header, b"x": field(1, 1) + field(2, shape_message((3,))) + field(5, 8)}, "8 bytes for"),
        ({**header, b"x": entry + field(7, b"")}, "in slices"),
        ({b"": field(1, 1) + field(2, 1), b"x": entry}, "big-endian"),
    ):
        (tmp_path / "m.index").write_bytes(table(entries))
        with pytest.raises(MissingError, match=text):
            open_checkpoint(tmp_path / "m")
    other = field(1, 7) + field(2, shape_message((2,))) + field(5, 8)  # texts, which no net is made of
    (tmp_path / "m.index").write_bytes(table({**header, b"text": other, b"x": entry}))
    assert list(open_checkpoint(tmp_path / "m")) == ["x"]


def test_snappy() -> None:
    plain = b"expression expression expression!" + bytes(range(70)) + b"a" * 100
    literal = bytes([len(b"expression ") - 1 << 2]) + b"expression "
    near = bytes([1 | (11 - 4) << 2, 11])  # 11 bytes from 11 back
    far = bytes([2 | (10 - 1) << 2]) + (11).to_bytes(2, "little")
    longer = bytes([61 << 2]) + (70).to_bytes(2, "little") + b"!" + bytes(range(70))
    run = bytes([0]) + b"a" + bytes([3 | (60 - 1) << 2]) + (1).to_bytes(4, "little") + bytes([2 | (39 - 1) << 2, 1, 0])
    packed = varint(len(plain)) + literal + near + far + longer + run
    assert sstable.unsnapped(memoryview(packed)) == plain
    for broken in (packed[:-1], varint(9) + literal, varint(4) + bytes([1, 5])):
        with pytest.raises(ValueError):
            sstable.unsnapped(memoryview(broken))


def test_tables_of_compressed_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {f"key{i:03d}".encode(): bytes(i) for i in range(200)}
    data = bytearray(table(entries))
    size, handle = len(checkpoints.block([])), len(data) - 48
    assert dict(sstable.items(memoryview(bytes(data)))) == entries
    data[handle - 5] = 9  # how the last block, the index, is said to be compressed
    assert size
    with pytest.raises(ValueError, match="number 9"):
        dict(sstable.items(memoryview(bytes(data))))
