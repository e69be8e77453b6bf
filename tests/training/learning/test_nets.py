"""Nets, geometry of tensors, losses: against the library's own NumPy functions and against truth."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

import torch

from realtime3d.errors import UsageError
from realtime3d.face.model import FaceModel
from realtime3d.geometry import euler_to_matrix
from realtime3d.nets.crop import Crop, pose_from_crop
from realtime3d.training.learning import geometry_torch as gt
from realtime3d.training.learning.losses import FaceTerms, LossWeights, lid_mask, region_mask, rms, total, track_losses
from realtime3d.training.learning.net_weights import grow, load_imagenet, take_blocks
from realtime3d.training.learning.nets import BLOCKS, NetConfig, NormConv, ShapeNet, TrackNet, Trunk
from tests.helpers.paths import FACE_MODEL

rng = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return FaceModel.load(FACE_MODEL)


@pytest.fixture(scope="module")
def terms(model) -> FaceTerms:
    return FaceTerms(model)


def truth_batch(n: int = 6) -> dict[str, torch.Tensor]:
    R = np.stack([euler_to_matrix(*rng.uniform(-1, 1, 3)) for _ in range(n)])
    batch = {
        "R": R,
        "position": rng.uniform(-0.1, 0.1, (n, 2)),
        "log_scale": rng.uniform(-0.2, 0.2, n),
        "focal": rng.uniform(2, 4, n),
        "eta": rng.normal(0, 1, (n, 29)),
        "extras": rng.normal(0, 0.3, (n, 5)),
        "alpha": rng.normal(0, 1, (n, 99)),
    }
    for key in ("has_face", "w_pose", "w_eta", "w_extras", "w_alpha"):
        batch[key] = np.ones(n)
    return {k: torch.as_tensor(np.asarray(v), dtype=torch.float32) for k, v in batch.items()}


def perfect(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    n = len(batch["R"])
    return {
        "rotation": batch["R"].transpose(1, 2)[:, :2].reshape(n, 6),
        "position": batch["position"],
        "log_scale": batch["log_scale"][:, None],
        "presence": torch.full((n, 1), 9.0),
        "pose_log_sigma": torch.zeros(n, 1),
        "expression": batch["eta"],
        "expression_log_sigma": torch.zeros(n, 1),
        "extras": batch["extras"],
        "shape": batch["alpha"],
    }


def test_project_agrees_with_the_crop_of_the_library(model):
    batch = truth_batch()
    points = torch.as_tensor(model.mean[::50])[None].expand(6, -1, -1)
    seen = gt.project(points, batch["R"], batch["position"], batch["log_scale"], batch["focal"])
    for i in range(6):
        crop = Crop(np.eye(3), float(batch["focal"][i]) * 112, 112)
        six = batch["R"][i].numpy().T[:2].ravel()
        pose = pose_from_crop(six, batch["position"][i].numpy(), float(batch["log_scale"][i]), crop)
        space = model.mean[::50] @ pose.R.T + pose.t
        expected = space[:, :2] / space[:, 2:] * crop.focal / crop.size
        assert np.allclose(seen[i], expected, atol=1e-4)


def test_six_numbers_to_rotation_and_angles():
    R = torch.as_tensor(np.stack([euler_to_matrix(*rng.uniform(-3, 3, 3)) for _ in range(5)]), dtype=torch.float32)
    six = R.transpose(1, 2)[:, :2].reshape(5, 6) * 2.5
    assert torch.allclose(gt.rotation_from_6d(six), R, atol=1e-5)
    turn = torch.as_tensor(euler_to_matrix(0, np.radians(30), 0), dtype=torch.float32)
    assert torch.allclose(gt.geodesic_deg(R @ turn, R), torch.full((5,), 30.0), atol=1e-2)


def test_angle_has_finite_gradients_at_zero_and_half_a_turn():
    for pitch in (0.0, np.pi):
        R = torch.as_tensor(euler_to_matrix(pitch, 0, 0)[None], dtype=torch.float32).requires_grad_()
        gt.geodesic_deg(R, torch.eye(3)[None]).sum().backward()
        assert torch.isfinite(R.grad).all()


def test_perfect_answers_cost_nothing(terms):
    batch = truth_batch()
    losses = track_losses(perfect(batch), batch, terms)
    for name in ("angle", "landmarks", "joint", "expression", "regions", "gaps", "extras", "shape", "presence"):
        assert float(losses[name]) < 0.02, name


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("rotation", "angle"),
        ("position", "landmarks"),
        ("log_scale", "landmarks"),
        ("expression", "expression"),
        ("expression", "gaps"),
        ("extras", "extras"),
        ("shape", "shape"),
        ("shape", "joint"),
        ("presence", "presence"),
    ],
)
def test_each_output_is_paid_for_where_it_is_wrong(terms, output, loss):
    batch = truth_batch()
    out = perfect(batch)
    right = float(track_losses(out, batch, terms)[loss])
    out[output] = out[output] - 0.5 * (1 + out[output].abs())
    assert float(track_losses(out, batch, terms)[loss]) > right + 0.005


def test_unknown_labels_do_not_count(terms):
    batch = truth_batch()
    for key in ("has_face", "w_pose", "w_eta", "w_extras", "w_alpha"):
        batch[key].zero_()
    out = {k: torch.randn_like(v).requires_grad_() for k, v in perfect(batch).items()}
    total(track_losses(out, batch, terms), LossWeights()).backward()
    for name, value in out.items():
        assert (value.grad is None or float(value.grad.abs().max()) == 0) == (name != "presence"), name


def test_expression_is_measured_in_millimetres(model, terms):
    eta = np.zeros(29, np.float32)
    eta[0] = 1.5
    moved = model.deform(model.mean, eta)[region_mask(model)] - model.mean[region_mask(model)]
    expected = np.sqrt((moved**2).sum(1).mean())
    assert float(rms(terms.front, torch.as_tensor(eta)[None])) == pytest.approx(expected, rel=1e-3)


def test_lids_are_the_skin_that_closes_the_eyes(model):
    with np.load(FACE_MODEL) as data:
        to_motion = data["arkit_to_motion"]
    moved = {}
    for action in ("eyeBlinkLeft", "jawOpen"):
        eta = to_motion[:29, model.arkit_names.index(action)]
        moved[action] = np.linalg.norm(model.deform(model.mean, eta) - model.mean, axis=1)
    lids = lid_mask(model)
    blinking = moved["eyeBlinkLeft"] > 6
    assert (blinking & lids).sum() > 0.7 * blinking.sum()  # the rest is folded away behind them
    assert moved["jawOpen"][lids].mean() < 0.2 * moved["jawOpen"][region_mask(model, ("lips",))].mean()


def test_the_shape_loss_does_not_see_moves_turns_and_size(model, terms):
    gram = terms.alpha_front
    whole = model.shape_basis[:, region_mask(model)].reshape(99, -1)
    assert float(gram.trace()) < 0.9 * float((whole**2).sum() / region_mask(model).sum())
    assert float(torch.linalg.eigvalsh(gram.double()).min()) > -1e-6


def test_outputs_have_the_contract_s_shapes_and_ignore_memory_format():
    net = TrackNet().eval()
    image = torch.randint(0, 256, (2, 112, 112, 3), dtype=torch.uint8)
    with torch.no_grad():
        out = net(image)
        again = TrackNet.forward(net.to(memory_format=torch.channels_last), image)
    widths = {k: v.shape[1] for k, v in out.items()}
    assert widths == {
        "rotation": 6, "position": 2, "log_scale": 1, "presence": 1, "pose_log_sigma": 1,
        "expression": 29, "expression_log_sigma": 1, "extras": 5, "shape": 99,
    }  # fmt: skip
    assert all(torch.allclose(out[k], again[k], atol=1e-4) for k in out)


def test_other_sizes_are_possible_and_shape_net_starts_as_the_track_net_s_head():
    track = TrackNet(NetConfig(size=96)).eval()
    image = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(ShapeNet.from_track_net(track).eval()(image)["shape"], track(image)["shape"])


def published(net: TrackNet) -> dict[str, torch.Tensor]:
    """A checkpoint laid out like the published one: weight by weight, each followed by its norm."""
    state = {}
    for i, layer in enumerate(m for m in net.trunk.modules() if isinstance(m, NormConv)):
        state[f"conv{i}.weight"] = torch.randn_like(layer.conv.weight) * 0.1
        for part, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
            state[f"norm{i}.{part}"] = low + torch.rand(len(layer.norm.bias))
        state[f"norm{i}.num_batches_tracked"] = torch.tensor(7)
    return state


def test_published_weights_are_taken_layer_by_layer_with_blue_and_red_exchanged():
    torch.manual_seed(0)
    net = TrackNet(NetConfig(trunk="lite0"))
    state = published(net)
    load_imagenet(net.trunk, state)
    layers = [m for m in net.trunk.modules() if isinstance(m, NormConv)]
    assert torch.equal(layers[0].conv.weight, state["conv0.weight"].flip(1))
    assert torch.equal(layers[7].conv.weight, state["conv7.weight"])
    assert torch.equal(layers[7].norm.running_var, state["norm7.running_var"])


def test_weights_of_another_net_are_refused():
    net = TrackNet(NetConfig(trunk="lite0"))
    state = published(net)
    del state["conv3.weight"]
    with pytest.raises(ValueError, match="EfficientNet-lite0"):
        load_imagenet(net.trunk, state)


def test_a_thin_trunk_takes_the_first_and_the_last_blocks_of_a_whole_one():
    torch.manual_seed(0)
    whole, thin = Trunk("lite0"), Trunk("thin")
    take_blocks(thin, whole)
    for stage, source, kept in zip(thin.stages, whole.stages, BLOCKS["thin"], strict=True):
        assert len(stage) == kept <= len(source)
        for mine, theirs in ((stage[0], source[0]), (stage[-1], source[-1])):
            pairs = zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)
    image = torch.randint(0, 255, (2, 112, 112, 3), dtype=torch.uint8)
    assert thin(image).pooled.shape == whole(image).pooled.shape == (2, 1280)


def trained(trunk: str, size: int) -> TrackNet:
    """A net whose norms have seen something."""
    torch.manual_seed(size)
    net = TrackNet(NetConfig(size=size, trunk=trunk))
    for part in net.modules():
        if isinstance(part, NormConv):
            part.norm.running_mean.uniform_(-0.3, 0.3)
            part.norm.running_var.uniform_(0.5, 1.5)
    return net.eval()


def test_a_grown_net_answers_as_the_smaller_one():
    small, large = trained("thin", 64), trained("lite0", 64)
    image = torch.randint(0, 255, (3, 64, 64, 3), dtype=torch.uint8)
    before = large(image)
    grow(large, small)
    expected, found = small(image), large(image)
    assert all(torch.allclose(found[k], expected[k], atol=1e-5) for k in expected)
    assert not torch.allclose(before["rotation"], found["rotation"], atol=1e-3)


def test_mixed_units_begin_by_adding_nothing_and_learn():
    small, large = trained("thin", 64), TrackNet(NetConfig(size=64, mixed=8)).eval()
    image = torch.randint(0, 255, (3, 64, 64, 3), dtype=torch.uint8)
    grow(large, small)
    expected, found = small(image), large(image)
    assert all(torch.allclose(found[k], expected[k], atol=1e-5) for k in expected)
    found["expression"].sum().backward()
    assert large.expression.weight.grad[:, -8:].abs().sum() > 0


def test_mixed_units_that_are_there_stay_when_a_net_grows():
    small, large = TrackNet(NetConfig(size=64, mixed=8)).eval(), TrackNet(NetConfig(size=64, mixed=12)).eval()
    image = torch.randint(0, 255, (3, 64, 64, 3), dtype=torch.uint8)
    grow(large, small)
    expected, found = small(image), large(image)
    assert all(torch.allclose(found[k], expected[k], atol=1e-5) for k in expected)
    with pytest.raises(UsageError, match="mixes 12 units"):
        grow(small, large)


def test_blocks_that_came_new_can_learn():
    small, large = trained("thin", 64), trained("lite0", 64)
    grow(large, small)
    large(torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8))["rotation"].sum().backward()
    assert large.trunk.stages[3][1].layers[-1].norm.weight.grad.abs().sum() > 0


def test_a_finer_map_sums_to_the_same():
    """What lies still over the picture gives the same vector at another number of cells."""
    small, large = trained("thin", 64), trained("thin", 96)
    grow(large, small)
    flat = torch.rand(2 * small.config.local)
    before = (small.embed.weight.view(192, -1, 16) * flat[:, None]).sum((1, 2))
    after = (large.embed.weight.view(192, -1, 36) * flat[:, None]).sum((1, 2))
    assert torch.allclose(before, after, atol=1e-4)


def test_no_net_grows_smaller():
    with pytest.raises(UsageError, match="lite0"):
        grow(trained("thin", 64), trained("lite0", 64))
