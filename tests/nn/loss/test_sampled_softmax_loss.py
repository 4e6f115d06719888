"""The sampled softmax against a loop, and its gradient."""

import math

import pytest
import torch
from torch import Tensor

from sea_pyg.nn.functional import info_nce, l2_normalize, sampled_softmax
from sea_pyg.nn.loss import SampledSoftmaxLoss, SoloSimLoss


def vectors(*sizes: int, dtype: torch.dtype = torch.double) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 3, generator=generator).to(dtype) for n in sizes]


def loop(
    query: Tensor, positive: Tensor, candidate: Tensor, tau: float, excluded: Tensor
) -> Tensor:
    barred = set(zip(*excluded.tolist(), strict=True))
    total = query.new_zeros(())
    for row, (q, p) in enumerate(zip(query, positive, strict=True)):
        own = (q @ p / tau).exp()
        others = [
            (q @ k / tau).exp()
            for column, k in enumerate(candidate)
            if (row, column) not in barred
        ]
        total = total - (own / (own + sum(others))).log() / len(query)
    return total


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 3, 4, 9])
@pytest.mark.parametrize("unit", [False, True])
def test_naive_loop(chunk_size: int | None, unit: bool) -> None:
    inputs = vectors(4, 4, 6)
    if unit:
        inputs = [l2_normalize(x) for x in inputs]
    inputs = [x.requires_grad_() for x in inputs]
    excluded = torch.tensor([[2, 0, 0, 3], [3, 1, 5, 0]])  # in any order
    found = sampled_softmax(*inputs, 0.3, excluded, chunk_size, unit)
    expected = loop(*inputs, 0.3, excluded)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    grads = torch.autograd.grad(3 * found, inputs)
    torch.testing.assert_close(grads, torch.autograd.grad(3 * expected, inputs))
    assert abs(found - loop(*inputs, 0.3, excluded[:, :3])) > 1e-3
    assert abs(found - loop(*inputs, 0.31, excluded)) > 1e-3


def test_gradient_of_some_inputs() -> None:
    inputs = vectors(3, 3, 4)
    excluded = torch.tensor([[0, 1, 1, 1, 1], [2, 0, 1, 2, 3]])
    every = [x.clone().requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(
        lambda q, p, k: sampled_softmax(q, p, k, 0.5, excluded, 2), every
    )
    for which in range(3):
        some = [x.clone().requires_grad_(i == which) for i, x in enumerate(inputs)]
        sampled_softmax(*some, 0.5, excluded, 2).backward()
        assert [x.grad is not None for x in some] == [i == which for i in range(3)]


def test_the_module_compares_cosines() -> None:
    inputs = vectors(4, 4, 6)
    excluded = torch.tensor([[0, 2], [1, 3]])
    found = SampledSoftmaxLoss(0.3, chunk_size=3)(*inputs, excluded)
    units = [l2_normalize(x) for x in inputs]
    torch.testing.assert_close(found, loop(*units, 0.3, excluded))
    longer = [7 * inputs[0], inputs[1], 0.1 * inputs[2]]
    torch.testing.assert_close(found, SampledSoftmaxLoss(0.3)(*longer, excluded))


def test_nothing_to_tell_it_from() -> None:
    every = torch.tensor([[0, 0], [0, 1]])
    query, positive, candidate = vectors(1, 1, 2, dtype=torch.float)
    loss = SampledSoftmaxLoss()(query, positive, candidate, every)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    none = torch.empty(0, 3)
    assert sampled_softmax(query, positive, none, 0.2).item() == 0


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("temperature", [0.001, 0.025, 0.2])
def test_far_apart_scores_are_finite(temperature: float, unit: bool) -> None:
    """The positive is the worst of all, and the best: no overflow, nothing lost."""
    axis = torch.tensor([[1.0, 0, 0], [1.0, 0, 0]])
    positive = torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]])
    candidate = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]])
    inputs = [x.requires_grad_() for x in (axis, positive, candidate)]
    loss = sampled_softmax(*inputs, temperature, None, 1, unit)
    worst = 2 / temperature + math.log(1 + 2 * math.exp(-2 / temperature))
    best = math.log(2 + math.exp(-2 / temperature))
    assert loss.item() == pytest.approx((worst + best) / 2, rel=1e-5)
    loss.backward()
    for x in inputs:
        assert x.grad is not None
        assert x.grad.isfinite().all()


def test_half_precision_is_computed_in_float32() -> None:
    inputs = vectors(8, 8, 5, dtype=torch.float)
    halves = [x.bfloat16() for x in inputs]
    expected = sampled_softmax(*(x.float() for x in halves), 0.05)
    with torch.autocast("cpu", torch.bfloat16):
        found = sampled_softmax(*halves, 0.05)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"temperature must lie in \(0, inf\)"):
        SampledSoftmaxLoss(0)
    assert repr(SampledSoftmaxLoss()) == "SampledSoftmaxLoss(temperature=0.2)"
    query, positive, candidate = vectors(2, 2, 4)
    for temperature in (0, float("nan")):
        with pytest.raises(ValueError, match="temperature must lie in"):
            sampled_softmax(query, positive, candidate, temperature)
    learned = torch.nn.Parameter(torch.tensor(0.2))
    for refuses in (
        SampledSoftmaxLoss,
        SoloSimLoss,
        lambda t: sampled_softmax(query, positive, candidate, t),
        lambda t: info_nce(query, positive, t, chunk_size=1),
        lambda t: info_nce(query, positive, t),
    ):
        with pytest.raises(ValueError, match="divide the queries by it"):
            refuses(learned)
    with pytest.raises(ValueError, match="one shape"):
        sampled_softmax(query, positive[:1], candidate, 1)
    with pytest.raises(ValueError, match=r"shape \[C, 3\]"):
        sampled_softmax(query, positive, candidate.t(), 1)
    with pytest.raises(ValueError, match="chunk_size"):
        sampled_softmax(query, positive, candidate, 1, chunk_size=0)


def test_long_vectors_do_not_overflow() -> None:
    query, positive, candidate = (40 * x.float() for x in vectors(6, 6, 5))
    own = (query * positive).sum(dim=1, keepdim=True)
    logit = torch.cat([own, query @ candidate.t()], dim=1).double() / 0.5
    expected = (logit.logsumexp(dim=1) - logit[:, 0]).mean().float()
    torch.testing.assert_close(
        sampled_softmax(query, positive, candidate, 0.5), expected
    )
