"""The linear Gaussian model of y given x in closed form, and its samples' moments."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from sea_pyg.utils import once_differentiable


def moments(y: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and log-variance of each column; a constant one has the square of
    its rounding error for variance.

    Shapes:
        ``y`` :math:`[N, d]`; returns two :math:`[d]`, in float32 at least.
    """
    y = y.to(torch.promote_types(y.dtype, torch.float32))
    center = y.mean(dim=0)
    variance = (y - center).square().mean(dim=0)
    rounding = rounding_variance(y.square().mean(dim=0), y.dtype)
    return center, (variance + rounding).log()


def rounding_variance(mean_square: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the variance that is nothing but rounding.

    Args:
        mean_square: The mean square, in the type of the computation.
        dtype: The type that the variance is used in.
    """
    eps = torch.finfo(mean_square.dtype).eps
    # A column of zeros has a variance whose inverse, and its gradient, still is finite.
    smallest: float = torch.finfo(dtype).tiny ** 0.4
    return (32 * eps) ** 2 * mean_square.detach() + smallest


class _JointMoments(torch.autograd.Function):
    """Mean and covariance of the columns of two matrices, taken together.

    Samples are laid out as columns in double precision once, and the gradient is one
    product with them.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        samples = torch.cat([x.t(), y.t()]).double()  # [d_x + d_y, N]
        mean = samples.mean(dim=1)
        samples -= mean.unsqueeze(1)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(samples)
            ctx.dtypes, ctx.split = (x.dtype, y.dtype), x.size(1)
        return mean, samples @ samples.t() / samples.size(1)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad_mean: Tensor, grad_covariance: Tensor
    ) -> tuple[Tensor, Tensor]:
        (samples,) = ctx.saved_tensors
        # Columns are centred, so that the covariance passes nothing on to the mean.
        symmetric = grad_covariance + grad_covariance.t()
        grad = torch.addmm(grad_mean.unsqueeze(1), symmetric, samples)
        grad_x, grad_y = grad.div_(samples.size(1)).tensor_split([ctx.split])
        return grad_x.t().to(ctx.dtypes[0]), grad_y.t().to(ctx.dtypes[1])


def _joint_moments(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    mean, covariance = _JointMoments.apply(x, y)  # type: ignore[no-untyped-call]
    return mean, covariance


_SAFE_RIDGE = 1e-9
"""A relative ridge that is far above what rounding in double precision takes off."""


class LinearSolution(NamedTuple):
    """A linear Gaussian model of y given x."""

    weight: Tensor
    r"""Shape :math:`[d_x, d_y]`."""
    bias: Tensor
    """Shape :math:`[d_y]`."""
    log_variance: Tensor
    """Shape :math:`[d_y]`."""


def solve_linear_gaussian(
    x: Tensor, y: Tensor, ridge: float = 1e-6, variance_floor: float = 1e-4
) -> LinearSolution:
    r"""Solve for the linear Gaussian model of y given x, with a ridge and a floor.

    It is ridge least squares, and the variance is that of the residuals plus
    ``variance_floor`` times that of y; without both, it is the maximum-likelihood
    solution. It is computed in double precision from the samples' second moments, in
    :math:`O(N (d_x + d_y)^2)`, and differentiable once.

    Args:
        x: Conditions.
        y: Samples.
        ridge: Ridge relative to the mean variance of x. (default: :obj:`1e-6`)
        variance_floor: Share of the variance of y that is added to that of the
            residuals. (default: :obj:`1e-4`)

    Shapes:
        ``x`` :math:`[N, d_x]`, ``y`` :math:`[N, d_y]`.

    Raises:
        ValueError: If ``ridge`` is too small for a collinear x.
    """
    dtype, x_channels = x.dtype, x.size(1)
    with torch.autocast(x.device.type, enabled=False):
        # Everything but the moments is small, and independent of N.
        mean, covariance = _joint_moments(x, y)
        x_mean, y_mean = mean[:x_channels], mean[x_channels:]
        gram = covariance[:x_channels, :x_channels]
        cross = covariance[:x_channels, x_channels:]
        spread = covariance.diagonal()
        x_spread, y_spread = spread[:x_channels], spread[x_channels:]
        at_least = rounding_variance(x_spread + x_mean.square(), mean.dtype)
        diagonal = ridge * x_spread.mean() + at_least
        factor, failed = torch.linalg.cholesky_ex(gram + diagonal.diag())
        # A look at the value would halt a GPU, so only where it can be.
        can_fail = ridge < _SAFE_RIDGE
        if can_fail and bool(failed) and bool(covariance.isfinite().all()):
            raise ValueError(
                "x must not be collinear, nor wider than it has rows, without a ridge "
                f"(got ridge={ridge}); make it larger"
            )
        weight = torch.cholesky_solve(cross, factor)
        # The mean of (y - x W)^2, which rounding may put below zero.
        explained = (weight * (2 * cross - gram @ weight)).sum(dim=0)
        residual = (y_spread - explained).clamp(min=0)
        variance = residual + variance_floor * y_spread
        rounding = rounding_variance(y_spread + y_mean.square(), dtype)
        log_variance = (variance + rounding).log()
        bias = y_mean - x_mean @ weight
    return LinearSolution(weight.to(dtype), bias.to(dtype), log_variance.to(dtype))
