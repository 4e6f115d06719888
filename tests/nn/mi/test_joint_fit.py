"""Models q that are fitted side by side learn what each would learn alone."""

from typing import Any

import pytest
import torch
from torch import Tensor

from sea_pyg.nn.functional import gaussian_nll
from sea_pyg.nn.mi import CLUB, GaussianMLP, InfoNCE, MutualInformationEstimator
from sea_pyg.nn.mi.conditional_estimator import joint_learning_loss


def pairs(*sizes: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(size, 5, generator=generator, dtype=torch.float64),
            torch.randn(size, 3, generator=generator, dtype=torch.float64),
        )
        for size in sizes
    ]


def clubs(count: int, **kwargs: Any) -> list[CLUB]:
    torch.manual_seed(0)
    return [CLUB(5, 3, hidden_channels=4, **kwargs).double() for _ in range(count)]


def plain(estimator: CLUB, x: Tensor, y: Tensor) -> Tensor:
    """The likelihood by autograd, network by network."""
    q = estimator.conditional
    assert isinstance(q, GaussianMLP)
    return gaussian_nll(y, *q(x))


def gradients(
    loss: Tensor, estimators: list[MutualInformationEstimator]
) -> list[Tensor]:
    parameters = [p for e in dict.fromkeys(estimators) for p in e.parameters()]
    return list(torch.autograd.grad(loss, parameters))


@pytest.mark.parametrize("log_variance", ["wide", "tanh"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_joint_is_the_sum(
    count: int, log_variance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimators, samples = clubs(count, log_variance=log_variance), pairs(*[9] * count)
    calls = []
    joint = GaussianMLP.joint_nll
    monkeypatch.setattr(
        GaussianMLP,
        "joint_nll",
        staticmethod(lambda *args: calls.append(len(args[0])) or joint(*args)),
    )
    loss = joint_learning_loss(estimators, samples)
    assert calls == [count]
    expected = torch.stack(
        [plain(e, x, y) for e, (x, y) in zip(estimators, samples, strict=True)]
    ).sum()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    found = gradients(2 * loss, estimators)
    wanted = gradients(2 * expected, estimators)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-14)


def test_one_estimator_of_two_pairs() -> None:
    (estimator,) = clubs(1)
    samples = pairs(9, 9)
    loss = joint_learning_loss([estimator, estimator], samples)
    expected = plain(estimator, *samples[0]) + plain(estimator, *samples[1])
    torch.testing.assert_close(loss, expected)
    both = [estimator, estimator]
    for ours, theirs in zip(
        gradients(loss, both), gradients(expected, both), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("case", ["sizes", "hidden", "range", "kind", "gradient"])
def test_others_are_fitted_one_by_one(case: str) -> None:
    """Pairs of other sizes, other models and pairs with gradients are no batch."""
    first, second = clubs(2)
    samples = pairs(9, 7 if case == "sizes" else 9)
    other: MutualInformationEstimator = second
    if case == "hidden":
        other = CLUB(5, 3, hidden_channels=6).double()
    if case == "range":
        other = CLUB(5, 3, hidden_channels=4, log_variance="tanh").double()
    if case == "kind":
        other = InfoNCE(5, 3).double()
    if case == "gradient":
        samples[1][0].requires_grad_()
    loss = joint_learning_loss([first, other], samples)
    expected = first.learning_loss(*samples[0]) + other.learning_loss(*samples[1])
    torch.testing.assert_close(loss, expected)
    if case == "gradient":
        loss.backward()
        assert samples[1][0].grad is not None
    else:
        both = [first, other]
        torch.testing.assert_close(gradients(loss, both), gradients(expected, both))


def test_a_changed_pair_is_not_taken_from_memory() -> None:
    estimators, samples = clubs(2), pairs(9, 9)
    before = joint_learning_loss(estimators, samples)
    samples[1][1].add_(1)
    after = joint_learning_loss(estimators, samples)
    assert before != after
    expected = plain(estimators[0], *samples[0]) + plain(estimators[1], *samples[1])
    torch.testing.assert_close(after, expected)


def test_a_pair_may_be_fitted_with_others_and_alone() -> None:
    estimators, samples = clubs(2), pairs(9, 9)
    joint = joint_learning_loss(estimators, samples)
    alone = joint_learning_loss(estimators[:1], samples[:1])
    torch.testing.assert_close(alone, plain(estimators[0], *samples[0]))
    assert joint != alone


def test_joint_checks_the_pairs() -> None:
    estimators, samples = clubs(2), pairs(9, 9)
    with pytest.raises(ValueError, match=r"y must be of shape \[N, 3\]"):
        joint_learning_loss(estimators, [samples[0], (samples[1][0], samples[1][0])])
