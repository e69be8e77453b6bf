"""From a checkpoint to a model set that the runtime reads, with the same answers."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

import onnx
import torch

from realtime3d.backends.onnx_work import gflop
from realtime3d.backends.onnxruntime_ import OnnxRuntimeBackend
from realtime3d.errors import MissingError, OutputError, UsageError
from realtime3d.face.model import FaceModel
from realtime3d.nets import modelset
from realtime3d.nets.modelset import read_list, to_toml, write_list
from realtime3d.training.learning import checkpoint, export
from realtime3d.training.learning.mirror import ROTATION, mirror_map
from realtime3d.training.learning.nets import NetConfig, NormConv, ShapeNet, TrackNet
from realtime3d.training.learning.release import write_set
from tests.helpers.paths import FACE_MODEL
from tests.helpers.plain_model import plain_model_file

SIZE = 64


def save(path: Path, net: TrackNet | ShapeNet, kind: str) -> Path:
    checkpoint.save(
        path, {"kind": kind, "net_config": asdict(net.config), "average": net.state_dict(), "samples": 1234}
    )
    return path


@pytest.fixture(scope="module")
def track(tmp_path_factory) -> tuple[Path, TrackNet]:
    torch.manual_seed(1)
    net = TrackNet(NetConfig(size=SIZE))
    with torch.no_grad():
        net(torch.randint(0, 256, (4, SIZE, SIZE, 3), dtype=torch.uint8))  # moves the norms' statistics
    return save(tmp_path_factory.mktemp("ck") / "track.pt", net, "track"), net.eval()


@pytest.fixture(scope="module")
def folder(track, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("set")
    write_set(path, "tiny", track[0], None, FACE_MODEL, "preview", "a test", {"track": {"error": 1.5}})
    return path


def test_the_runtime_reads_the_set_and_answers_like_the_net(folder, track):
    found = modelset.find(str(folder))
    found.check()
    assert {f"face_model_{beside}.npz" for beside in ("expressions", "usual")} <= {f.name for f in folder.iterdir()}
    assert found.name == "tiny" and found.notice and found.nets["track"].size == SIZE
    image = torch.randint(0, 256, (3, SIZE, SIZE, 3), dtype=torch.uint8)
    half = TrackNet(track[1].config).eval()
    half.load_state_dict(track[1].state_dict())
    with torch.no_grad():
        expected = half(image)
    backend = OnnxRuntimeBackend("cpu", 1)
    for part in ("track", "shape"):
        answers = backend.load(found.nets[part]).run(image.numpy())
        for name, values in answers.items():
            assert np.allclose(values, expected[name].numpy(), atol=2e-3), name


def test_one_face_and_many_faces_give_the_same(folder):
    net = OnnxRuntimeBackend("cpu", 1).load(modelset.find(str(folder)).nets["track"])
    image = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
    together = {k: np.array(v) for k, v in net.run(image).items()}
    for i in range(5):
        assert all(np.allclose(v[0], together[k][i], atol=1e-4) for k, v in net.run(image[i : i + 1]).items())


def test_weights_are_stored_in_half_precision(folder):
    parameters = sum(p.numel() for p in TrackNet(NetConfig(size=SIZE)).parameters())
    assert (folder / "tiny_track.onnx").stat().st_size < 2.1 * parameters


def test_weights_are_what_bfloat16_holds_and_biases_as_precise_as_half_precision():
    values = np.random.default_rng(0).uniform(0.1, 1, 400).astype(np.float32)
    tensors = [onnx.numpy_helper.from_array(v, n) for v, n in ((values.reshape(20, 20), "weights"), (values, "biases"))]
    graph = onnx.helper.make_graph([], "stored", [], [], tensors)
    stored = {
        t.name: onnx.numpy_helper.to_array(t) for t in export.halve(onnx.helper.make_model(graph)).graph.initializer
    }
    exact = torch.from_numpy(values).bfloat16().float().numpy()
    np.testing.assert_array_equal(stored["weights.half"].ravel(), exact)
    np.testing.assert_array_equal(stored["biases.half"], values.astype(np.float16))


def test_rounding_to_bfloat16_is_to_the_nearest():
    values = np.random.default_rng(0).normal(0, 1, 1000).astype(np.float32)
    np.testing.assert_array_equal(export.as_bfloat16(values), torch.from_numpy(values).bfloat16().float().numpy())


def test_a_second_set_joins_the_list_and_the_first_stays(folder, track, tmp_path):
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    shape = save(tmp_path / "shape.pt", ShapeNet(NetConfig(size=SIZE)), "shape")
    write_set(tmp_path, "other", track[0], shape, tmp_path / "face_model.npz", "released", "a test")
    listed = read_list(tmp_path / "models.toml")
    assert listed["default"] == "tiny" and listed["tiny"]["track"]["metrics"] == {"error": 1.5}
    assert listed["other"]["status"] == "released" and listed["other"]["track"]["samples"] == 1234
    assert modelset.find(str(tmp_path)).name == "tiny" and modelset.names(tmp_path) == ["tiny", "other"]


def test_a_set_of_another_face_model_brings_it_along(folder, track, tmp_path):
    """The sets that were there keep theirs, and so does the set when it is written again."""
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    for _ in range(2):
        write_set(tmp_path, "own", track[0], None, plain_model_file(), "preview", "a test")
    listed = read_list(tmp_path / "models.toml")
    assert listed["face_model"]["file"] == "face_model.npz"
    assert listed["face_model"]["licence"].startswith("MIT")
    assert listed["own"]["face_model"]["file"] == plain_model_file().name
    assert listed["own"]["face_model"]["licence"] == "that of its maker"
    for name, levels in (("tiny", ("live", "full")), ("own", ("live",))):
        found = modelset.find(str(tmp_path)) if name == "tiny" else _set(tmp_path, name)
        found.check()
        assert found.load_face_model().levels == levels


def _set(folder, name):
    """A set of a folder that is not its default one."""
    text = (folder / "models.toml").read_text()
    (folder / "models.toml").write_text(text.replace('default = "tiny"', f'default = "{name}"'))
    return modelset.find(str(folder))


def test_another_face_model_of_the_same_name_is_not_overwritten(folder, track, tmp_path):
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    other = tmp_path / "new" / "face_model.npz"
    other.parent.mkdir()
    shutil.copy(plain_model_file(), other)
    with pytest.raises(OutputError, match="is another face model"):
        write_set(tmp_path, "own", track[0], None, other, "preview", "a test")
    assert modelset.find(str(tmp_path)).load_face_model().levels == ("live", "full")


def test_a_net_that_also_looks_at_the_mirror_answers_alike_for_both(track, tmp_path):
    model = FaceModel.load(FACE_MODEL)
    write_set(tmp_path, "both", track[0], None, FACE_MODEL, "preview", "a test", mirror=True)
    plain = (tmp_path / "both_track.onnx").stat().st_size
    assert plain < 2.1 * sum(p.numel() for p in track[1].parameters()) + 100_000  # the weights are there once
    spec = modelset.find(str(tmp_path)).nets["track"]
    alone = replace(spec, file=export.export(track[0], tmp_path / "alone.onnx"))
    assert gflop(spec) == pytest.approx(2 * gflop(alone))
    net = OnnxRuntimeBackend("cpu", 1).load(spec)
    image = np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE, 3), dtype=np.uint8)
    one = {k: np.array(v) for k, v in net.run(image).items()}
    other = {k: np.array(v) for k, v in net.run(np.ascontiguousarray(image[:, :, ::-1])).items()}
    assert np.allclose(one["position"] * (-1, 1), other["position"], atol=1e-4)
    assert np.allclose(one["rotation"] * ROTATION, other["rotation"], atol=1e-4)
    assert np.allclose(one["presence"], other["presence"], atol=1e-4)
    mapped = one["expression"] @ mirror_map(model.expression_basis, model.mean).T
    assert np.allclose(mapped, other["expression"], atol=0.02 + 0.2 * np.abs(mapped))


def test_an_exported_net_becomes_a_set_that_also_looks_at_the_mirror(folder, tmp_path):
    """The same weights to the last bit, and what is known of how they were trained."""
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    nets = tmp_path / "tiny_track.onnx", tmp_path / "tiny_shape.onnx"
    write_set(tmp_path, "both", *nets, FACE_MODEL, "preview", "", mirror=True)
    listed = read_list(tmp_path / "models.toml")["both"]
    assert listed["track"]["samples"] == 1234 and listed["shape"]["mirror"] is True
    assert listed["track"]["training"] == "a test; exported with --mirror"
    for part in ("track", "shape"):
        one, other = (checkpoint.load_net(tmp_path / f"{name}_{part}.onnx").state_dict() for name in ("tiny", "both"))
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_mean_of_nets_has_the_mean_of_their_weights(track, tmp_path):
    path, net = track
    other = TrackNet(net.config)
    second = save(tmp_path / "second.pt", other, "track")
    checkpoint.average([path, second], tmp_path / "mean.pt")
    mean = checkpoint.load_net(tmp_path / "mean.pt").state_dict()
    apart = net.state_dict(), other.state_dict()
    for name in ("pose.weight", "expression.bias", "embed.weight"):
        assert torch.allclose(mean[name], (apart[0][name] + apart[1][name]) / 2, atol=1e-6), name
    assert checkpoint.load(tmp_path / "mean.pt")["samples"] == 2468
    write_set(tmp_path, "mean", tmp_path / "mean.pt", None, FACE_MODEL, "preview", "a test")


def test_the_mean_is_of_what_layers_do_and_each_counts_by_its_share(track, tmp_path):
    """A net that splits its weights otherwise, as an exported one does, is the same net."""
    path, net = track
    split = TrackNet(net.config)
    split.load_state_dict(net.state_dict())
    with torch.no_grad():
        for module in split.modules():
            if isinstance(module, NormConv):
                module.conv.weight *= 2.0
                module.norm.weight /= 2.0
                module.norm.running_mean *= 2.0
    second = save(tmp_path / "second.pt", split, "track")
    picture = torch.randint(0, 256, (2, SIZE, SIZE, 3), dtype=torch.uint8)
    net.eval()
    split.eval()
    with torch.no_grad():
        assert torch.allclose(split(picture)["rotation"], net(picture)["rotation"], atol=1e-4)
    checkpoint.average([path, second], tmp_path / "mean.pt", [0.3, 0.7])
    with torch.no_grad():
        found = checkpoint.load_net(tmp_path / "mean.pt")(picture)
        for name, value in net(picture).items():
            assert torch.allclose(found[name], value, atol=1e-4), name
    other = save(tmp_path / "third.pt", TrackNet(net.config), "track")
    checkpoint.average([path, other], tmp_path / "mean.pt", [1, 0])
    with torch.no_grad():
        found = checkpoint.load_net(tmp_path / "mean.pt")(picture)
        assert torch.allclose(found["rotation"], net(picture)["rotation"], atol=1e-4)
    with pytest.raises(UsageError, match="as many shares"):
        checkpoint.average([path, other], tmp_path / "mean.pt", [1])


@pytest.mark.parametrize("net", [TrackNet(NetConfig(size=SIZE + 16)), ShapeNet(NetConfig(size=SIZE))])
def test_nets_of_another_kind_or_size_have_no_mean(track, tmp_path, net):
    other = save(tmp_path / "other.pt", net, "shape" if isinstance(net, ShapeNet) else "track")
    with pytest.raises(UsageError, match="no mean"):
        checkpoint.average([track[0], other], tmp_path / "mean.pt")
    assert not (tmp_path / "mean.pt").exists()


def test_expressions_in_a_mirror_exchange_left_and_right():
    model = FaceModel.load(FACE_MODEL)
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"][:29]
    F = mirror_map(model.expression_basis, model.mean)

    def size(eta: np.ndarray) -> float:
        return float(np.linalg.norm(np.tensordot(eta, model.expression_basis, 1)))

    left, right = (to_motion[:, model.arkit_names.index(f"mouthSmile{side}")] for side in ("Left", "Right"))
    assert size(F @ left - right) < 0.2 * size(right)
    jaw = to_motion[:, model.arkit_names.index("jawOpen")]
    assert size(F @ jaw - jaw) < 0.1 * size(jaw)


def test_a_shape_net_cannot_stand_for_a_track_net(tmp_path):
    shape = save(tmp_path / "shape.pt", ShapeNet(NetConfig(size=SIZE)), "shape")
    with pytest.raises(UsageError, match="track net"):
        export.export(shape, tmp_path / "x.onnx", "track")
    assert not (tmp_path / "x.onnx").exists()


def test_an_interrupted_export_leaves_the_old_file(track, tmp_path, monkeypatch):
    target = tmp_path / "net.onnx"
    target.write_bytes(b"the old one")

    def interrupted(model):
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "halve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export.export(track[0], target)
    assert target.read_bytes() == b"the old one" and list(tmp_path.iterdir()) == [target]


def test_weights_beyond_half_precision_are_refused(track, tmp_path):
    net = TrackNet(track[1].config)
    with torch.no_grad():
        net.embed.weight[0, 0] = 1e6
    with pytest.raises(ValueError, match="half precision"):
        export.export(save(tmp_path / "big.pt", net, "track"), tmp_path / "x.onnx")


def test_lists_are_written_so_that_they_read_the_same(tmp_path):
    values = {
        "format": 1, "text": 'a "quoted" \\ line', "yes": True, "share": 0.125,
        "set": {"status": "x", "net": {"names": ["a", "b"], "metrics": {}}}, "deep": {"inner": {"n": 3}},
    }  # fmt: skip
    write_list(tmp_path / "models.toml", values)
    assert read_list(tmp_path / "models.toml") == values
    assert to_toml({}) == "" and read_list(tmp_path / "none.toml") == {}
    (tmp_path / "bad.toml").write_text("a = [")
    with pytest.raises(MissingError, match="repair or delete"):
        read_list(tmp_path / "bad.toml")


def test_all_sets_of_a_folder_have_the_nets_on_the_eyes_and_for_masks(tmp_path, track):
    write_set(tmp_path, "tiny", track[0], None, FACE_MODEL, "preview", "a test")
    listed = read_list(tmp_path / "models.toml")
    listed["tiny"] |= {part: {"file": f"{part}.onnx", "sha256": "0" * 64} for part in ("eyes", "mask")}
    write_list(tmp_path / "models.toml", listed)
    for name in ("tiny", "other"):
        write_set(tmp_path, name, track[0], None, FACE_MODEL, "preview", "a test")
        written = read_list(tmp_path / "models.toml")[name]
        assert [written[part]["file"] for part in ("eyes", "mask")] == ["eyes.onnx", "mask.onnx"]
