"""Heads are corrected by least squares, and nothing else of the net changes."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install '.[train]'")

import torch

from realtime3d.errors import UsageError
from realtime3d.training.learning.heads import PRESENCE, Equations, Odds, correct_heads, correct_presence
from realtime3d.training.learning.nets import NetConfig, ShapeNet, TrackNet

SIZE = 64


def trained() -> TrackNet:
    torch.manual_seed(5)
    return TrackNet(NetConfig(size=SIZE, mixed=16)).eval()


def batches(count: int, weight: float = 1.0):
    generator = torch.Generator().manual_seed(2)
    while True:
        yield {
            "image": torch.randint(0, 256, (count, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator),
            "alpha": torch.randn(count, 99, generator=generator) + 2,
            "eta": torch.randn(count, 29, generator=generator) + 2,
            "extras": torch.randn(count, 5, generator=generator) + 2,
            "has_face": torch.ones(count),
            **{name: torch.full((count,), weight) for name in ("w_eta", "w_extras", "w_alpha")},
        }


def test_a_linear_law_is_found_through_noise_and_what_has_no_weight_does_not_count():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(4000, 6, generator=generator) * torch.tensor([1, 2, 3, 0.5, 1, 1]) + 4
    law, bias = torch.randn(3, 6, generator=generator), torch.tensor([1.0, -2.0, 0.5])
    wanted = x @ law.T + bias + 0.1 * torch.randn(4000, 3, generator=generator)
    wanted[::2] += 50
    weight = torch.ones(4000)
    weight[::2] = 0
    equations = Equations()
    for rows in torch.arange(4000).split(500):
        equations.add(x[rows], wanted[rows], weight[rows])
    found, offset = equations.solve()
    true = x @ law.T + bias
    assert ((x @ found.T + offset - true).var(0) < 0.01 * true.var(0)).all()
    assert torch.allclose((x @ found.T + offset).mean(0), true.mean(0), atol=0.05)


def test_heads_are_corrected_and_nothing_else_changes():
    net = trained()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    correct_heads(net, batches(16), 64)
    with torch.no_grad():
        out = net(next(batches(16))["image"])
    for name in ("expression", "extras", "shape"):
        assert 1 < out[name].mean() < 3, name  # the labels' mean is 2
    n = net.config.n_expression
    for name, value in net.state_dict().items():
        if name in ("expression.weight", "expression.bias"):
            assert torch.equal(value[n], before[name][n])  # its uncertainty
        elif not name.startswith(("expression", "shape")):
            assert torch.equal(value, before[name]), name


def test_a_shape_net_gets_a_new_head_too():
    net = trained()
    shape = ShapeNet.from_track_net(net)
    before = shape.shape.weight.clone()
    correct_heads(shape, batches(16), 64)
    assert not torch.equal(shape.shape.weight, before)


def test_presence_learns_where_the_border_lies():
    """A head that takes all for faces gets the border that the samples show, and no other output of pose moves."""
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(3000, 5, generator=generator) + 1
    there = (x[:, 0] - x[:, 1] + 0.3 * torch.randn(3000, generator=generator) > 0.8).float()
    odds, weight, bias = Odds(), torch.zeros(5), torch.tensor(6.0)
    for rows in torch.arange(3000).split(500):
        odds.add(x[rows], there[rows])
    more, moved = odds.solve(weight, bias)
    right = ((x @ (weight + more) + bias + moved > 0) == (there > 0.5)).float().mean()
    assert there.mean() < 0.5 < 0.85 < right
    few = torch.cat([torch.ones(900), torch.zeros(100)])
    blind = Odds()
    blind.add(torch.zeros(1000, 2), few)
    _, moved = blind.solve(torch.zeros(2), torch.tensor(2.2))  # the share of faces alone says nothing
    assert abs(2.2 + moved) < 0.1

    net = trained()
    before = net.pose.weight.clone()
    with_and_without = ({**batch, "has_face": (torch.arange(16) % 2).float()} for batch in batches(16))
    correct_presence(net, with_and_without, 64)
    changed = (net.pose.weight != before).any(dim=1)
    assert changed[PRESENCE]
    assert int(changed.sum()) == 1


def test_samples_without_labels_are_told():
    net = trained()
    with pytest.raises(UsageError, match="no sample with a label"):
        correct_heads(net, batches(8, weight=0.0), 8)
