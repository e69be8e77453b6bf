"""Convolutions for training on a CPU with norms as they stand: bfloat16, and own kernels where libraries are slow.

What libraries leave slow for 32 pictures of 112 px (milliseconds): weight gradients of 5x5 depthwise kernels (5, in
bfloat16 13 to 27; here 1), the way back through depthwise strides in bfloat16 (48; here 3), and ReLU6 with the sum for
the bias (5; here 0.9).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PARTS = 4  # of a picture or batch, for the threads to share
TOP = np.uint16(0x40C0)  # 6.0 in bfloat16
HALF = np.uint32(16)


@numba.njit(parallel=True, fastmath=True, cache=True)
def _relu6_back(g: NDArray, y: NDArray, out: NDArray) -> NDArray:
    """Gradient `g` (rows, C) where 0 < y < 6 into `out`; gives its sum over the rows. Bits of bfloat16."""
    rows, channels = g.shape
    sums = np.zeros((PARTS, channels), dtype=np.float32)
    for part in numba.prange(PARTS):
        bits = np.empty(channels, dtype=np.uint32)
        values, total = bits.view(np.float32), sums[part]
        for r in range(part * rows // PARTS, (part + 1) * rows // PARTS):
            for c in range(channels):
                passed = g[r, c] if y[r, c] != 0 and y[r, c] < TOP else np.uint16(0)
                out[r, c] = passed
                bits[c] = np.uint32(passed) << HALF
            for c in range(channels):
                total[c] += values[c]
    return sums.sum(axis=0)


@numba.njit(parallel=True, fastmath=True, cache=True)
def _depthwise_weights(x: NDArray, g: NDArray, kernel: int, stride: int) -> NDArray:
    """Gradient (kernel, kernel, C) from input (N, H, W, C) and the output's gradient (N, h, w, C)."""
    n, height, width, channels = x.shape
    _, rows, columns, _ = g.shape
    pad = kernel // 2
    sums = np.zeros((PARTS, kernel, kernel, channels), dtype=np.float32)
    for part in numba.prange(PARTS):
        for k in range(part, n, PARTS):
            for row in range(rows):
                for i in range(max(0, pad - row * stride), min(kernel, height + pad - row * stride)):
                    for column in range(columns):
                        first, end = max(0, pad - column * stride), min(kernel, width + pad - column * stride)
                        for j in range(first, end):
                            there = x[k, row * stride + i - pad, column * stride + j - pad]
                            here, total = g[k, row, column], sums[part, i, j]
                            for c in range(channels):
                                total[c] += there[c] * here[c]
    return sums.sum(axis=0)


class FoldedConv(torch.autograd.Function):
    """conv2d in bfloat16 with weights (O, I / groups, K, K), bias and, where asked, ReLU6."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int, groups: int, act: bool) -> Tensor:
        y = torch.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, 1, groups)
        if act:
            y.clamp_(0, 6)
        ctx.save_for_backward(x, weight, y if act else None)
        ctx.shape = stride, groups
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        stride, groups = ctx.shape
        g = grads[0].contiguous(memory_format=torch.channels_last)
        if y is None:
            bias = _rows(g).reshape(-1, g.shape[1]).sum(0)
        else:
            masked = torch.empty_like(g)
            bias = torch.from_numpy(_relu6_back(_bits(g), _bits(y), _bits(masked))).to(g.dtype)
            g = masked
        kernel, depthwise = weight.shape[-1], groups > 1
        need_x, strided = ctx.needs_input_grad[0], depthwise and stride > 1
        own_weights = depthwise and kernel == 5
        dx, dw, _ = torch.ops.aten.convolution_backward(
            g, x, weight, None, [stride] * 2, [kernel // 2] * 2, [1, 1], False, [0, 0], groups,
            [need_x and not strided, not own_weights, False],
        )  # fmt: skip
        if need_x and strided:
            dx = _depthwise_back(g, x, weight, stride)
        if own_weights:
            table = _depthwise_weights(_rows(x).float().numpy(), _rows(g).float().numpy(), kernel, stride)
            dw = torch.from_numpy(table).permute(2, 0, 1).unsqueeze(1).to(weight.dtype)
        return dx, dw, bias, None, None, None


def _depthwise_back(g: Tensor, x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The input's gradient: the output's, spread over the input's places, seen by the kernel turned round."""
    if stride > 1:
        spread = torch.zeros_like(x)
        spread[:, :, ::stride, ::stride] = g
        g = spread
    return torch.conv2d(g, weight.flip(2, 3), None, 1, weight.shape[-1] // 2, 1, len(weight))


def _rows(t: Tensor) -> Tensor:
    """(N, C, H, W) channels last to (N, H, W, C) without a copy."""
    return t.permute(0, 2, 3, 1)


def _bits(t: Tensor) -> NDArray[np.uint16]:
    """(N, C, H, W) bfloat16, channels last, to its bits as (rows, C) without a copy."""
    return _rows(t).reshape(-1, t.shape[1]).view(torch.int16).numpy().view(np.uint16)
