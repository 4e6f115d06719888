"""What every critic f(x, y) can do."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import Linear, ReLU, Sequential

from sea_pyg.utils import check_counts


class Critic(torch.nn.Module, ABC):
    """Base class of critics, which score every pair of an x and a y.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(M, d_y)`
        - **output:** scores :math:`(N, M)`

    Raises:
        ValueError: If a width is not positive.
    """

    def __init__(self, x_channels: int, y_channels: int) -> None:
        super().__init__()
        check_counts(1, x_channels=x_channels, y_channels=y_channels)
        self.x_channels = x_channels
        self.y_channels = y_channels

    @abstractmethod
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score every x with every y."""

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.x_channels}, {self.y_channels})"


def mlp(in_channels: int, hidden_channels: int, out_channels: int) -> Sequential:
    """Make a network with two hidden layers."""
    return Sequential(
        Linear(in_channels, hidden_channels),
        ReLU(),
        Linear(hidden_channels, hidden_channels),
        ReLU(),
        Linear(hidden_channels, out_channels),
    )
