"""Whether a model q(y|x) is good enough to rest a bound on."""

import math
import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from sea_pyg.nn.functional import gaussian_log_density, moments
from sea_pyg.nn.mi.conditional_gaussian import ConditionalGaussian
from sea_pyg.nn.mi.mutual_information_estimator import check_pairs, check_precision
from sea_pyg.nn.mi.own_precision import own_precision


class ConditionalDiagnosis(NamedTuple):
    """How well a model q(y|x) predicts held-out pairs, in nats per pair."""

    nll: float
    """Mean negative log-likelihood of q, without the constant."""
    marginal_nll: float
    """That of a Gaussian that knows mean and variance of y but not x."""
    gain: float
    """``marginal_nll - nll``: what q knows of y from x."""
    standard_error: float
    """Standard error of the gain."""


@torch.no_grad()
def diagnose(
    conditional: ConditionalGaussian, x: Tensor, y: Tensor
) -> ConditionalDiagnosis:
    r"""Compare a model :math:`q(y|x)` with the Gaussian marginal on held-out pairs.

    The gain is a lower bound of the mutual information where the marginal is Gaussian
    (`"The IM Algorithm" <https://papers.nips.cc/paper/2410>`_). An upper bound such as
    :class:`CLUB` that lies far above it, or a gain that is not positive, rests on a q
    that has not learned: then its minimum says nothing about independence.

    Args:
        conditional: The model, fitted on other pairs.
        x: Held-out conditions.
        y: Held-out samples.

    Shapes:
        ``x`` :math:`[N, d_x]`, ``y`` :math:`[N, d_y]`.

    Raises:
        ValueError: If the shapes do not fit, there are fewer than two pairs, a value is
            not finite, or the pairs are more precise than the model.

    Warns:
        UserWarning: If the gain is not above twice its standard error: x and y are
        independent, or q has not learned what they share.
    """
    check_pairs(x, y, conditional.x_channels, conditional.y_channels, finite=True)
    parameter = next(conditional.parameters(), None)
    if parameter is not None:
        check_precision(parameter.dtype, x=x, y=y)
    with own_precision(conditional, x, y) as (x, y):
        mean, log_variance = conditional(x)
    own = gaussian_log_density(y, mean, log_variance)
    center, log_spread = moments(y)
    marginal = gaussian_log_density(y, center, log_spread)
    gains = (own - marginal).double()
    out = ConditionalDiagnosis(
        nll=float(-own.double().mean()),
        marginal_nll=float(-marginal.double().mean()),
        gain=float(gains.mean()),
        standard_error=float(gains.std()) / math.sqrt(gains.numel()),
    )
    if not out.gain > 2 * out.standard_error:
        warnings.warn(
            f"q explains nothing of y: it gains {out.gain:.4f} nats over the Gaussian "
            f"marginal on held-out pairs (standard error {out.standard_error:.4f}). "
            "Either x and y are independent, or q is too small or not yet fitted and "
            "bounds that rest on it mean nothing; fit it longer or make it wider.",
            stacklevel=3,
        )
    return out
