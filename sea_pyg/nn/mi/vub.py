"""The variational upper bound."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from sea_pyg.nn.functional import moments, vub
from sea_pyg.nn.mi.conditional_estimator import Conditional, ConditionalEstimator
from sea_pyg.nn.mi.own_precision import own_precision
from sea_pyg.utils import check_choice


class VUB(ConditionalEstimator):
    r"""Bound mutual information from above by a Gaussian marginal, as in `"Deep
    Variational Information Bottleneck" <https://arxiv.org/abs/1612.00410>`_.

    .. math::
        \hat{I}(X; Y) = \frac{1}{N} \sum_i
        \mathrm{KL}\bigl( q(y | x_i) \,\|\, r(y) \bigr)

    It is an upper bound where :math:`q(y|x) = p(y|x)`, and equals the truth where also
    :math:`r(y) = p(y)`.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        hidden_channels: Hidden width of q. (default: :obj:`8`)
        log_variance: Range of q's log-variance, see :class:`GaussianMLP`.
            (default: :obj:`"wide"`)
        conditional: The model q: :obj:`"mlp"` (:class:`GaussianMLP`), :obj:`"linear"`
            (:class:`LinearGaussian`, which needs no training), a module, or a callable
            that makes one from both widths. (default: :obj:`"mlp"`)
        marginal: The Gaussian :math:`r(y)`: :obj:`"fitted"` has the samples' mean and
            variance, but no less than the least of q's in a dimension;
            :obj:`"standard"` is :math:`\mathcal{N}(0, I)`. (default: :obj:`"fitted"`)

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(N, d_y)`, :math:`N \geq 2`
        - **output:** a scalar in nats

    Raises:
        ValueError: If an option is unknown, or the widths of ``conditional`` differ.

    .. note::
        CLUB's released code has ``marginal="standard"`` and averages over the
        dimensions of y; the divergence is their sum, as here.
    """

    bound: ClassVar[Literal["upper", "lower", "none"]] = "upper"

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        hidden_channels: int = 8,
        log_variance: Literal["wide", "tanh"] = "wide",
        conditional: Conditional = "mlp",
        marginal: Literal["fitted", "standard"] = "fitted",
    ) -> None:
        super().__init__(
            x_channels, y_channels, hidden_channels, log_variance, conditional
        )
        check_choice(("fitted", "standard"), marginal=marginal)
        self.marginal = marginal

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Estimate the mutual information in nats."""
        self.check(x, y, finite=self.validate)
        with own_precision(self, x, y) as (x, y):
            mean, log_variance = self.conditional.predict(x, y)
            if self.marginal == "standard":
                center = log_spread = torch.zeros_like(mean[0])
            else:
                center, log_spread = moments(y)
                # A column that does not vary has a variance below all that q can have.
                least = log_variance.detach().amin(dim=0)
                log_spread = torch.maximum(log_spread, least)
            return vub(mean, log_variance, center, log_spread)
