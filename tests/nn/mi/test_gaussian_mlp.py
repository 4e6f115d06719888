"""The fused likelihood against autograd's."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import Linear, ReLU, Sequential

from sea_pyg.nn.functional import gaussian_nll
from sea_pyg.nn.mi import CLUB, GaussianMLP
from sea_pyg.nn.mi.joint import joint_learning_loss


@pytest.mark.parametrize("log_variance", ["wide", "tanh"])
def test_fused_likelihood_and_gradient_are_those_of_autograd(log_variance: str) -> None:
    torch.manual_seed(0)
    model = GaussianMLP(5, 3, 7, log_variance).double()
    x, y = torch.randn(11, 5).double(), 3 * torch.randn(11, 3).double()
    parameters = list(model.parameters())
    mean, log_var = model(x)
    plain = gaussian_nll(y, mean, log_var)
    fused = model.nll(x, y)
    torch.testing.assert_close(fused, plain)
    expected = torch.autograd.grad(2 * plain, parameters)
    found = torch.autograd.grad(2 * fused, parameters)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_likelihood_is_differentiable_in_the_samples() -> None:
    model = GaussianMLP(2, 3).double()
    x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    y = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model.nll, (x, y))


def test_half_precision_samples() -> None:
    model = GaussianMLP(2, 3)
    x, y = torch.randn(6, 2), torch.randn(6, 3)
    half = model.nll(x.bfloat16(), y.bfloat16())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, model.nll(x, y), atol=0.1, rtol=0.1)


class Residual(GaussianMLP):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = super().forward(x)
        return x[:, :2] + mean, log_variance


def test_a_subclass_is_fitted_as_it_predicts() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 3)
    y = x[:, :2] + 0.1 * torch.randn(50, 2)
    model = Residual(3, 2)
    expected = gaussian_nll(y, *model(x))
    torch.testing.assert_close(model.nll(x, y), expected)
    assert CLUB(3, 2, conditional=model).fit(x, y, steps=5) < float(expected.detach())


def test_a_fit_within_no_grad() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(50, 3), torch.randn(50, 2)
    club = CLUB(3, 2)
    before = club.learning_loss(x, y).detach()
    with torch.no_grad():
        club.fit(x, y, steps=20, lr=0.01)
    assert club.learning_loss(x, y).detach() < before


@pytest.mark.parametrize("change", ["activation", "further layer", "hook", "inserted"])
def test_changed_networks_are_fitted_as_they_predict(change: str) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(2, 20, 4)
    club = CLUB(4, 4)
    model = club.conditional
    if change == "activation":
        model.mean[1] = torch.nn.Tanh()
    elif change == "further layer":
        model.mean.append(torch.nn.Tanh())
    elif change == "inserted":
        model.mean.insert(1, torch.nn.Tanh())
    else:
        model.mean.register_forward_hook(lambda module, args, out: out + 1)
    expected = gaussian_nll(y, *model(x))
    torch.testing.assert_close(model.nll(x, y), expected)
    torch.testing.assert_close(joint_learning_loss([club], [(x, y)]), expected)


@pytest.mark.parametrize(
    "network",
    [
        Sequential(Linear(3, 1), ReLU(), Linear(1, 2)),
        Sequential(Linear(3, 4), ReLU(), Linear(4, 2)),
        Sequential(Linear(3, 8, bias=False), ReLU(), Linear(8, 2)),
    ],
    ids=["one unit", "four units", "no bias"],
)
def test_networks_of_other_shapes_are_computed_as_they_are(network: Sequential) -> None:
    torch.manual_seed(0)
    model = GaussianMLP(3, 2)
    model.log_variance = network
    x, y = torch.randn(9, 3), torch.randn(9, 2)
    expected = gaussian_nll(y, *model(x))
    torch.testing.assert_close(model.nll(x, y), expected)
    torch.testing.assert_close(
        joint_learning_loss([CLUB(3, 2, conditional=model)], [(x, y)]), expected
    )


@pytest.mark.parametrize("q", ["mlp", "tanh", "residual"])
@pytest.mark.parametrize("batch_size", [None, 20])
def test_a_fit_takes_adams_steps(q: str, batch_size: int | None) -> None:
    """Side by side where there is a kernel and the pairs stay, one by one elsewhere."""
    torch.manual_seed(0)
    x, y = torch.randn(30, 3).double(), torch.randn(30, 2).double()
    model = Residual(3, 2) if q == "residual" else GaussianMLP(3, 2)
    if q == "tanh":
        model.log_variance_bound = 1.0
    club = CLUB(3, 2, conditional=model).double()
    twin = copy.deepcopy(club)
    draw = [torch.Generator().manual_seed(3) for _ in range(2)]
    last = club.fit(x, y, steps=12, lr=0.02, batch_size=batch_size, generator=draw[0])
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.02)
    for _ in range(12):
        rows = torch.arange(30)
        if batch_size is not None:
            rows = torch.randperm(30, generator=draw[1])[:batch_size]
        loss = gaussian_nll(y[rows], *twin.conditional(x[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert last == pytest.approx(float(loss.detach()), rel=1e-9)
    for found, expected in zip(club.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


def test_samples_that_are_written_over_are_read_anew() -> None:
    """Also where torch does not count the change, as in memory of NumPy's."""
    torch.manual_seed(0)
    club, rows = CLUB(3, 2), np.zeros((9, 5), np.float32)
    x, y = torch.from_numpy(rows).split([3, 2], dim=1)
    for _ in range(2):
        rows[:] = np.random.default_rng(0).normal(size=rows.shape)
        rows += rows
        loss = club.learning_loss(x, y)
        torch.testing.assert_close(loss, club.learning_loss(x.clone(), y.clone()))
        rows[:] = 0
        zero = club.learning_loss(x, y)
        torch.testing.assert_close(zero, club.learning_loss(x.clone(), y.clone()))


class Shrunk(CLUB):
    """A bound whose q learns something else than its likelihood alone."""

    def learning_loss(self, x: Tensor, y: Tensor) -> Tensor:
        squares = [p.square().sum() for p in self.parameters()]
        return super().learning_loss(x, y) + torch.stack(squares).sum()


def test_an_objective_of_one_s_own_is_what_is_fitted() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(30, 3), torch.randn(30, 2)
    club = Shrunk(3, 2)
    before = sum(float(p.detach().square().sum()) for p in club.parameters())
    club.fit(x, y, steps=200, lr=0.02)
    after = sum(float(p.detach().square().sum()) for p in club.parameters())
    assert after < 0.1 * before
