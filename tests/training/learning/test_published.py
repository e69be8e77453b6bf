"""An exported net comes back as it was, to be trained on."""

from __future__ import annotations

import itertools
from dataclasses import asdict

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

import torch

from realtime3d.errors import MissingError
from realtime3d.face.model import FaceModel
from realtime3d.training.learning import checkpoint, export
from realtime3d.training.learning.nets import NetConfig, NormConv, ShapeNet, TrackNet
from realtime3d.training.learning.norms import measure_norms
from tests.helpers.paths import FACE_MODEL, ROOT

SIZE = 64


def used(net: TrackNet | ShapeNet) -> TrackNet | ShapeNet:
    """Norms that have seen something, and weights that half precision holds exactly."""
    torch.manual_seed(3)
    for part in net.modules():
        if isinstance(part, NormConv):
            part.norm.running_mean.uniform_(-0.3, 0.3)
            part.norm.running_var.uniform_(0.5, 1.5)
    return net.eval()


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    ("kind", "net"),
    [
        ("track", TrackNet(NetConfig(size=SIZE))),
        ("track", TrackNet(NetConfig(size=SIZE, trunk="lite0", mixed=24, local=8, hidden=32))),
        ("shape", ShapeNet(NetConfig(size=SIZE))),
    ],
)
def test_an_exported_net_comes_back(kind, net, mirror, tmp_path):
    used(net)
    saved = tmp_path / "net.pt"
    checkpoint.save(saved, {"kind": kind, "net_config": asdict(net.config), "average": net.state_dict(), "samples": 1})
    file = export.export(saved, tmp_path / "net.onnx", kind, FaceModel.load(FACE_MODEL) if mirror else None)
    again = checkpoint.load_net(file)
    assert again.config == net.config
    image = torch.randint(0, 256, (3, SIZE, SIZE, 3), dtype=torch.uint8)
    with torch.no_grad():
        expected, found = net(image), again(image)
    for name in expected.keys() - ({"shape"} if kind == "track" else set()):
        assert torch.allclose(found[name], expected[name], atol=3e-3), name
    if kind == "track":
        assert not found["shape"].any()


def test_weights_come_back_as_large_as_one_draws_them():
    """Folded as they are stored, some layers' are a tenth as large as others' and are overwritten by usual steps."""
    net = checkpoint.load_net(ROOT / "models" / "accurate_track.onnx")
    for layer in (part for part in net.modules() if isinstance(part, NormConv)):
        sizes = layer.conv.weight.detach().flatten(1).norm(dim=1)
        assert 0.9 < sizes.median() < 1.01 and sizes.quantile(0.99) < 3  # whatever a single channel has grown to


@pytest.mark.parametrize("name", ["compact_track", "compact_shape", "accurate_track", "accurate_shape"])
def test_what_ships_can_be_gone_on_from(name):
    net = checkpoint.load_net(ROOT / "models" / f"{name}.onnx")
    assert isinstance(net, ShapeNet if name.endswith("shape") else TrackNet)


def test_a_file_that_is_none_of_ours_is_told(tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no protobuf")
    with pytest.raises(MissingError, match=r"broken\.onnx is no net that"):
        checkpoint.load_net(broken)
    with pytest.raises(MissingError, match=r"absent\.onnx cannot be read"):
        checkpoint.load_net(tmp_path / "absent.onnx")


def test_norms_of_an_exported_net_can_be_live_again():
    """It answers as before, and what its norms expect is what they meet."""
    net = checkpoint.load_net(ROOT / "models" / "compact_track.onnx")
    torch.manual_seed(0)
    images = torch.randint(0, 256, (8, net.config.size, net.config.size, 3), dtype=torch.uint8)
    with torch.no_grad():
        before = net(images)
        measure_norms(net.train(), itertools.repeat({"image": images}), 16)
        assert net.training
        live, after = net(images), net.eval()(images)
    for name, expected in before.items():
        assert torch.allclose(after[name], expected, atol=2e-3), name
        assert torch.allclose(live[name], expected, atol=2e-2), name
