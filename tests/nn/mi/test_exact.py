"""The bounds with the exact q, marginal and critic: no learning, only their maths."""

import math

import pytest
import torch

from sea_pyg.nn import functional
from sea_pyg.nn.mi import (
    NWJ,
    SMILE,
    VUB,
    DonskerVaradhan,
    InfoNCE,
    JensenShannon,
    L1Out,
)
from tests.nn.mi.gaussians import (
    CHANNELS,
    LEVELS,
    ExactCritic,
    ExactGaussian,
    correlation,
    sample,
)

# What the bounds give at N = 64 and d = 20. These figures are averages over a few
# batches, so they are known to some three percent.
L1OUT_64 = dict(zip(LEVELS, [2.11, 4.71, 7.75, 11.62, 16.13], strict=True))
INFO_NCE_64 = dict(zip(LEVELS, [1.77, 3.06, 3.75, 4.01, 4.12], strict=True))


def over_batches(
    estimator: torch.nn.Module, information: float, size: int, batches: int
) -> tuple[float, float, float]:
    """Return mean, standard error and maximum of the estimates."""
    x, y = sample(information, size * batches, seed=1)
    values = torch.stack(
        [estimator(a, b) for a, b in zip(x.split(size), y.split(size), strict=True)]
    )
    error = float(values.std()) / math.sqrt(batches)
    return float(values.mean()), error, float(values.max())


@pytest.mark.parametrize("information", LEVELS)
def test_vub_with_the_exact_marginal_is_the_truth(information: float) -> None:
    q = ExactGaussian(CHANNELS, correlation(information))
    estimator = VUB(CHANNELS, CHANNELS, conditional=q, marginal="standard")
    mean, error, _ = over_batches(estimator, information, 1000, 40)
    assert abs(mean - information) < 3 * error
    assert error < 0.005 * information


@pytest.mark.parametrize("information", LEVELS)
def test_l1out_with_the_exact_q(information: float) -> None:
    q = ExactGaussian(CHANNELS, correlation(information))
    mean, error, _ = over_batches(
        L1Out(CHANNELS, CHANNELS, conditional=q), information, 64, 400
    )
    assert mean == pytest.approx(L1OUT_64[information], rel=0.03)
    assert mean > information + 3 * error
    assert mean < 20 * (math.exp(information / 10) - 1)  # tighter than CLUB


@pytest.mark.parametrize("information", LEVELS)
def test_info_nce_with_the_optimal_critic(information: float) -> None:
    critic = ExactCritic(CHANNELS, correlation(information))
    mean, error, largest = over_batches(
        InfoNCE(CHANNELS, CHANNELS, critic=critic), information, 64, 400
    )
    assert mean == pytest.approx(INFO_NCE_64[information], rel=0.03)
    assert mean < information - 3 * error
    assert largest <= math.log(64)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e6])
def test_info_nce_never_exceeds_log_n(scale: float) -> None:
    class Identity(ExactCritic):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return scale * torch.eye(len(x), dtype=x.dtype)

    for size in (2, 3, 64):
        x = torch.randn(size, 2, dtype=torch.float64)
        estimate = float(InfoNCE(2, 2, critic=Identity(2, 0.5))(x, x))
        assert estimate <= math.log(size) + 1e-12
        if scale == 0:
            assert estimate == pytest.approx(0, abs=1e-12)
        if scale == 1e6:
            assert estimate == pytest.approx(math.log(size))


@pytest.mark.parametrize(
    "make, shift",
    [(DonskerVaradhan, 0), (DonskerVaradhan, 3), (NWJ, 1), (JensenShannon, 0)],
)
def test_other_lower_bounds_are_tight_at_their_optimal_critic(
    make: type, shift: float
) -> None:
    """At d = 2 their variance is small enough to see it."""
    information = 1.0
    critic = ExactCritic(2, correlation(information, channels=2), shift)
    values = []
    for seed in range(40):
        x, y = sample(information, 500, seed, channels=2)
        values.append(make(2, 2, critic=critic)(x, y))
    estimates = torch.stack(values)
    error = float(estimates.std()) / math.sqrt(40)
    assert abs(float(estimates.mean()) - information) < 3 * error
    assert error < 0.02


def test_nwj_and_jensen_shannon_are_below_at_another_critic() -> None:
    x, y = sample(1.0, 1500, channels=2)
    for make, optimum in ((NWJ, 1.0), (JensenShannon, 0.0)):
        for shift in (-1.0, 1.0):
            critic = ExactCritic(2, correlation(1.0, channels=2), optimum + shift)
            # E[estimate] = I + shift + 1 - exp(shift)
            expected = 1 + shift + 1 - math.exp(shift)
            found = float(make(2, 2, critic=critic)(x, y))
            assert found == pytest.approx(expected, abs=0.15)
            assert found < 1


def test_smile_tends_to_donsker_varadhan() -> None:
    x, y = sample(4.0, 300)
    critic = ExactCritic(CHANNELS, correlation(4.0))
    exact = DonskerVaradhan(CHANNELS, CHANNELS, critic=critic)(x, y)
    wide = SMILE(CHANNELS, CHANNELS, critic=critic, clip=1e3)(x, y)
    narrow = SMILE(CHANNELS, CHANNELS, critic=critic, clip=1.0)(x, y)
    torch.testing.assert_close(wide, exact)
    # Clipped to [-1, 1], the mean of exponentials lies in [1/e, e].
    positive = critic(x, y).diagonal().mean()
    assert abs(float(positive - narrow)) <= 1
    assert abs(float(narrow - exact)) > 0.1


@pytest.mark.parametrize("chunk_size", [None, 3])
def test_smile_by_a_loop(chunk_size: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 7, 4, dtype=torch.double, generator=generator)
    estimator = SMILE(4, 4, critic="cosine", clip=2.0, chunk_size=chunk_size).double()
    score = estimator.critic(x, y)
    others = [
        math.exp(min(max(float(score[i, j]), -2.0), 2.0))
        for i in range(7)
        for j in range(7)
        if i != j
    ]
    expected = float(score.diagonal().mean()) - math.log(sum(others) / len(others))
    assert float(estimator(x, y)) == pytest.approx(expected)


def test_l1out_of_samples_under_autocast() -> None:
    y, mean, log_variance = torch.randn(3, 50, 8, generator=torch.Generator())
    expected = functional.l1out(y, mean, log_variance)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(functional.l1out(y, mean, log_variance), expected)
        mixed = functional.l1out(y, mean.bfloat16(), log_variance.bfloat16(), 7)
    assert mixed.dtype == torch.float32
