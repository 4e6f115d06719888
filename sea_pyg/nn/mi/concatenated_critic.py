"""A critic that reads x and y together."""

import torch
from torch import Tensor
from torch.nn import Linear

from sea_pyg.nn.mi.critic import Critic
from sea_pyg.utils import check_counts


class ConcatenatedCritic(Critic):
    r"""Score pairs by one network of both, as in `"MINE: Mutual Information Neural
    Estimation" <https://arxiv.org/abs/1801.04062>`_.

    .. math::
        f(x, y) = g([x, y])

    It is the most general critic and the dearest: one evaluation for each of the
    :math:`N^2` pairs, whose hidden layers take several times ``hidden_channels`` as
    much memory as its score. The first layer is computed for x and y apart and added.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        hidden_channels: Width of both hidden layers. (default: :obj:`128`)

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(M, d_y)`
        - **output:** scores :math:`(N, M)`

    Raises:
        ValueError: If a width is not positive.
    """

    def __init__(
        self, x_channels: int, y_channels: int, hidden_channels: int = 128
    ) -> None:
        super().__init__(x_channels, y_channels)
        check_counts(1, hidden_channels=hidden_channels)
        self.x_input = Linear(x_channels, hidden_channels)
        self.y_input = Linear(y_channels, hidden_channels, bias=False)
        self.hidden = Linear(hidden_channels, hidden_channels)
        self.output = Linear(hidden_channels, 1)
        self.reset_parameters()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score every x with every y."""
        # [N, M, hidden_channels]
        hidden = torch.relu(self.x_input(x).unsqueeze(1) + self.y_input(y))
        scores: Tensor = self.output(torch.relu(self.hidden(hidden))).squeeze(-1)
        return scores
