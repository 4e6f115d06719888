"""The contrastive lower bound."""

import math
from typing import ClassVar, Literal

from torch import Tensor

from sea_pyg.nn.mi.critic_estimator import CriticEstimator
from sea_pyg.nn.mi.scores import log_sum_exp


class InfoNCE(CriticEstimator):
    r"""Bound mutual information from below by telling each pair among :math:`N`, as in
    `"Representation Learning with Contrastive Predictive Coding"
    <https://arxiv.org/abs/1807.03748>`_.

    .. math::
        \hat{I}(X; Y) = \frac{1}{N} \sum_i \log
        \frac{\exp f(x_i, y_i)}{\frac{1}{N} \sum_j \exp f(x_i, y_j)}

    It is a lower bound in expectation at any critic, of low variance, and never exceeds
    :math:`\log N`.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        critic: The critic, see :class:`CriticEstimator`.
            (default: :obj:`"separable"`)
        chunk_size: Rows whose scores are held at a time; value and gradient are exact
            at any. All at once if :obj:`None`. (default: :obj:`1024`)

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(N, d_y)`, :math:`N \geq 2`
        - **output:** a scalar in nats

    Raises:
        ValueError: If an option is unknown or the widths of ``critic`` differ.
    """

    bound: ClassVar[Literal["upper", "lower", "none"]] = "lower"

    def _bound(self, x: Tensor, y: Tensor) -> Tensor:
        positive, log_sums = self._reduce(x, y, log_sum_exp, exclude_own=False)
        return (positive - log_sums).mean() + math.log(x.size(0))
