"""The smoothed lower-bound estimator."""

import math
from typing import ClassVar, Literal

from torch import Tensor

from sea_pyg.nn.mi.critic_estimator import CriticEstimator, CriticLike
from sea_pyg.nn.mi.scores import log_mean_off_diagonal, log_sum_exp
from sea_pyg.utils import check_interval


class SMILE(CriticEstimator):
    r"""Estimate mutual information with a clipped density ratio, as in `"Understanding
    the Limitations of Variational Mutual Information Estimators"
    <https://arxiv.org/abs/1910.06222>`_.

    .. math::
        \hat{I}(X; Y) = \frac{1}{N} \sum_i f(x_i, y_i)
        - \log \frac{1}{N (N - 1)} \sum_{i \neq j}
        \exp \mathrm{clip}(f(x_i, y_j), -\tau, \tau)

    The critic learns by the objective of :class:`JensenShannon`. The clip trades the
    variance of :class:`DonskerVaradhan` for a bias of either sign, so this is neither
    an upper nor a lower bound; it tends to :class:`DonskerVaradhan` as :math:`\tau`
    grows.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        critic: The critic, see :class:`CriticEstimator`.
            (default: :obj:`"separable"`)
        clip: :math:`\tau`. (default: :obj:`5.0`)
        chunk_size: Rows whose scores are held at a time; value and gradient are exact
            at any. All at once if :obj:`None`. (default: :obj:`1024`)

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(N, d_y)`, :math:`N \geq 2`
        - **output:** a scalar in nats

    Raises:
        ValueError: If an option is unknown or the widths of ``critic`` differ.
    """

    bound: ClassVar[Literal["upper", "lower", "none"]] = "none"

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        critic: CriticLike = "separable",
        clip: float = 5.0,
        chunk_size: int | None = 1024,
    ) -> None:
        super().__init__(x_channels, y_channels, critic, chunk_size)
        check_interval("(0, inf]", clip=clip)
        self.clip = clip

    def _clipped(self, scores: Tensor) -> Tensor:
        # The row's own pair, at minus infinity, must not be lifted to the clip.
        clipped = scores.clamp(-self.clip, self.clip)
        return log_sum_exp(clipped.masked_fill(scores == -math.inf, -math.inf))

    def _bound(self, x: Tensor, y: Tensor) -> Tensor:
        positive, log_sums = self._reduce(x, y, self._clipped)
        return positive.mean() - log_mean_off_diagonal(log_sums)

    def _objective(self, x: Tensor, y: Tensor) -> Tensor:
        return self._jensen_shannon(x, y)
