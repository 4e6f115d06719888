"""Gaussian pairs of known mutual information, with their exact q and exact critic."""

import math

import torch
from torch import Tensor

from sea_pyg.nn.mi import ConditionalGaussian, Critic

CHANNELS = 20
LEVELS = [2.0, 4.0, 6.0, 8.0, 10.0]


def correlation(information: float, channels: int = CHANNELS) -> float:
    return math.sqrt(1 - math.exp(-2 * information / channels))


def sample(
    information: float, num_pairs: int, seed: int = 0, channels: int = CHANNELS
) -> tuple[Tensor, Tensor]:
    """Draw pairs of unit Gaussians, each dimension with the same correlation."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(
        2, num_pairs, channels, dtype=torch.float64, generator=generator
    )
    rho = correlation(information, channels)
    return x, rho * x + math.sqrt(1 - rho**2) * noise


class ExactGaussian(ConditionalGaussian):
    """The true q(y|x) of unit Gaussians with correlation ``rho`` per dimension."""

    def __init__(self, channels: int, rho: float) -> None:
        super().__init__(channels, channels)
        self.rho = rho

    def reset_parameters(self) -> None:
        pass

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        variance = torch.full_like(x, 1 - self.rho**2)
        return self.rho * x, variance.log()


class ExactCritic(Critic):
    """The logarithm of the true density ratio, plus a shift."""

    def __init__(self, channels: int, rho: float, shift: float = 0.0) -> None:
        super().__init__(channels, channels)
        self.rho = rho
        self.shift = shift

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        variance = 1 - self.rho**2
        square = torch.cdist(self.rho * x, y).square()
        own = y.square().sum(dim=1)
        constant = -0.5 * self.x_channels * math.log(variance)
        return constant - 0.5 * (square / variance - own) + self.shift
