"""Gradients that must not be differentiated again."""

import functools
from collections.abc import Callable
from typing import Any

import torch

from sea_pyg.typing import OptTensor

Backward = Callable[..., tuple[OptTensor, ...]]


def once_differentiable(backward: Backward) -> Backward:
    """Have a function's gradient refuse to be differentiated.

    torch's decorator of this name lets it pass as a constant where the gradient that
    comes in has none itself, as that of any scalar loss.

    Args:
        backward: The static method ``backward`` of a ``torch.autograd.Function``.
    """

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: OptTensor) -> tuple[OptTensor, ...]:
        with torch.no_grad():
            found = backward(ctx, *grads)
        if not torch.is_grad_enabled():
            return found
        return tuple(None if x is None else _refuse(x) for x in found)

    return wrapper


def _refuse(x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = _Refusal.apply(x.requires_grad_())  # type: ignore[no-untyped-call]
    return out


class _Refusal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        raise RuntimeError(
            "a function of sea_pyg whose gradient is computed together with its value "
            "is differentiable once only; a gradient of a gradient needs a loss that "
            "holds all logits (chunk_size=None, where there is one)"
        )
