"""Adam's steps on the likelihood of several small Gaussian networks, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sea_pyg.nn.mi.gaussian_mlp import GaussianMLP
from sea_pyg.nn.mi.side_by_side import (
    Weights,
    columns,
    layers,
    nll_and_gradient,
    stack,
    unstack,
)
from sea_pyg.utils import memoize


@torch.no_grad()
def fit_side_by_side(
    models: Sequence[GaussianMLP],
    xs: Sequence[Tensor],
    ys: Sequence[Tensor],
    optimizer: torch.optim.Adam,
    steps: int,
) -> Tensor:
    """Take Adam's steps on the sum of models' likelihoods, and return its last value.

    The parameters and Adam's moments are laid out side by side for all the steps; they
    come out as if the optimizer had taken each step.

    Args:
        models: Models that may be fitted so, see :func:`fits_with`.
        xs: The conditions of every model.
        ys: The variables of every model.
        optimizer: Adam over the models' parameters.
        steps: Number of steps, at least one.

    Shapes:
        ``xs`` :math:`(N, d_x)` each, ``ys`` :math:`(N, d_y)` each; returns a scalar.
    """
    parameters = network_parameters(models)
    dtype, bound = parameters[0].dtype, models[0].log_variance_bound
    x, y = columns(xs, dtype, ones=True), columns(ys, dtype, ones=False)
    weights = stack(parameters)
    group = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
    twin = torch.optim.Adam(weights, **group)
    states = [optimizer.state[p] for p in parameters]
    if any(states):
        for key in ("exp_avg", "exp_avg_sq"):
            moments = stack([state[key] for state in states], hand_on=False)
            for weight, moment in zip(weights, moments, strict=True):
                twin.state[weight][key] = moment
        for weight in weights:
            twin.state[weight]["step"] = states[0]["step"].clone()
    loss = x.new_zeros(())
    with torch.autocast(x.device.type, enabled=False):
        for _ in range(steps):
            loss, gradient = nll_and_gradient(x, y, weights, bound)
            assert gradient is not None
            weights.input.grad, weights.output.grad = gradient
            twin.step()
    for parameter, value in zip(parameters, unstack(weights), strict=True):
        parameter.copy_(value)
    for key in ("exp_avg", "exp_avg_sq"):
        moments = Weights(*(twin.state[weight][key] for weight in weights))
        for state, moment in zip(states, unstack(moments), strict=True):
            state[key] = moment.clone()
    for state in states:
        state["step"] = twin.state[weights.input]["step"].clone()
    _equal_steps(states, known=True)
    return loss


def fits_with(models: Sequence[GaussianMLP], optimizer: torch.optim.Optimizer) -> bool:
    """Return whether :func:`fit_side_by_side` stands for the optimizer's own steps.

    It does if all of this holds:

    - The optimizer is Adam itself, with one group, without weight decay and AMSGrad.
    - Its parameters are those of the models and no others, none of them frozen.
    - The models differ: none stands there twice.
    - All parameters have taken as many steps before.
    - No hook watches its steps or a parameter's gradient, and no scheduler, which notes
      its rate in the group.
    """
    if type(optimizer) is not torch.optim.Adam or len(optimizer.param_groups) != 1:
        return False
    group = optimizer.param_groups[0]
    parameters = network_parameters(models)
    return (
        len({id(p) for p in parameters}) == len(parameters)
        and {id(p) for p in parameters} == {id(p) for p in group["params"]}
        and all(p.requires_grad for p in parameters)
        and not (group["weight_decay"] or group["amsgrad"])
        and group.keys() == {"params", *optimizer.defaults}
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and not any(map(_has_hooks, parameters))
        and _equal_steps([optimizer.state.get(p, {}) for p in parameters])
    )


def _has_hooks(parameter: Tensor) -> bool:
    return bool(
        parameter._backward_hooks
        or getattr(parameter, "_post_accumulate_grad_hooks", None)
    )


def _equal_steps(states: Sequence[Mapping[str, Any]], known: bool = False) -> bool:
    """Return whether Adam has counted as many steps in all states.

    A look at them halts a GPU, and is taken only where something else than a fit side
    by side has counted since, after which it is ``known``.
    """
    steps = [state["step"] for state in states if state]
    if not steps:
        return True

    def build() -> bool:
        return known or bool((torch.stack(steps) == steps[0]).all())

    first, *others = steps
    return len(steps) == len(states) and memoize(first, "equal", build, *others)


def network_parameters(models: Sequence[GaussianMLP]) -> list[Tensor]:
    """Return weight and bias of both layers of all networks, as :func:`stack` takes
    them.
    """
    return layers(*(q for model in models for q in (model.mean, model.log_variance)))
