"""What a function may need to know of the backward pass."""

import functools
from collections.abc import Callable
from typing import Any

import torch

from sea_pyg.typing import OptTensor

Backward = Callable[..., tuple[OptTensor, ...]]


def once_differentiable(backward: Backward) -> Backward:
    """Have a function refuse a gradient that is to be differentiated again.

    It does so when the gradient is asked for, by ``create_graph=True``. torch's
    decorator of this name refuses only what comes later, and lets the gradient pass as
    a constant where that which comes in has none itself, as that of any scalar loss, or
    where ``torch.autograd.grad`` asks for the derivative in the function's inputs.

    Args:
        backward: The static method ``backward`` of a ``torch.autograd.Function``.
    """

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: OptTensor) -> tuple[OptTensor, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError(
                "a function of sea_pyg whose gradient is computed together with its "
                "value is differentiable once only, and was asked for a gradient with "
                "create_graph=True; leave that out, or take a loss that holds all "
                "logits (chunk_size=None, where there is one)"
            )
        return backward(ctx, *grads)

    return wrapper


def is_recomputing() -> bool:
    """Return whether a backward pass runs, within which a model is called by activation
    checkpointing alone: what a call counts has been counted in the forward pass.
    """
    running: int = torch._C._current_graph_task_id()
    return running != -1
