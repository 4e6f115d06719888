"""Estimators that learn together, their models q side by side where they can be."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sea_pyg.nn.mi.conditional_estimator import ConditionalEstimator
from sea_pyg.nn.mi.gaussian_mlp import GaussianMLP
from sea_pyg.nn.mi.minimize import minimize
from sea_pyg.nn.mi.mutual_information_estimator import MutualInformationEstimator
from sea_pyg.nn.mi.side_by_side import (
    Weights,
    columns,
    fused_nll,
    layers,
    nll_and_gradient,
    stack,
    unstack,
)
from sea_pyg.utils import memoize


def joint_learning_loss(
    estimators: Sequence[MutualInformationEstimator], pairs: Sequence[Sequence[Tensor]]
) -> Tensor:
    """Return the sum of the estimators' ``learning_loss``, each on a pair of its own.

    Models q of one kind are fitted side by side, in one pass over all pairs, where
    their pairs have as many samples.

    Args:
        estimators: The estimators; one may stand here for several pairs.
        pairs: x and y of every estimator.

    Shapes:
        ``pairs`` :math:`(N, d_x)` and :math:`(N, d_y)` each; returns a scalar.
    """
    models = _side_by_side(estimators, pairs)
    if models is not None:
        xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
        return fused_nll(xs, ys, models[0].log_variance_bound, _parameters(models))
    losses = [
        e.learning_loss(x, y) for e, (x, y) in zip(estimators, pairs, strict=True)
    ]
    return torch.stack(losses).sum()


def joint_fit(
    estimators: Sequence[MutualInformationEstimator],
    pairs: Sequence[Sequence[Tensor]],
    optimizer: torch.optim.Optimizer,
    steps: int,
) -> Tensor | None:
    """Take an optimizer's steps on :func:`joint_learning_loss`.

    Its parameters' gradients are cleared, so that they do not add up with those of the
    next loss.

    Args:
        estimators: The estimators.
        pairs: x and y of every estimator.
        optimizer: That of the estimators' parameters.
        steps: Number of steps.

    Returns:
        The last value of the loss, or :obj:`None` without steps.

    Raises:
        ValueError: If the optimizer does not have all that learns.
    """
    has = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for estimator in estimators:
        for name, parameter in estimator.named_parameters():
            if parameter.requires_grad and id(parameter) not in has:
                raise ValueError(
                    f"the optimizer does not have {name!r} of a "
                    f"{type(estimator).__name__}, which would not learn; give it "
                    "estimator_parameters()"
                )
    models = _side_by_side(estimators, pairs)
    found: Tensor | None
    if steps > 0 and models is not None and fits_with(models, optimizer):
        assert isinstance(optimizer, torch.optim.Adam)
        xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
        found = fit_side_by_side(models, xs, ys, optimizer, steps)
    else:
        found = minimize(
            lambda: joint_learning_loss(estimators, pairs), optimizer, steps
        )
    optimizer.zero_grad(set_to_none=True)
    return found


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
    parameters = _parameters(models)
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
    parameters = _parameters(models)
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


def _side_by_side(
    estimators: Sequence[MutualInformationEstimator], pairs: Sequence[Sequence[Tensor]]
) -> list[GaussianMLP] | None:
    """Return the models q if they can be computed side by side."""
    models = [model for model in map(_joinable, estimators) if model is not None]
    samples = [x for pair in pairs for x in pair]
    if (
        len(models) < len(estimators)
        or not all(_alike(models[0], model) for model in models)
        or any(x.size(0) != samples[0].size(0) for x in samples)
        or any(x.requires_grad for x in samples)
    ):
        return None
    for estimator, (x, y) in zip(estimators, pairs, strict=True):
        estimator.check(x, y)
    return models


def _joinable(estimator: MutualInformationEstimator) -> GaussianMLP | None:
    """Return the model q whose likelihood alone is the estimator's objective."""
    own = type(estimator).learning_loss is ConditionalEstimator.learning_loss
    if not (isinstance(estimator, ConditionalEstimator) and own):
        return None
    model = estimator.conditional
    return model if isinstance(model, GaussianMLP) and model.has_kernel else None


def _alike(first: GaussianMLP, second: GaussianMLP) -> bool:
    """Return whether two models are of one shape, type and range of variances."""
    ours, theirs = _parameters([first]), _parameters([second])
    return (
        first.log_variance_bound == second.log_variance_bound
        and [p.shape for p in ours] == [p.shape for p in theirs]
        and ours[0].dtype == theirs[0].dtype
    )


def _parameters(models: Sequence[GaussianMLP]) -> list[Tensor]:
    return layers(*(q for model in models for q in (model.mean, model.log_variance)))
