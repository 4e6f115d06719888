"""What every Gaussian model q(y|x) can do."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from sea_pyg.nn.functional import gaussian_nll
from sea_pyg.utils import check_counts


class ConditionalGaussian(torch.nn.Module, ABC):
    r"""Base class of models :math:`q(y|x) = \mathcal{N}(\mu(x), \mathrm{diag}\,
    \sigma^2(x))`.

    Args:
        x_channels: Width of the condition.
        y_channels: Width of the variable.

    Shapes:
        - **input:** conditions :math:`(N, d_x)`
        - **output:** means and logarithms of the variances, each :math:`(N, d_y)`

    Raises:
        ValueError: If a width is not positive.
    """

    def __init__(self, x_channels: int, y_channels: int) -> None:
        super().__init__()
        check_counts(1, x_channels=x_channels, y_channels=y_channels)
        self.x_channels = x_channels
        self.y_channels = y_channels

    @property
    def fewest_samples(self) -> int:
        """Pairs below which a bound on it says nothing."""
        return 2

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of y given x."""

    @abstractmethod
    def reset_parameters(self) -> None:
        """Draw all parameters anew."""

    def predict(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of y given x, for the very pairs that a bound is
        evaluated on; a model with a closed form solves for itself here.
        """
        mean, log_variance = self(x)
        return mean, log_variance

    def nll(self, x: Tensor, y: Tensor) -> Tensor:
        r"""Return the mean negative log-likelihood without its constant
        :math:`\frac{d_y}{2} \log 2 \pi`, a scalar in nats.
        """
        mean, log_variance = self.predict(x, y)
        return gaussian_nll(y, mean, log_variance)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.x_channels}, {self.y_channels})"
