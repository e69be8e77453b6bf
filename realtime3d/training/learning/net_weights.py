"""Where a net's first weights come from: the published trunk, or a smaller net of ours."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realtime3d.errors import UsageError
from realtime3d.training.learning.nets import Block, NetConfig, NormConv, TrackNet, Trunk


def load_imagenet(trunk: Trunk, state: Mapping[str, Tensor]) -> None:
    """Start from a published EfficientNet-lite0 checkpoint (trained on RGB)."""
    whole = Trunk("lite0")
    weights = [v for v in state.values() if v.ndim == 4]
    names = [k.removesuffix(".weight") for k, v in state.items() if k.endswith(".weight") and v.ndim == 1]
    convs = [m for m in whole.modules() if isinstance(m, NormConv)]
    if len(weights) != len(convs) or len(names) != len(convs):
        raise ValueError(f"expected {len(convs)} convolutions of an EfficientNet-lite0, found {len(weights)}")
    with torch.no_grad():
        for layer, weight, name in zip(convs, weights, names, strict=True):
            layer.conv.weight.copy_(weight)
            for part in ("weight", "bias", "running_mean", "running_var"):
                getattr(layer.norm, part).copy_(state[f"{name}.{part}"])
        convs[0].conv.weight.copy_(weights[0].flip(1))
    take_blocks(trunk, whole)


def take_blocks(trunk: Trunk, source: Trunk) -> None:
    """Copy a trunk that has as many blocks or more: each stage's first block, which changes its size, and the last."""
    trunk.stem.load_state_dict(source.stem.state_dict())
    trunk.last.load_state_dict(source.last.state_dict())
    for stage, blocks in zip(trunk.stages, source.stages, strict=True):
        assert isinstance(stage, nn.Sequential) and isinstance(blocks, nn.Sequential)
        kept = [blocks[0], *list(blocks)[len(blocks) - len(stage) + 1 :]]
        for block, known in zip(stage, kept, strict=True):
            block.load_state_dict(known.state_dict())


def grow(net: TrackNet, source: TrackNet) -> None:
    """Let a larger net with ImageNet weights answer as a trained smaller one does, to be trained on from there.

    Blocks and mixed units that the smaller one lacks begin by adding nothing. A larger picture has more cells: the
    small map's weights are stretched over them.
    """
    net.trunk.stem.load_state_dict(source.trunk.stem.state_dict())
    net.trunk.last.load_state_dict(source.trunk.last.state_dict())
    for stage, known in zip(net.trunk.stages, source.trunk.stages, strict=True):
        assert isinstance(stage, nn.Sequential) and isinstance(known, nn.Sequential)
        new = len(stage) - len(known)
        if new < 0:
            raise UsageError("the net to start from has more blocks than the one to grow into: choose --trunk lite0")
        for place, block in zip((0, *range(new + 1, len(stage))), known, strict=True):
            stage[place].load_state_dict(block.state_dict())
        for added in list(stage)[1 : new + 1]:
            assert isinstance(added, Block) and added.skip
            added.silence()
    for name in ("fine", "middle", "shape"):
        getattr(net, name).load_state_dict(getattr(source, name).state_dict())
    with torch.no_grad():
        if source.mix is not None:
            if net.mix is None or net.config.mixed < source.config.mixed:
                raise UsageError(f"the net to start from mixes {source.config.mixed} units: ask for as many or more")
            net.mix.weight[: source.config.mixed] = source.mix.weight
            net.mix.bias[: source.config.mixed] = source.mix.bias
        for new_head, head in ((net.pose, source.pose), (net.expression, source.expression)):
            new_head.weight.copy_(F.pad(head.weight, (0, new_head.in_features - head.in_features)))
            new_head.bias.copy_(head.bias)
        net.embed.weight.copy_(_stretched(source.embed.weight, source.config, net.config))
        net.embed.bias.copy_(source.embed.bias)


def _stretched(weight: Tensor, old: NetConfig, new: NetConfig) -> Tensor:
    """(hidden, channels x cells) for another number of cells: the same sum over a map that is the same but finer."""
    before, after = -(-old.size // 16), -(-new.size // 16)
    maps = weight.view(len(weight), -1, before, before)
    wide = F.interpolate(maps, size=(after, after), mode="bilinear", align_corners=False)
    return (wide * (before / after) ** 2).flatten(1)
