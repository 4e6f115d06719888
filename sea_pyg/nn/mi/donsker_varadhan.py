"""The lower bound of Donsker and Varadhan."""

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor

from sea_pyg.nn.functional import corrected_log_mean
from sea_pyg.nn.mi.critic_estimator import CriticEstimator, CriticLike
from sea_pyg.utils import check_interval, is_recomputing


class DonskerVaradhan(CriticEstimator):
    r"""Bound mutual information from below as in `"MINE: Mutual Information Neural
    Estimation" <https://arxiv.org/abs/1801.04062>`_.

    .. math::
        \hat{I}(X; Y) = \frac{1}{N} \sum_i f(x_i, y_i)
        - \log \frac{1}{N (N - 1)} \sum_{i \neq j} \exp f(x_i, y_j)

    It is a lower bound at any critic as the samples grow in number. On few samples the
    logarithm of a mean lies below its expectation, so the estimate can exceed the
    truth, and its variance grows exponentially with the mutual information.

    The gradient of that logarithm on a mini-batch is biased; in training mode,
    :meth:`learning_loss` divides by a moving average of the mean instead, as the paper
    does, and takes the batch's into it. The estimate's own gradient is the plain one.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        critic: The critic, see :class:`CriticEstimator`.
            (default: :obj:`"separable"`)
        decay: Share of the moving average that each step of learning keeps; without a
            correction if :obj:`0`. (default: :obj:`0.9`)
        chunk_size: Rows whose scores are held at a time; value and gradient are exact
            at any. All at once if :obj:`None`. (default: :obj:`1024`)

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(N, d_y)`, :math:`N \geq 2`
        - **output:** a scalar in nats

    Raises:
        ValueError: If an option is unknown or the widths of ``critic`` differ.
    """

    bound: ClassVar[Literal["upper", "lower", "none"]] = "lower"

    log_average: Tensor

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        critic: CriticLike = "separable",
        decay: float = 0.9,
        chunk_size: int | None = 1024,
    ) -> None:
        super().__init__(x_channels, y_channels, critic, chunk_size)
        check_interval("[0, 1)", decay=decay)
        self.decay = decay
        self.register_buffer("log_average", torch.full((), torch.nan))

    def reset_parameters(self) -> None:
        """Draw all parameters anew and forget the moving average."""
        super().reset_parameters()
        self.log_average.fill_(torch.nan)

    def _bound(self, x: Tensor, y: Tensor) -> Tensor:
        positive, log_mean = self._positive_and_log_mean(x, y)
        return positive.mean() - log_mean

    def _objective(self, x: Tensor, y: Tensor) -> Tensor:
        positive, log_mean = self._positive_and_log_mean(x, y)
        if self.training and self.decay > 0:
            if not is_recomputing():
                self._update(log_mean.detach())
            log_mean = corrected_log_mean(log_mean, self.log_average)
        return log_mean - positive.mean()

    def _update(self, log_mean: Tensor) -> None:
        log_mean = log_mean.to(self.log_average.dtype)
        kept = self.log_average.clone()
        # Averaged in the logarithm's domain, where nothing overflows.
        mixed = torch.logaddexp(
            kept + math.log(self.decay), log_mean + math.log1p(-self.decay)
        )
        self.log_average.copy_(torch.where(kept.isnan(), log_mean, mixed))
