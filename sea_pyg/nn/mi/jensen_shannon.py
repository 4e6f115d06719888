"""The Jensen-Shannon objective."""

from typing import ClassVar, Literal

from torch import Tensor

from sea_pyg.nn.mi.critic_estimator import CriticEstimator


class JensenShannon(CriticEstimator):
    r"""Train a critic by the Jensen-Shannon objective, as in `"Learning Deep
    Representations by Mutual Information Estimation and Maximization"
    <https://arxiv.org/abs/1808.06670>`_.

    .. math::
        \mathcal{L} = \frac{1}{N} \sum_i \mathrm{sp}(-f(x_i, y_i))
        + \frac{1}{N (N - 1)} \sum_{i \neq j} \mathrm{sp}(f(x_i, y_j)), \quad
        \mathrm{sp}(z) = \log(1 + e^z)

    Its optimum is the logarithm of the density ratio, found with far less variance than
    by the bounds themselves. :meth:`learning_loss` is this objective: minimise it in x
    and y as well to make them depend on each other. It is no estimate in nats; the
    estimate is the :class:`NWJ` bound at this critic,

    .. math::
        \hat{I}(X; Y) = 1 + \frac{1}{N} \sum_i f(x_i, y_i)
        - \frac{1}{N (N - 1)} \sum_{i \neq j} \exp f(x_i, y_j)

    which is a lower bound in expectation at any critic.

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
        positive, log_mean = self._positive_and_log_mean(x, y)
        return 1 + positive.mean() - log_mean.exp()

    def _objective(self, x: Tensor, y: Tensor) -> Tensor:
        return self._jensen_shannon(x, y)
