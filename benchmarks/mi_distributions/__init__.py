"""Distributions of known mutual information, in the spirit of the bmi benchmark.

`"Beyond Normal: On the Evaluation of Mutual Information Estimators"
<https://arxiv.org/abs/2306.11078>`_. An injective map of x or of y alone changes the
distribution and the difficulty, but not the information.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

Pairs = tuple[Tensor, Tensor]


class Distribution(NamedTuple):
    """A distribution of pairs."""

    name: str
    information: float
    """In nats."""
    sample: Callable[[int, Generator], Pairs]
    """Draws that many pairs, one a row."""


def _gaussian(channels: int, rho: Tensor) -> Callable[[int, Generator], Pairs]:
    def sample(num_pairs: int, generator: Generator) -> Pairs:
        x, noise = torch.randn(
            2, num_pairs, channels, dtype=torch.float64, generator=generator
        )
        return x, rho * x + (1 - rho**2).sqrt() * noise

    return sample


def _mapped(
    base: Callable[[int, Generator], Pairs],
    x_map: Callable[[Tensor], Tensor],
    y_map: Callable[[Tensor], Tensor],
) -> Callable[[int, Generator], Pairs]:
    def sample(num_pairs: int, generator: Generator) -> Pairs:
        x, y = base(num_pairs, generator)
        return x_map(x), y_map(y)

    return sample


def gaussian(information: float, channels: int = 20) -> Distribution:
    """Unit Gaussians with one correlation per dimension."""
    rho = torch.tensor(1 - math.exp(-2 * information / channels)).double().sqrt()
    return Distribution("gaussian", information, _gaussian(channels, rho))


def cubic(information: float, channels: int = 20) -> Distribution:
    """The same, with the cube of every coordinate of y."""
    base = gaussian(information, channels).sample
    return Distribution(
        "cubic", information, _mapped(base, torch.clone, lambda y: y**3)
    )


def half_cube(information: float, channels: int = 3) -> Distribution:
    """Gaussians with longer tails: every coordinate to the power 3/2."""
    base = gaussian(information, channels).sample

    def stretch(x: Tensor) -> Tensor:
        return x * x.abs().sqrt()

    return Distribution("half-cube", information, _mapped(base, stretch, stretch))


def uniform_margins(information: float, channels: int = 3) -> Distribution:
    """Gaussians whose every coordinate is mapped to a uniform one."""
    base = gaussian(information, channels).sample
    cdf = torch.special.ndtr
    return Distribution("uniform margins", information, _mapped(base, cdf, cdf))


def swiss_roll(information: float) -> Distribution:
    """Two dependent uniform variables, the first rolled up in the plane."""
    base = gaussian(information, 1).sample

    def roll(x: Tensor) -> Tensor:
        angle = 1.5 * math.pi * (1 + 2 * torch.special.ndtr(x))
        return torch.cat([angle * angle.cos(), angle * angle.sin()], dim=1) / 21

    rolled = _mapped(base, roll, torch.special.ndtr)
    return Distribution("swiss roll", information, rolled)


def spiral(information: float, speed: float = 1 / 3) -> Distribution:
    """Gaussians in three dimensions, turned the further the larger their norm."""
    base = gaussian(information, 3).sample

    def turn(x: Tensor) -> Tensor:
        angle = speed * x.square().sum(dim=1)
        a, b, c = x.unbind(dim=1)
        cos, sin = angle.cos(), angle.sin()
        return torch.stack([cos * a - sin * b, sin * a + cos * b, c], dim=1)

    return Distribution("spiral", information, _mapped(base, turn, torch.clone))


def sparse_multinormal(information: float, channels: int = 5) -> Distribution:
    """Gaussians of which two pairs of coordinates are dependent and no other."""
    rho = torch.zeros(channels, dtype=torch.float64)
    rho[:2] = math.sqrt(1 - math.exp(-information))
    return Distribution("sparse multinormal", information, _gaussian(channels, rho))


def student_t(
    gaussian_information: float, channels: int = 3, degrees: int = 5
) -> Distribution:
    r"""Multivariate Student-t: Gaussians that share a random scale.

    With :math:`f(z) = \ln \Gamma(z / 2) - \frac{z}{2} \psi(z / 2)` the shared scale
    adds :math:`f(\nu) + f(\nu + d_x + d_y) - f(\nu + d_x) - f(\nu + d_y)`.
    """

    def f(z: float) -> float:
        half = torch.tensor(z / 2, dtype=torch.float64)
        return float(torch.lgamma(half) - half * torch.digamma(half))

    base = gaussian(gaussian_information, channels).sample

    def sample(num_pairs: int, generator: Generator) -> Pairs:
        x, y = base(num_pairs, generator)
        normal = torch.randn(
            num_pairs, degrees, dtype=torch.float64, generator=generator
        )
        scale = (normal.square().sum(dim=1, keepdim=True) / degrees).rsqrt()
        return scale * x, scale * y

    shared = f(degrees) + f(degrees + 2 * channels) - 2 * f(degrees + channels)
    return Distribution("student-t", gaussian_information + shared, sample)


def asinh_student_t(
    gaussian_information: float, channels: int = 3, degrees: int = 5
) -> Distribution:
    """Student-t with its tails taken in."""
    base = student_t(gaussian_information, channels, degrees)
    mapped = _mapped(base.sample, torch.asinh, torch.asinh)
    return Distribution("asinh of student-t", base.information, mapped)


def additive_noise(width: float = 0.25) -> Distribution:
    """A uniform variable, and the same with uniform noise of +- ``width`` on top.

    Raises:
        ValueError: If ``width`` is not positive.
    """
    if not width > 0:
        raise ValueError(f"width must be positive (got {width})")

    def sample(num_pairs: int, generator: Generator) -> Pairs:
        x, noise = torch.rand(2, num_pairs, 1, dtype=torch.float64, generator=generator)
        return x, x + width * (2 * noise - 1)

    known = width - math.log(2 * width) if width <= 0.5 else 1 / (4 * width)
    return Distribution("additive uniform noise", known, sample)


def further() -> list[Distribution]:
    """Make one of every kind but the staircases."""
    return [
        student_t(1.0),
        asinh_student_t(1.0),
        half_cube(1.5),
        uniform_margins(1.5),
        swiss_roll(1.0),
        spiral(1.5),
        sparse_multinormal(1.5),
        additive_noise(),
    ]
