"""Estimators that learn together, their models q side by side where they can be."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sea_pyg.nn.mi.conditional_estimator import ConditionalEstimator
from sea_pyg.nn.mi.fit_side_by_side import (
    fit_side_by_side,
    fits_with,
    network_parameters,
)
from sea_pyg.nn.mi.gaussian_mlp import GaussianMLP
from sea_pyg.nn.mi.minimize import minimize
from sea_pyg.nn.mi.mutual_information_estimator import MutualInformationEstimator
from sea_pyg.nn.mi.side_by_side import fused_nll


def joint_learning_loss(
    estimators: Sequence[MutualInformationEstimator], pairs: Sequence[Sequence[Tensor]]
) -> Tensor:
    """Return the sum of the estimators' ``learning_loss``, each on a pair of its own.

    Models q of one kind are fitted side by side, in one pass over all pairs, where
    their pairs have as many samples. The layout of pairs is kept for further steps on
    the same tensors, whose content must then be changed as torch counts it.

    Args:
        estimators: The estimators; one may stand here for several pairs.
        pairs: x and y of every estimator.

    Shapes:
        ``pairs`` :math:`(N, d_x)` and :math:`(N, d_y)` each; returns a scalar.
    """
    models = _side_by_side(estimators, pairs)
    if models is not None:
        xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
        return fused_nll(
            xs, ys, models[0].log_variance_bound, network_parameters(models), keep=True
        )
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


def _side_by_side(
    estimators: Sequence[MutualInformationEstimator], pairs: Sequence[Sequence[Tensor]]
) -> list[GaussianMLP] | None:
    """Return the models q if they can be computed side by side."""
    models = [model for model in map(_kernel_model, estimators) if model is not None]
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


def _kernel_model(estimator: MutualInformationEstimator) -> GaussianMLP | None:
    if not isinstance(estimator, ConditionalEstimator):
        return None
    return estimator.kernel_model


def _alike(first: GaussianMLP, second: GaussianMLP) -> bool:
    """Return whether two models are of one shape, type and range of variances."""
    ours, theirs = network_parameters([first]), network_parameters([second])
    return (
        first.log_variance_bound == second.log_variance_bound
        and [p.shape for p in ours] == [p.shape for p in theirs]
        and ours[0].dtype == theirs[0].dtype
    )
