"""A linear map of many wide rows, whose products are the longest of a model."""

from typing import Any

import torch
from torch import Tensor

from sea_pyg.utils import once_differentiable

_ROWS = 1024
"""Rows that a CPU multiplies at a time; more leave its caches."""


def wide_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    r"""Compute :math:`x W^\top + b` as :func:`torch.nn.functional.linear` does.

    On a CPU, products with few outputs take up to a fifth longer than their
    multiplications do elsewhere. The rows are multiplied in chunks there, and the
    gradient of the weight is formed transposed, as :math:`x^\top \nabla`.

    Shapes:
        ``x`` :math:`[N, d]`, ``weight`` :math:`[C, d]`, ``bias`` :math:`[C]`; returns
        :math:`[N, C]`.
    """
    out: Tensor = _WideLinear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return out


def row_product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Compute the product of :func:`wide_linear`, of one dtype and without gradient."""
    if x.device.type != "cpu" or x.size(0) <= _ROWS:
        return torch.addmm(bias, x, weight.t())
    out = x.new_empty(x.size(0), weight.size(0))
    for rows, part in zip(x.split(_ROWS), out.split(_ROWS), strict=True):
        torch.addmm(bias, rows, weight.t(), out=part)
    return out


class _WideLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        device = x.device.type
        if torch.is_autocast_enabled(device):
            x = x.to(torch.get_autocast_dtype(device))
        with torch.autocast(device, enabled=False):
            used = weight.to(x.dtype)
            ctx.save_for_backward(x, used)
            ctx.dtype = weight.dtype
            return row_product(x, used, bias.to(x.dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        grad = grad.to(x.dtype)
        grad_x = grad @ weight if ctx.needs_input_grad[0] else None
        grad_weight = (x.t() @ grad).t().to(ctx.dtype)
        return grad_x, grad_weight, grad.sum(dim=0, dtype=ctx.dtype)
