"""The sampled softmax against a loop, and its gradient."""

import math

import pytest
import torch

from sea_pyg.nn.loss import SampledSoftmaxLoss


def test_naive_loop() -> None:
    torch.manual_seed(0)
    positive = torch.randn(4, dtype=torch.double)
    score = torch.randn(4, 6, dtype=torch.double)
    excluded = torch.tensor([[0, 0, 2], [1, 5, 3]])
    barred = set(zip(*excluded.tolist(), strict=True))
    total = 0.0
    for row in range(4):
        terms = [
            math.exp(score[row, c] / 0.3) for c in range(6) if (row, c) not in barred
        ]
        own = math.exp(positive[row] / 0.3)
        total -= math.log(own / (own + sum(terms))) / 4
    found = SampledSoftmaxLoss(0.3)(positive, score, excluded)
    assert found.item() == pytest.approx(total, rel=1e-12)


def test_gradient() -> None:
    torch.manual_seed(0)
    positive = torch.randn(3, dtype=torch.double, requires_grad=True)
    score = torch.randn(3, 4, dtype=torch.double, requires_grad=True)
    excluded = torch.tensor([[0, 1, 1, 1, 1], [2, 0, 1, 2, 3]])
    loss = SampledSoftmaxLoss()
    assert torch.autograd.gradcheck(
        lambda p, s: loss(p, s, excluded), (positive, score)
    )
    (grad,) = torch.autograd.grad(loss(positive, score, excluded), score)
    assert not grad[excluded[0], excluded[1]].any()


def test_nothing_to_tell_it_from() -> None:
    every = torch.tensor([[0, 0], [0, 1]])
    loss = SampledSoftmaxLoss()(torch.randn(1), torch.randn(1, 2), every)
    assert loss.item() == 0


def test_far_apart_scores_are_finite() -> None:
    score = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = SampledSoftmaxLoss(0.01)(torch.tensor([-1e4]), score)
    assert loss.item() == pytest.approx(2e6)
    loss.backward()
    assert score.grad is not None
    assert score.grad.isfinite().all()


def test_temperature() -> None:
    with pytest.raises(ValueError, match=r"temperature must be positive \(got 0\)"):
        SampledSoftmaxLoss(0)
    assert repr(SampledSoftmaxLoss()) == "SampledSoftmaxLoss(temperature=0.2)"
