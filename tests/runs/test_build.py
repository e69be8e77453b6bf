"""`realtime3d build` from the command line to the files, with TensorRT for RTX where it is installed. No GPU needed."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime3d.backends import cuda, engine_build, engines, parity
from realtime3d.backends.tensorrt_library import library
from realtime3d.cli import main
from realtime3d.errors import MissingError, extra_line
from realtime3d.face.model import FaceModel
from realtime3d.nets import modelset
from tests.helpers.io_sinks import small_disk
from tests.helpers.tiny_nets import write_list

TENSORRT = any(importlib.util.find_spec(name) for name in ("tensorrt_rtx_bindings", "tensorrt_rtx"))
needs_tensorrt = pytest.mark.skipif(not TENSORRT, reason=f"needs TensorRT for RTX: {extra_line('tensorrt')}")
onnx = pytest.importorskip("onnx")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same on machines with and without a GPU."""
    monkeypatch.setattr(cuda, "LIBRARY", "libnothere.so.1")
    cuda._library.cache_clear()
    yield
    cuda._library.cache_clear()


def build(net_folder: Path, out: Path, *options: str) -> int:
    return main(["build", "--models", str(net_folder), "--out", str(out), *options])


def error(capsys: pytest.CaptureFixture[str]) -> str:
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("realtime3d: ")
    return line


@needs_tensorrt
def test_engines_for_two_gpus_with_their_sidecars(
    net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "engines"
    assert build(net_folder, out, "--target", "sm86", "sm120") == 0
    names = {f"{part}.{target}.fp16.{kind}" for part in ("track", "shape") for target in ("sm86", "sm120")
             for kind in ("engine", "json")}  # fmt: skip
    assert {p.name for p in out.iterdir()} == names
    assert capsys.readouterr().out.count("built in") == 4
    content = json.loads((out / "track.sm86.fp16.json").read_text())
    spec = modelset.find(str(net_folder)).nets["track"]
    assert content["onnx_sha256"] == spec.sha256 and content["profile"] == [1, 4, 16]
    assert content["engine_bytes"] == (out / "track.sm86.fp16.engine").stat().st_size
    assert set(content["parity"]) == {"onnxruntime"}  # the engine itself has not run
    data, _ = engines.load(out / "track.sm86.fp16.engine", spec, "tensorrt_rtx", library().version, "sm86", "fp16")
    assert len(data) > 1000


@needs_tensorrt
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_other_precisions(net_folder: Path, tmp_path: Path, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("rotation_deg", "position", "log_scale"):  # eight bits are too few for random weights
        monkeypatch.setitem(parity.LIMITS, limit, 10 * parity.LIMITS[limit])
    assert build(net_folder, tmp_path, "--target", "sm89", "--precision", precision) == 0
    assert (tmp_path / f"shape.sm89.{precision}.engine").stat().st_size > 1000


@needs_tensorrt
def test_what_fits_stays_and_what_does_not_is_refused(
    net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(net_folder, tmp_path, "--target", "sm86") == 0
    engine = tmp_path / "track.sm86.fp16.engine"
    before = engine.stat().st_mtime_ns
    assert build(net_folder, tmp_path, "--target", "sm86") == 0
    assert engine.stat().st_mtime_ns == before and "is there and fits" in capsys.readouterr().out
    engine.write_bytes(engine.read_bytes()[:100])
    assert build(net_folder, tmp_path, "--target", "sm86") == 5
    assert "cut short" in error(capsys) and engine.stat().st_size == 100
    assert build(net_folder, tmp_path, "--target", "sm86", "--overwrite", "-q") == 0
    assert engine.stat().st_size > 1000 and capsys.readouterr().out == ""


@needs_tensorrt
def test_sets_that_share_a_net_are_built_side_by_side(
    net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, out = Path(shutil.copytree(net_folder, tmp_path / "nets")), tmp_path / "out"
    listed = (other / "models.toml").read_text().replace("tiny", "other").replace("track.onnx", "other_track.onnx")
    (other / "track.onnx").rename(other / "other_track.onnx")
    (other / "models.toml").write_text(listed)
    assert build(net_folder, out, "--target", "sm86") == 0
    assert build(other, out, "--target", "sm86") == 0
    assert {p.stem.partition(".")[0] for p in out.glob("*.engine")} == {"track", "other_track", "shape"}
    assert capsys.readouterr().out.count("is there and fits") == 1


@needs_tensorrt
def test_a_form_beyond_the_limits_is_not_built(
    net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(parity.LIMITS, "rotation_deg", 0.0)
    assert build(net_folder, tmp_path, "--target", "sm86") == 3
    assert "tiny.track in fp16 differs too much: rotation_deg" in error(capsys)
    assert list(tmp_path.iterdir()) == []


@needs_tensorrt
@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 3, "no NVIDIA GPU here to build for: name what to build for, as in --target sm86"),
        (["--target", "sm90"], 3, "cannot build for sm90: it knows sm75, sm80, sm86"),
        (["--target", "8.6"], 2, "'8.6' is no target"),
        (["--target", "sm86", "sm90"], 3, "cannot build for sm90"),
    ],
)
def test_targets_that_cannot_be(
    net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, message: str
) -> None:
    assert build(net_folder, tmp_path, *options) == code
    assert message in error(capsys)
    assert list(tmp_path.iterdir()) == []


@needs_tensorrt
def test_a_folder_that_cannot_be(net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert build(net_folder, tmp_path / "file", "--target", "sm86") == 5
    assert "cannot write" in error(capsys)


@needs_tensorrt
def test_a_full_disk_leaves_no_half_engine(
    net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", "32k") as disk:
        assert build(net_folder, disk, "--target", "sm86") == 5
        assert "the disk is full: make room" in error(capsys)
        assert list(disk.iterdir()) == []


@needs_tensorrt
def test_a_build_that_was_killed_between_engine_and_sidecar_is_done_again(
    net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(net_folder, tmp_path, "--target", "sm86") == 0
    (tmp_path / "track.sm86.fp16.json").unlink()
    assert build(net_folder, tmp_path, "--target", "sm86") == 5
    assert f"--out {tmp_path} --overwrite" in error(capsys)
    assert build(net_folder, tmp_path, "--target", "sm86", "--overwrite") == 0


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_net_with_another_input_is_refused(
    net_folder: Path, tmp_path: Path, precision: str, model: FaceModel
) -> None:
    folder = Path(shutil.copytree(net_folder, tmp_path / "nets"))
    net = onnx.load(str(folder / "track.onnx"))
    net.graph.input[0].name = net.graph.node[0].input[0] = "picture"
    onnx.save(net, str(folder / "track.onnx"))
    write_list(folder)
    with pytest.raises(MissingError, match=r"does not fit models.toml: input picture .* listed are input image"):
        engine_build.make_form(modelset.find(str(folder)).nets["track"], model, precision)


@needs_tensorrt
def test_a_net_that_the_compiler_does_not_take(net_folder: Path) -> None:
    spec = modelset.find(str(net_folder)).nets["track"]
    form = engine_build.Form(b"no net", {})
    with pytest.raises(Exception, match="cannot be compiled: ") as caught:
        engine_build.build(spec, form, "fp16", "sm86", net_folder / "none", library())
    assert "\n" not in str(caught.value) and not (net_folder / "none").exists()


def test_without_tensorrt_it_says_what_to_install(
    net_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime3d.backends.tensorrt_library.MODULES", {"no_tensorrt": "tensorrt"})
    library.cache_clear()
    try:
        assert build(net_folder, tmp_path, "--target", "sm86") == 3
    finally:
        library.cache_clear()
    assert f"TensorRT is not installed: {extra_line('tensorrt')}" in error(capsys)
