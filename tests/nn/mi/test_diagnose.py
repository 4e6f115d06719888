"""The diagnosis of q: what it measures, and when it warns."""

import math

import pytest
import torch

from sea_pyg.nn.functional.linear_gaussian import moments
from sea_pyg.nn.mi import CLUB, GaussianMLP, LinearGaussian, diagnose
from tests.nn.mi.gaussians import ExactGaussian, correlation, sample


def test_exact_q_gains_the_mutual_information() -> None:
    x, y = sample(1.0, 4000, channels=2)
    found = diagnose(ExactGaussian(2, correlation(1.0, channels=2)), x, y)
    assert abs(found.gain - 1.0) < 3 * found.standard_error
    assert 0.005 < found.standard_error < 0.03
    assert found.gain == pytest.approx(found.marginal_nll - found.nll)
    # Half of log variance plus one, per dimension.
    assert found.marginal_nll == pytest.approx(1.0, abs=0.05)
    assert found.nll == pytest.approx(0.0, abs=0.05)


def test_fitted_q_passes() -> None:
    x, y = sample(1.0, 600, channels=2)
    estimator = CLUB(2, 2, conditional="linear").double()
    estimator.fit(x[:300], y[:300])
    found = diagnose(estimator.conditional, x[300:], y[300:])
    assert found.gain > 0.8


def test_warns_when_q_explains_nothing() -> None:
    x, y = sample(2.0, 500, channels=2)
    with pytest.warns(UserWarning, match="q explains nothing of y") as caught:
        diagnose(GaussianMLP(2, 2).double(), x, y)  # not fitted
    assert caught[0].filename == __file__
    shuffled = y.roll(1, 0)
    model = LinearGaussian(2, 2).double()
    model.fit(x[:250], shuffled[:250])
    with pytest.warns(UserWarning, match="independent"):
        found = diagnose(model, x[250:], shuffled[250:])
    assert found.gain < 2 * found.standard_error


def test_warns_when_q_cannot_reach_a_small_variance() -> None:
    """A Tanh log-variance holds a variance of 1/e at least."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 1, generator=generator)
    y = 0.05 * (x + 0.3 * torch.randn(400, 1, generator=generator))
    model = GaussianMLP(1, 1, log_variance="tanh")
    estimator = CLUB(1, 1, conditional=model)
    torch.manual_seed(0)
    estimator.fit(x, y, steps=200, lr=1e-2)
    with pytest.warns(UserWarning, match="explains nothing"):
        narrow = diagnose(model, x, y)
    assert narrow.nll >= -0.5
    wide = CLUB(1, 1)
    wide.fit(x, y, steps=600, lr=2e-2)
    found = diagnose(wide.conditional, x, y)
    assert found.gain == pytest.approx(-0.5 * math.log(0.09 / 1.09), abs=0.3)


def test_bad_input() -> None:
    x, y = sample(1.0, 10, channels=2)
    model = ExactGaussian(2, 0.5)
    with pytest.raises(ValueError, match="fewer than two pairs"):
        diagnose(model, x[:1], y[:1])
    with pytest.raises(ValueError, match="same number of samples"):
        diagnose(model, x, y[:9])
    with pytest.raises(ValueError, match="must be finite"):
        diagnose(model, x, y * math.nan)


def test_half_precision_is_judged_as_its_values_are() -> None:
    x, y = sample(0.0, 500, channels=2)
    x, y = x.float(), (y.float() + 5).bfloat16()  # rounded, and far from zero
    estimator = CLUB(2, 2, conditional="linear")
    estimator.fit(x, y.float())
    for values in (y, y.float()):  # independent of x either way
        with pytest.warns(UserWarning, match="explains nothing"):
            diagnose(estimator.conditional.eval(), x.flip(0), values)
    assert torch.equal(moments(y)[1], moments(y.float())[1])


def test_autocast_changes_nothing() -> None:
    torch.manual_seed(0)
    x = torch.randn(200, 4)
    y = x + torch.randn(200, 4)
    club = CLUB(4, 4)
    club.fit(x, y, steps=200, lr=0.01)
    expected = diagnose(club.conditional, x, y)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = diagnose(club.conditional, x, y)
    assert found == pytest.approx(expected)


def test_more_precise_pairs_are_refused() -> None:
    x, y = torch.randn(20, 2).double(), torch.randn(20, 3)
    with pytest.raises(ValueError, match=r"x is torch.float64 and the estimator"):
        diagnose(GaussianMLP(2, 3), x, y)
