"""MATLAB's files, compared with SciPy's reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime3d.errors import MissingError
from realtime3d.importers import matlab

io = pytest.importorskip("scipy.io", reason="SciPy is not installed: pip install '.[test]'")


def content() -> dict[str, object]:
    rng = np.random.default_rng(1)
    kinds = ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8")
    plain = {f"a_{kind}": rng.integers(0, 100, (3, 4)).astype(kind) for kind in kinds}
    struct = {
        "x": rng.normal(size=(5, 2)),
        "faces": np.arange(6, dtype="u2").reshape(2, 3),
        "text": "words",
        "one": 2.5,
    }
    return {**plain, "model": struct, "cube": rng.normal(size=(2, 3, 4)), "empty": np.zeros((0, 3)), "words": "hello"}


@pytest.mark.parametrize("compressed", [True, False])
def test_reads_numbers_and_structs_as_scipy_does(compressed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    io.savemat(path, content(), do_compression=compressed)
    found, expected = matlab.load(path), io.loadmat(path)
    assert "words" not in found
    for name in content():
        if name not in ("words", "model"):
            np.testing.assert_array_equal(found[name], expected[name])
    assert set(found["model"]) == {"x", "faces", "one"}
    for name, values in found["model"].items():
        np.testing.assert_array_equal(values, expected["model"][name][0, 0])


def test_damaged_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    for compressed in (True, False):
        io.savemat(path, content(), do_compression=compressed)
        data = path.read_bytes()
        for size in (0, 100, 203, len(data) // 2, len(data) - 3):
            path.write_bytes(data[:size])
            with pytest.raises(MissingError, match=r"a.mat cannot be read .*copy or download it again"):
                matlab.load(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file" + bytes(200))
    with pytest.raises(MissingError, match="save it in MATLAB again with -v7"):
        matlab.load(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    with pytest.raises(MissingError, match="save it in MATLAB again with -v7"):
        matlab.load(path)


def test_damaged_bytes_never_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    io.savemat(path, content())
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(data)
        for at in rng.integers(0, len(data), 4):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(bytes(damaged))
        try:
            matlab.load(path)
        except MissingError as error:
            assert "a.mat" in str(error)
