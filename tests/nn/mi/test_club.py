"""CLUB against its definition, its closed form and the released code's numbers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from sea_pyg.nn.functional import club
from sea_pyg.nn.mi import CLUB, GaussianMLP
from sea_pyg.nn.mi.club import derangement
from tests.nn.mi.gaussians import LEVELS, ExactGaussian, correlation, sample

REFERENCE = Path(__file__).parents[2] / "reference" / "sea.npz"


def test_all_pairs_is_the_double_sum() -> None:
    x, y = torch.randn(2, 9, 3, dtype=torch.float64)
    estimator = CLUB(3, 3).double()
    mean, log_variance = estimator.conditional(x)
    expected = 0.0
    for i in range(9):
        for j in range(9):
            square = (y[j] - mean[i]) ** 2 / log_variance[i].exp()
            log_q = -0.5 * (square + log_variance[i]).sum()
            expected += log_q * ((i == j) / 9 - 1 / 81)
    torch.testing.assert_close(estimator(x, y), expected)


@pytest.mark.parametrize("sampled", [False, True])
def test_a_mean_far_away_cancels(sampled: bool) -> None:
    # With one variance for all, the samples' offset from q's mean drops out.
    y, noise = torch.randn(2, 512, 3, generator=torch.Generator().manual_seed(0))
    permutation = derangement(512, None, y.device) if sampled else None
    log_variance = torch.zeros_like(y)
    near = club(y, noise, log_variance, permutation)
    y, noise = (y + 2**12).double(), noise.double()  # as float32 has them
    true = club(y, noise, log_variance.double(), permutation)
    far = club(y.float(), noise.float(), log_variance, permutation)
    assert abs(float(far - true)) < 0.01
    assert abs(float(near - true)) < 0.01


# d * (exp(2 I / d) - 1) at d = 20
CLOSED_FORM = dict(zip(LEVELS, [4.43, 9.84, 16.44, 24.51, 34.37], strict=True))


@pytest.mark.parametrize("information", LEVELS)
@pytest.mark.parametrize("num_negatives", ["all", "sampled"])
def test_exact_q_gives_the_closed_form(information: float, num_negatives: str) -> None:
    estimates = []
    for seed in range(16):
        x, y = sample(information, 4000, seed)
        q = ExactGaussian(20, correlation(information))
        estimator = CLUB(20, 20, num_negatives=num_negatives, conditional=q)
        generator = torch.Generator().manual_seed(seed)
        estimates.append(estimator(x, y, generator=generator))
    values = torch.stack(estimates)
    error = float(values.std()) / 4
    expected = 20 * (math.exp(2 * information / 20) - 1)
    assert expected == pytest.approx(CLOSED_FORM[information], abs=0.005)
    assert abs(float(values.mean()) - expected) < 4 * error
    assert error < 0.01 * expected  # the test can fail


def test_released_numbers() -> None:
    with np.load(REFERENCE, allow_pickle=False) as stored:
        z = {key: torch.from_numpy(stored[key]) for key in stored if key != "config"}
    width, hidden = z["club/p_mu.2.weight"].shape
    options = {"num_negatives": "sampled", "log_variance": "tanh"}
    raw = CLUB(width, width, hidden, **options)
    half = CLUB(width, width, hidden, **options, clamp=True, scale=0.5)
    names = {"mean": "p_mu", "log_variance": "p_logvar"}
    for ours, theirs in names.items():
        network = getattr(raw.conditional, ours)
        for layer in (0, 2):
            network[layer].weight.data = z[f"club/{theirs}.{layer}.weight"]
            network[layer].bias.data = z[f"club/{theirs}.{layer}.bias"]
    half.conditional = raw.conditional
    for name in ("text", "image"):
        pair = z[f"{name}_generic"], z[f"{name}_unique"]
        permutation = z[f"club_perm_{name}"]
        for key, value in (
            ("raw", raw(*pair, permutation)),
            ("bound", half(*pair, permutation)),
            ("nll", raw.learning_loss(*pair)),
        ):
            expected = float(z[f"club_{key}_{name}"])
            assert float(value.detach()) == pytest.approx(expected, rel=1e-5), (
                key,
                name,
            )


def test_log_variance_ranges() -> None:
    x = torch.full((4, 2), 1e4)
    for option, bound in (("wide", 10.0), ("tanh", 1.0)):
        _, log_variance = GaussianMLP(2, 3, log_variance=option)(x)
        assert float(log_variance.detach().abs().max()) == pytest.approx(bound)


def test_clamp_has_no_gradient_below_zero() -> None:
    x = torch.randn(8, 2, dtype=torch.float64)
    y = x.clone().requires_grad_()
    wrong = ExactGaussian(2, -0.9)  # expects the opposite, so the estimate is negative
    plain = CLUB(2, 2, conditional=wrong)(x, y)
    clamped = CLUB(2, 2, conditional=wrong, clamp=True)(x, y)
    assert plain < 0
    assert clamped == 0
    assert torch.autograd.grad(plain, y)[0].abs().sum() > 0
    assert torch.autograd.grad(clamped, y)[0].abs().sum() == 0


@pytest.mark.parametrize("size", [2, 3, 10])
def test_derangement_moves_every_row(size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        found = derangement(size, generator, torch.device("cpu"))
        assert sorted(found.tolist()) == list(range(size))
        assert bool((found != torch.arange(size)).all())


def test_fit_lowers_the_loss_and_leaves_the_inputs_alone() -> None:
    x = torch.randn(200, 3)
    y = (x + 0.1 * torch.randn(200, 3)).requires_grad_()
    estimator = CLUB(3, 3)
    before = float(estimator.learning_loss(x, y).detach())
    after = estimator.fit(x, y, steps=100, lr=1e-2)
    assert after < before - 0.1
    assert y.grad is None


def test_bad_input() -> None:
    estimator = CLUB(3, 2)
    x, y = torch.randn(5, 3), torch.randn(5, 2)
    with pytest.raises(ValueError, match=r"y must be of shape \[N, 2\]"):
        estimator(x, x)
    with pytest.raises(ValueError, match="same number of samples"):
        estimator(x, y[:4])
    with pytest.raises(ValueError, match="fewer than two pairs"):
        estimator(x[:1], y[:1])
    with pytest.raises(ValueError, match="NaN"):
        estimator.fit(x, y * torch.nan)
    with pytest.raises(ValueError, match="num_negatives"):
        CLUB(3, 2, num_negatives="some")
    with pytest.raises(ValueError, match="conditional must map width 3 to 2"):
        CLUB(3, 2, conditional=GaussianMLP(3, 3))


def test_a_permutation_names_a_row_per_row() -> None:
    x, y = torch.randn(20, 4), torch.randn(20, 4)
    with pytest.raises(ValueError, match=r"\[20\] \(got \[1\]\)"):
        CLUB(4, 4, num_negatives="sampled")(x, y, torch.tensor([3]))
