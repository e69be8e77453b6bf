"""Convolutions for quick training: the library's own gradients are the truth."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

import torch
import torch.nn.functional as F

from realtime3d.training.learning import nets
from realtime3d.training.learning.fast_conv import FoldedConv
from realtime3d.training.learning.nets import NetConfig, NormConv, TrackNet, train_quickly

SHAPES = [  # channels in, channels out, kernel, stride, depthwise, pixels
    (3, 8, 3, 2, False, 16),
    (16, 24, 1, 1, False, 9),
    (24, 24, 3, 1, True, 7),
    (24, 24, 3, 2, True, 8),
    (24, 24, 5, 1, True, 4),
    (24, 24, 5, 2, True, 7),
]


@pytest.mark.parametrize("act", [False, True])
@pytest.mark.parametrize(("n_in", "n_out", "kernel", "stride", "depthwise", "side"), SHAPES)
def test_gradients_are_those_of_the_library(n_in, n_out, kernel, stride, depthwise, side, act):
    torch.manual_seed(0)
    groups = n_in if depthwise else 1
    given = (
        (3 * torch.randn(5, n_in, side, side)).contiguous(memory_format=torch.channels_last),
        torch.randn(n_out, n_in // groups, kernel, kernel),
        torch.randn(n_out),
    )
    ours = [t.bfloat16().requires_grad_() for t in given]
    theirs = [t.detach().float().requires_grad_() for t in ours]
    y = FoldedConv.apply(*ours, stride, groups, act)
    truth = F.conv2d(*theirs, stride, kernel // 2, 1, groups)
    truth = truth.clamp(0, 6) if act else truth
    assert torch.allclose(y.float(), truth, atol=0.15, rtol=0.02)
    pull = torch.randn_like(truth)
    # of the same outputs: which values ReLU6 cuts must not hang on their last bit
    inside = (truth.detach() > 0.1) & (truth.detach() < 5.9) if act else torch.ones_like(truth, dtype=torch.bool)
    (y.float() * pull * inside).sum().backward()
    (truth * pull * inside).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad.shape == b.grad.shape
        assert torch.linalg.vector_norm(a.grad.float() - b.grad) < 0.02 * torch.linalg.vector_norm(b.grad)


def test_relu6_lets_gradients_pass_between_0_and_6_only():
    x = torch.tensor([-1.0, 0.0, 0.5, 5.0, 6.0, 7.0]).bfloat16().view(6, 1, 1, 1).requires_grad_()
    one, none = torch.ones(1, 1, 1, 1).bfloat16().requires_grad_(), torch.zeros(1).bfloat16().requires_grad_()
    FoldedConv.apply(x, one, none, 1, 1, True).sum().backward()
    assert x.grad.flatten().tolist() == [0, 0, 1, 1, 0, 0]
    assert none.grad.item() == 2


@pytest.mark.parametrize("fast", [True, False], ids=["bfloat16", "single"])
def test_a_net_that_trains_quickly_answers_as_before_and_keeps_its_statistics(
    fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nets, "bfloat16_is_fast", lambda: fast)
    torch.manual_seed(1)
    net = TrackNet(NetConfig(size=64)).train()
    images = torch.randint(0, 255, (8, 64, 64, 3), dtype=torch.uint8)
    for _ in range(3):
        net(images)
    usual = net.eval()(images)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    train_quickly(net.train(), on_cpu=True)
    quick = net(images)
    for name, value in usual.items():
        assert quick[name].dtype == torch.float32
        assert torch.linalg.vector_norm(quick[name] - value) < 0.03 * torch.linalg.vector_norm(value) + 1e-3, name
    sum(v.square().mean() for v in quick.values()).backward()
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    norms = [m for m in net.modules() if isinstance(m, NormConv)]
    assert all(m.norm.weight.grad is not None and m.conv.weight.grad is not None for m in norms)
