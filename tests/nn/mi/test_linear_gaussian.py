"""The closed form of q against least squares, and what it saves."""

import statistics
import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sea_pyg.nn.functional import gaussian_nll, solve_linear_gaussian
from sea_pyg.nn.mi import CLUB, VUB, GaussianMLP, L1Out, LinearGaussian


def pairs(num_pairs: int = 50, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = 3 + torch.randn(num_pairs, 4, generator=generator, dtype=dtype)
    mixing = torch.randn(4, 3, generator=generator, dtype=dtype)
    noise = torch.randn(num_pairs, 3, generator=generator, dtype=dtype)
    return [x.requires_grad_(), (x @ mixing - 7 + noise).detach().requires_grad_()]


def test_solution_is_least_squares() -> None:
    x, y = (t.detach() for t in pairs())
    weight, bias, log_variance = solve_linear_gaussian(x, y, 0.0, 0.0)
    ones = torch.ones(len(x), 1, dtype=x.dtype)
    expected = torch.linalg.lstsq(torch.cat([x, ones], dim=1), y).solution
    torch.testing.assert_close(weight, expected[:4])
    torch.testing.assert_close(bias, expected[4])
    residual = y - x @ weight - bias
    torch.testing.assert_close(log_variance.exp(), residual.square().mean(dim=0))


def test_ridge_and_floor_by_hand() -> None:
    x, y = (t.detach() for t in pairs())
    weight, bias, log_variance = solve_linear_gaussian(x, y, 0.5, 0.25)
    x_centered, y_centered = x - x.mean(dim=0), y - y.mean(dim=0)
    gram = x_centered.T @ x_centered / len(x)
    ridge = 0.5 * gram.diagonal().mean() * torch.eye(4, dtype=x.dtype)
    cross = x_centered.T @ y_centered / len(x)
    torch.testing.assert_close(weight, torch.linalg.solve(gram + ridge, cross))
    residual = y - x @ weight - bias
    torch.testing.assert_close(residual.mean(dim=0), torch.zeros(3, dtype=x.dtype))
    variance = residual.square().mean(dim=0) + 0.25 * y_centered.square().mean(dim=0)
    torch.testing.assert_close(log_variance.exp(), variance)


def test_no_other_linear_gaussian_is_more_likely() -> None:
    x, y = (t.detach() for t in pairs())
    model = LinearGaussian(4, 3, ridge=0.0, variance_floor=0.0).double()
    best = model.nll(x, y)
    weight, bias, log_variance = model.solve(x, y)
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        for part in (weight, bias, log_variance):
            noise = 0.05 * torch.randn(part.shape, generator=generator).double()
            part += noise
            mean = x @ weight + bias
            assert gaussian_nll(y, mean, log_variance.expand_as(y)) > best
            part -= noise


@pytest.mark.parametrize("part", [0, 1, 2])
def test_solution_is_differentiable(part: int) -> None:
    x, y = pairs(7)

    def solve(x: Tensor, y: Tensor) -> Tensor:
        return solve_linear_gaussian(x, y, 0.1, 0.1)[part]

    assert torch.autograd.gradcheck(solve, (x, y))


def test_single_and_half_precision() -> None:
    x, y = (t.detach() for t in pairs())
    exact = solve_linear_gaussian(x, y)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.1)):
        a, b = x.to(dtype).requires_grad_(), y.to(dtype).requires_grad_()
        found = solve_linear_gaussian(a, b)
        for ours, theirs in zip(found, exact, strict=True):
            assert ours.dtype == dtype
            torch.testing.assert_close(
                ours.double(), theirs, rtol=tolerance, atol=10 * tolerance
            )
        found.log_variance.sum().backward()
        assert a.grad is not None
        assert a.grad.dtype == dtype


def test_far_from_the_origin() -> None:
    """A shift of either variable changes neither slope nor variance."""
    x, y = (t.detach() for t in pairs())
    near = solve_linear_gaussian(x, y)
    far = solve_linear_gaussian(x + 1e4, y - 1e5)
    torch.testing.assert_close(far.weight, near.weight, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(far.log_variance, near.log_variance, rtol=0, atol=1e-6)


def test_evaluation_keeps_the_solution() -> None:
    x, y = (t.detach() for t in pairs())
    estimator = CLUB(4, 3, conditional="linear").double()
    with pytest.raises(ValueError, match="must be fitted before it predicts"):
        estimator.eval()(x, y)
    estimator.train()
    solved = estimator(x, y)
    loss = estimator.fit(x, y)
    assert loss == pytest.approx(float(estimator.learning_loss(x, y)))
    estimator.eval()
    torch.testing.assert_close(estimator(x, y), solved)
    other = estimator(x, y.flip(0))
    assert abs(float(other - estimator.train()(x, y.flip(0)))) > 1e-3
    estimator.reset_parameters()
    with pytest.raises(ValueError, match="must be fitted"):
        estimator.eval()(x, y)
    copy = CLUB(4, 3, conditional="linear").double()
    estimator.fit(x, y)
    copy.load_state_dict(estimator.state_dict())
    torch.testing.assert_close(copy.eval()(x, y), solved)


def test_gradient_flows_through_the_solution() -> None:
    """It differs from that of a q held fixed, unlike after an inner loop."""
    x, y = pairs()
    estimator = CLUB(4, 3, conditional="linear").double()
    (whole,) = torch.autograd.grad(estimator(x, y), y)
    estimator.fit(x, y)
    (fixed,) = torch.autograd.grad(estimator.eval()(x, y), y)
    assert (whole - fixed).abs().max() > 1e-3
    assert torch.autograd.gradcheck(
        lambda y: estimator.train()(x[:9].detach(), y), y[:9].detach().requires_grad_()
    )


def test_takes_a_tenth_of_fifty_steps() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7050, 32, generator=generator)
    y = 0.5 * x + torch.randn(7050, 32, generator=generator)
    linear = CLUB(32, 32, conditional="linear")
    mlp = CLUB(32, 32, conditional=GaussianMLP(32, 32, 8))

    def seconds(function: Callable[[], object]) -> float:
        start = time.process_time()
        function()
        return time.process_time() - start

    # In turn, so that both see the same load of the machine.
    ratios = []
    for _ in range(5):
        solve = min(seconds(lambda: linear.fit(x, y)) for _ in range(3))
        ratios.append(solve / seconds(lambda: mlp.fit(x, y, steps=50)))
    assert statistics.median(ratios) < 0.1


def test_collinear_conditions() -> None:
    x, y = (t.detach() for t in pairs())
    twice = torch.cat([x, x], dim=1)
    once = solve_linear_gaussian(x, y, ridge=1e-9)
    both = solve_linear_gaussian(twice, y, ridge=1e-9)
    torch.testing.assert_close(both.log_variance, once.log_variance)
    torch.testing.assert_close(both.weight[:4], both.weight[4:], rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="x must not be collinear"):
        solve_linear_gaussian(twice, y, ridge=0.0)


@pytest.mark.parametrize("option", ["ridge", "variance_floor"])
def test_bad_options(option: str) -> None:
    with pytest.raises(ValueError, match=rf"{option} must lie in \[0, inf\)"):
        LinearGaussian(2, 2, **{option: -1.0})


def test_a_more_precise_solution_is_not_kept() -> None:
    x, y = torch.rand(2, 20, 3, dtype=torch.double)
    with pytest.raises(
        ValueError, match=r"x is torch.float64 .* x by .to\(torch.float"
    ):
        LinearGaussian(3, 3).fit(x, y)
    with pytest.raises(ValueError, match="y is torch.float64"):
        LinearGaussian(3, 3).fit(x.float(), y)
    LinearGaussian(3, 3).double().fit(x, y)


@pytest.mark.parametrize("bound", [CLUB, L1Out, VUB])
@pytest.mark.parametrize("still", ["x", "y", "both", "tiny"])
def test_what_does_not_vary_shares_nothing(bound: type, still: str) -> None:
    x, y = torch.randn(2, 100, 4, generator=torch.Generator().manual_seed(0))
    if still == "tiny":
        x, y = 1e-20 * x, 1e-20 * x
    if still in ("x", "both"):
        x = torch.full_like(x, 3.0)
    if still in ("y", "both"):
        y = torch.zeros_like(y)
    x.requires_grad_()
    y.requires_grad_()
    model = bound(4, 4, conditional="linear")
    model.conditional.in_sample = True
    value = model(x, y)
    assert abs(float(value.detach())) < 1.0
    for grad in torch.autograd.grad(value, (x, y)):
        assert grad.isfinite().all()
