"""The bounds after learning: near their closed forms and on their side of the truth."""

import functools
import math

import pytest
import torch
from torch import Tensor

from sea_pyg.nn.mi import (
    CLUB,
    VUB,
    ConditionalGaussian,
    GaussianMLP,
    InfoNCE,
    L1Out,
    LinearGaussian,
    MutualInformationEstimator,
    SeparableCritic,
    diagnose,
)
from tests.nn.mi.estimators import ALL, CRITICS
from tests.nn.mi.gaussians import CHANNELS, LEVELS, sample

NUM_PAIRS = 16_000


def closed_form(information: float) -> float:
    return CHANNELS * (math.exp(2 * information / CHANNELS) - 1)


def draw(information: float, num_pairs: int, seed: int) -> tuple[Tensor, Tensor]:
    x, y = sample(information, num_pairs, seed)
    return x.float(), y.float()


@functools.cache
def fitted(kind: str, information: float) -> ConditionalGaussian:
    """Return q, fitted on the pairs of seed 1."""
    x, y = draw(information, NUM_PAIRS, seed=1)
    torch.manual_seed(0)
    if kind == "linear":
        linear = LinearGaussian(CHANNELS, CHANNELS)
        linear.fit(x, y)
        return linear.eval()
    model = GaussianMLP(CHANNELS, CHANNELS, hidden_channels=64)
    estimator = CLUB(CHANNELS, CHANNELS, conditional=model)
    generator = torch.Generator().manual_seed(0)
    for steps, lr in ((300, 1e-2), (100, 1e-3)):
        estimator.fit(x, y, steps, lr, batch_size=512, generator=generator)
    return model.eval()


def estimate(
    estimator: MutualInformationEstimator, x: Tensor, y: Tensor, blocks: int = 16
) -> tuple[float, float]:
    """Return mean and standard error over blocks of the pairs."""
    parts = zip(x.chunk(blocks), y.chunk(blocks), strict=True)
    with torch.no_grad():
        values = torch.stack([estimator(a, b) for a, b in parts])
    return float(values.mean()), float(values.std()) / math.sqrt(blocks)


@pytest.mark.parametrize("information", LEVELS)
@pytest.mark.parametrize("kind, tolerance", [("linear", 0.05), ("mlp", 0.10)])
def test_club_is_near_its_closed_form(
    kind: str, tolerance: float, information: float
) -> None:
    q = fitted(kind, information)
    for seed in (1, 2):  # the pairs it was fitted on, and fresh ones
        x, y = draw(information, NUM_PAIRS, seed)
        for negatives in ("all", "sampled"):
            estimator = CLUB(CHANNELS, CHANNELS, conditional=q, num_negatives=negatives)
            torch.manual_seed(0)
            with torch.no_grad():
                found = float(estimator(x, y))
            assert found == pytest.approx(closed_form(information), rel=tolerance)


@pytest.mark.parametrize("information", LEVELS)
@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_upper_bounds_are_above_and_in_order(kind: str, information: float) -> None:
    q = fitted(kind, information)
    x, y = draw(information, NUM_PAIRS, seed=1)
    found = {}
    for make in (CLUB, L1Out, VUB):
        mean, error = estimate(make(CHANNELS, CHANNELS, conditional=q), x, y)
        assert mean > information - 2 * error, make
        assert error < 0.02 * mean
        found[make] = mean
    # On blocks of 1,000 pairs.
    assert found[CLUB] > found[L1Out] > information
    assert found[VUB] == pytest.approx(information, rel=0.1)
    # What q knows of fresh pairs is a lower bound, and near the truth.
    held_out = diagnose(q, *draw(information, NUM_PAIRS, seed=2))
    assert 0.85 * information < held_out.gain < information


@pytest.mark.parametrize("information", [2.0, 6.0])
@pytest.mark.parametrize("name", CRITICS)
def test_lower_bounds_are_below(name: str, information: float) -> None:
    x, y = draw(information, 8000, seed=1)
    torch.manual_seed(0)
    critic = SeparableCritic(CHANNELS, CHANNELS, 64, 20)
    estimator = CRITICS[name](CHANNELS, CHANNELS, critic=critic)
    generator = torch.Generator().manual_seed(0)
    estimator.fit(x, y, 250, lr=3e-3, batch_size=128, generator=generator)
    mean, error = estimate(estimator, *draw(information, 8000, seed=2))
    if estimator.bound == "lower":
        assert mean < information + 2 * error
    # It has learned: an unfitted critic gives zero or less.
    if name != "jensen-shannon" or information < 3:
        assert mean > 0.25 * information
    assert mean < information


def test_a_tanh_log_variance_or_too_small_a_q_misses() -> None:
    """The released code's q stays far from the closed form that a wide one reaches."""
    information = 10.0
    x, y = draw(information, 4000, seed=1)
    torch.manual_seed(0)
    estimator = CLUB(CHANNELS, CHANNELS, hidden_channels=8, log_variance="tanh")
    estimator.fit(x, y, 400, 1e-2, batch_size=512)
    with torch.no_grad():
        assert float(estimator(x, y)) < 0.8 * closed_form(information)


@pytest.mark.parametrize("name", ALL)
def test_independence_gives_zero(name: str) -> None:
    """Over repetitions with their own samples and their own learning."""
    values = []
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        x, y = torch.randn(2, 3000, 2, generator=generator)
        torch.manual_seed(seed)
        estimator = ALL[name](2, 2)
        for steps, lr in ((80, 1e-2), (40, 1e-3)):
            estimator.fit(x[:2000], y[:2000], steps, lr, 128, generator)
        estimator.eval()
        with torch.no_grad():
            values.append(estimator(x[2000:], y[2000:]))
    estimates = torch.stack(values)
    assert estimates.abs().max() < 0.05
    if "vub" in name:  # a divergence, so that it cannot lie on both sides
        assert 0 <= estimates.min() <= estimates.max() < 0.02
    else:
        assert abs(float(estimates.mean())) < 2 * float(estimates.std())


def test_independence_on_the_fitted_pairs_costs_what_is_documented() -> None:
    """A linear q explains d_x / N of each dimension by chance."""
    values = []
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        x, y = torch.randn(2, 400, 5, generator=generator)
        values.append(CLUB(5, 5, conditional="linear")(x, y))
    assert float(torch.stack(values).mean()) == pytest.approx(25 / 400, rel=0.2)


def sampler(
    correlation: Tensor, num_pairs: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw both coordinates of a unit Gaussian in the plane, differentiably."""
    x, noise = torch.randn(2, num_pairs, 1, generator=generator)
    return x, correlation * x + (1 - correlation**2).sqrt() * noise


def information_of(correlation: Tensor) -> float:
    return -0.5 * math.log(1 - float(correlation.detach()) ** 2)


@pytest.mark.parametrize("q, inner_steps", [("linear", 0), ("mlp", 5)])
@pytest.mark.parametrize("start", [1.5, -1.5])
def test_minimising_club_makes_independent(
    q: str, inner_steps: int, start: float
) -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    raw = torch.tensor(start, requires_grad=True)
    estimator = CLUB(1, 1, conditional=q)
    outer = torch.optim.Adam([raw], lr=0.05)
    assert information_of(raw.tanh()) > 0.8
    for _ in range(120):
        x, y = sampler(raw.tanh(), 256, generator)
        if inner_steps:
            estimator.fit(x, y, inner_steps, lr=1e-2)
        outer.zero_grad()
        estimator(x, y).backward()
        outer.step()
    assert information_of(raw.tanh()) < 0.02


def test_maximising_info_nce_reaches_its_cap() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    raw = torch.tensor(0.1, requires_grad=True)
    estimator = InfoNCE(1, 1, critic="concatenated")
    own = list(estimator.parameters())
    optimizer = torch.optim.Adam(
        [{"params": [raw], "lr": 0.03}, {"params": own, "lr": 3e-3}]
    )
    cap = math.log(16)
    last = []
    for step in range(600):
        optimizer.zero_grad()
        value = estimator(*sampler(raw.tanh(), 16, generator))
        (-value).backward()
        optimizer.step()
        if step >= 550:
            last.append(float(value.detach()))
    assert max(last) <= cap + 1e-6
    assert sum(last) / len(last) > 0.9 * cap
    assert information_of(raw.tanh()) > cap
