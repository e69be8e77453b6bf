"""Engines on disk: what fits is given, everything else is refused with the line that builds it."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from realtime3d.backends import engines
from realtime3d.backends.base import NetSpec
from realtime3d.errors import MissingError, OutputError
from realtime3d.nets import modelset

SPEC = NetSpec("compact.track", Path("models/compact_track.onnx"), "a" * 64, "image", 112, ("rotation",))
DATA = b"engine" * 100


def info(**changes: object) -> engines.EngineInfo:
    values = engines.EngineInfo(
        net=SPEC.name,
        onnx_sha256=SPEC.sha256,
        library="tensorrt_rtx",
        version="1.7.1.116",
        target="sm86",
        precision="fp16",
        profile=(1, 4, 16),
        engine_sha256=hashlib.sha256(DATA).hexdigest(),
        engine_bytes=len(DATA),
        built="2026-01-01T00:00:00+00:00",
        build_s=0.2,
        parity={"onnxruntime": {"rotation_deg": 0.1}},
    )
    return replace(values, **changes)  # type: ignore[arg-type]


def load(path: Path) -> tuple[bytes, engines.EngineInfo]:
    return engines.load(path, SPEC, "tensorrt_rtx", "1.7.1.116", "sm86", "fp16")


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = engines.engine_path(tmp_path, SPEC, "sm86", "fp16")
    engines.save(path, DATA, info())
    return path


def refused(path: Path) -> str:
    with pytest.raises(MissingError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert "realtime3d build --target sm86 --precision fp16" in str(caught.value)
    return str(caught.value)


def test_what_was_saved_is_loaded(engine: Path) -> None:
    assert engine.name == "compact_track.sm86.fp16.engine"
    assert load(engine) == (DATA, info())
    assert sorted(p.name for p in engine.parent.iterdir()) == [
        "compact_track.sm86.fp16.engine",
        "compact_track.sm86.fp16.json",
    ]


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    assert "no engine" in refused(tmp_path / "compact_track.sm86.fp16.engine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"onnx_sha256": "b" * 64}, "from another ONNX file bbbbbbbbbbbbbbbb"),
        ({"library": "tensorrt"}, "with the library tensorrt"),
        ({"version": "1.6.0"}, "with version 1.6.0, here it is 1.7.1.116"),
        ({"target": "sm120"}, "for the GPU sm120, here it is sm86"),
        ({"precision": "fp32"}, "in precision fp32"),
        ({"profile": (1, 4, 64)}, "for batches of (1, 4, 64), here it is (1, 4, 16)"),
        ({"profile": (1, 4)}, "for batches of (1, 4), here it is (1, 4, 16)"),
    ],
)
def test_an_engine_made_for_something_else(engine: Path, change: dict[str, str], message: str) -> None:
    engines.save_info(engine, info(**change))
    assert message in refused(engine)


def test_sets_that_share_a_net_share_its_engine(engine: Path) -> None:
    engines.save_info(engine, info(net="accurate.track"))
    assert load(engine)[0] == DATA


@pytest.mark.parametrize("content", [DATA[:-1], b"", DATA[:-1] + b"X"])
def test_a_broken_engine(engine: Path, content: bytes) -> None:
    engine.write_bytes(content)
    assert "cut short" in refused(engine)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": 1}',
        "\udcff",
        json.dumps({"format": 2}),
        "null",
    ],
)
def test_a_sidecar_that_says_nothing(engine: Path, content: str) -> None:
    engines.sidecar_path(engine).write_text(content, encoding="utf-8", errors="surrogateescape")
    assert "no engine's sidecar" in refused(engine)


@pytest.mark.parametrize(
    "change",
    [
        {"profile": [1, 4, "many"]},
        {"profile": None},
        {"build_s": "long"},
        {"engine_bytes": "many"},
        {"parity": {}},
        {"parity": []},
        {"parity": {"onnxruntime": {}}},
        {"parity": {"onnxruntime": [0.1]}},
        {"parity": {"device": {"rotation_deg": 0.1}}},
        {"parity": {"onnxruntime": {"rotation_deg": "little"}}},
        {"parity": {"onnxruntime": {"rotation_deg": 0.1}, "device": {"rotation_deg": None}}},
        {"parity": {"onnxruntime": {"rotation_deg": 0.1}, "device": {}}},
    ],
)
def test_a_sidecar_with_values_of_the_wrong_kind(engine: Path, change: dict[str, object]) -> None:
    path = engines.sidecar_path(engine)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert "no engine's sidecar" in refused(engine)


def test_an_engine_without_its_sidecar_is_built_over(engine: Path) -> None:
    engines.sidecar_path(engine).unlink()  # as when the build was killed between the two files
    assert "has no sidecar" in refused(engine) and "--overwrite" in refused(engine)


def test_the_line_builds_this_engine_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME3D_ENGINES", str(tmp_path))
    accurate = modelset.find("accurate").nets["track"]
    usual = engines.engine_path(tmp_path, accurate, "sm86", "fp16")
    line = "realtime3d build --target sm86 --precision fp16 --models accurate"
    assert engines.build_line(usual, accurate, "sm86", "fp16") == line
    own, elsewhere = replace(SPEC, file=Path("my nets/track.onnx")), Path("other place/track.sm86.fp16.engine")
    words = shlex.split(engines.build_line(elsewhere, own, "sm86", "fp16"))
    assert words[-4:] == ["--models", "my nets", "--out", "other place"]


def test_no_engine_stays_when_its_sidecar_cannot_be_written(tmp_path: Path) -> None:
    path = engines.engine_path(tmp_path, SPEC, "sm86", "fp16")
    engines.sidecar_path(path).mkdir()  # in the sidecar's place
    with pytest.raises(OutputError, match="cannot write"):
        engines.save(path, DATA, info())
    assert [p.name for p in tmp_path.iterdir()] == ["compact_track.sm86.fp16.json"]


def test_a_folder_that_is_gone_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        engines.save(tmp_path / "missing" / "x.engine", DATA, info())
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_the_named_one_or_the_checkouts_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALTIME3D_ENGINES", str(tmp_path))
    assert engines.default_folder() == tmp_path
    monkeypatch.delenv("REALTIME3D_ENGINES")
    assert engines.default_folder().name == "engines"
    monkeypatch.setattr(engines, "__file__", str(tmp_path / "site-packages" / "realtime3d" / "backends" / "engines.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    assert engines.default_folder() == tmp_path / "cache" / "realtime3d" / "engines"
