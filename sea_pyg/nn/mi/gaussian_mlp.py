"""A Gaussian model q(y|x) with small networks for mean and variance."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import Linear, ReLU, Sequential

from sea_pyg.nn.mi.conditional_gaussian import ConditionalGaussian
from sea_pyg.nn.mi.side_by_side import fused_nll, layers
from sea_pyg.utils import check_choice, check_counts, is_unmodified


class GaussianMLP(ConditionalGaussian):
    r"""Model :math:`q(y|x)` as a Gaussian whose mean and log-variance are networks with
    one hidden layer each, as in `"CLUB: A Contrastive Log-ratio Upper Bound of Mutual
    Information" <https://arxiv.org/abs/2006.12013>`_.

    Args:
        x_channels: Width of the condition.
        y_channels: Width of the variable.
        hidden_channels: Hidden width of both networks. (default: :obj:`8`)
        log_variance: :obj:`"wide"` bounds :math:`\log \sigma^2` smoothly to
            :math:`\pm 10`; :obj:`"tanh"` to :math:`\pm 1`. (default: :obj:`"wide"`)

    Shapes:
        - **input:** conditions :math:`(N, d_x)`
        - **output:** means and logarithms of the variances, each :math:`(N, d_y)`

    Raises:
        ValueError: If a width is not positive or ``log_variance`` is unknown.

    .. note::
        CLUB's and SEA's released code have ``log_variance="tanh"``, which cannot
        represent a variance below :math:`1/e` or above :math:`e`.
    """

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        hidden_channels: int = 8,
        log_variance: Literal["wide", "tanh"] = "wide",
    ) -> None:
        super().__init__(x_channels, y_channels)
        check_counts(1, hidden_channels=hidden_channels)
        check_choice(("wide", "tanh"), log_variance=log_variance)
        self.log_variance_bound = 1.0 if log_variance == "tanh" else 10.0
        self.mean = self._network(hidden_channels)
        self.log_variance = self._network(hidden_channels)
        self.reset_parameters()

    def _network(self, hidden_channels: int) -> Sequential:
        return Sequential(
            Linear(self.x_channels, hidden_channels),
            ReLU(),
            Linear(hidden_channels, self.y_channels),
        )

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for network in (self.mean, self.log_variance):
            for module in network:
                if isinstance(module, Linear):
                    module.reset_parameters()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of y given x."""
        bound = self.log_variance_bound
        raw: Tensor = self.log_variance(x)
        return self.mean(x), bound * torch.tanh(raw / bound)

    @property
    def has_kernel(self) -> bool:
        """Whether a kernel computes the likelihood of what :meth:`forward` stands for:
        not that of a subclass, other layers, shapes or hooks, which it knows nothing
        of.
        """
        kinds, networks = (Linear, ReLU, Linear), (self.mean, self.log_variance)
        if not is_unmodified(self, GaussianMLP) or not all(
            is_unmodified(network, Sequential)
            and len(network) == len(kinds)
            and all(map(is_unmodified, network, kinds))
            for network in networks
        ):
            return False
        ours, theirs = ([p.shape for p in n.parameters()] for n in networks)
        return ours == theirs and len(ours) == 4  # both layers have a bias

    def nll(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean negative log-likelihood without its constant, in nats.

        Where only the parameters need a gradient, as in fitting, it is computed
        together with the value.
        """
        if not self.has_kernel or x.requires_grad or y.requires_grad:
            return super().nll(x, y)
        parameters = layers(self.mean, self.log_variance)
        return fused_nll([x], [y], self.log_variance_bound, parameters)
