"""One step of training, whoever takes it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import Recommender
from sea_pyg.typing import Triplets


def training_step(
    model: Recommender,
    data: HeteroData,
    batch: Triplets,
    optimizers: Sequence[Optimizer],
    inner_steps: int,
    check: Callable[[dict[str, Tensor]], None] | None = None,
    backward: Callable[[Tensor], None] = Tensor.backward,
    max_grad_norm: float | None = None,
) -> dict[str, Tensor]:
    """Take one step of the main parameters and all inner steps before it.

    The graph is encoded once; then the estimators take their steps on what was encoded,
    detached; then the main parameters take one step on the sum of the loss parts, for
    which the estimators are constants.

    Args:
        model: The recommender.
        data: The training graph, prepared.
        batch: Users with a seen and an unseen item.
        optimizers: That of the main parameters, and that of the estimators if any.
        inner_steps: Steps of the estimators.
        check: Called with the loss parts before the main parameters are changed.
        backward: Sends the gradient.
        max_grad_norm: Norm that the gradient of the main parameters has at most.
            (default: any)

    Returns:
        The loss parts, detached, and the estimators' own.

    Raises:
        ValueError: As :func:`check_parts` does.
    """
    state = model.representations(data)
    parts: dict[str, Tensor] = {}
    for inner in optimizers[1:]:
        fitted = model.fit_estimators(data, state, inner, inner_steps)
        if fitted is not None:
            parts["estimator"] = fitted
    with _constant(model.estimator_parameters()):
        losses = model.loss(data, batch, state)
        check_parts(type(model).__name__, losses)
        parts |= {name: value.detach() for name, value in losses.items()}
        if check is not None:
            check(parts)
        # Only now: the new gradients then find the room that the old ones had.
        del state
        optimizers[0].zero_grad(set_to_none=True)
        backward(torch.stack(list(losses.values())).sum())
    if max_grad_norm is not None:
        main = [p for group in optimizers[0].param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(main, max_grad_norm)
    optimizers[0].step()
    return parts


def check_parts(model: str, losses: Mapping[str, Tensor]) -> None:
    """Check what a model's loss returned.

    Raises:
        ValueError: If it is no mapping of names to scalars, there is none, none has a
            gradient, or one is called ``estimator`` or ``total``.
    """
    if not isinstance(losses, Mapping) or not losses:
        raise ValueError(
            f"loss of {model} must return its parts by name (got {losses!r})"
        )
    for name, value in losses.items():
        if not isinstance(value, Tensor) or value.dim() > 0:
            got = list(value.shape) if isinstance(value, Tensor) else repr(value)
            raise ValueError(
                f"the loss part {name!r} of {model} must be a tensor without "
                f"dimensions (got {got}); take its sum or its mean"
            )
    if not any(value.requires_grad for value in losses.values()):
        raise ValueError(
            f"no loss part of {model} has a gradient ({', '.join(losses)})"
        )
    if taken := sorted({"estimator", "total"} & losses.keys()):
        raise ValueError(
            f"a loss part of {model} is called {taken[0]!r}, the name of what is "
            "logged beside the parts; give it another one"
        )


@contextmanager
def _constant(parameters: list[Parameter]) -> Iterator[None]:
    """Give parameters no gradient in a block."""
    flags = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, flag in zip(parameters, flags, strict=True):
            parameter.requires_grad_(flag)
