import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.nn.functional import (
    info_nce,
    l2_normalize,
    log_partition,
    sampled_softmax,
    two_view_contrast,
)


def rows(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 5, dtype=torch.double, generator=generator)


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 0.01])  # 0.01: past what unit rows bound
@pytest.mark.parametrize("chunk_size", [1, 4, 100])
@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize("weigh", [False, True])
def test_log_partition_is_that_of_all_logits(
    unit: bool, temperature: float, chunk_size: int, leave_out: bool, weigh: bool
) -> None:
    query = l2_normalize(rows(9)).requires_grad_()
    key = l2_normalize(rows(7, seed=1)).requires_grad_()
    pairs = [[0, 1, 1, 8, 4, 1], [2, 0, 6, 6, 3, 5]]
    excluded = torch.tensor(pairs) if leave_out else None
    weight, key_weight = (rows(n)[:, 0].abs() if weigh else None for n in (9, 7))
    logits = query @ key.t() / temperature
    if excluded is not None:
        logits = logits.index_put(tuple(excluded), logits.new_tensor(-torch.inf))
    if weight is not None and key_weight is not None:
        expected = (weight * (logits + key_weight.log()).logsumexp(dim=1)).sum()
    else:
        expected = logits.logsumexp(dim=1).sum()
    found = log_partition(
        query, key, temperature, excluded, chunk_size, unit, weight, key_weight
    )
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(3 * found, (query, key)),
        torch.autograd.grad(3 * expected, (query, key)),
    )


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 0.01])
@pytest.mark.parametrize("chunk_size", [4, 100])
def test_log_partition_with_positives_that_are_no_keys(
    unit: bool, temperature: float, chunk_size: int
) -> None:
    query = l2_normalize(rows(9)).requires_grad_()
    key = l2_normalize(rows(7, seed=1)).requires_grad_()
    positive = (l2_normalize(rows(9, seed=2))[:, 0] / temperature).requires_grad_()
    weight, key_weight = rows(9)[:, 0].abs(), rows(7)[:, 0].abs()
    logits = query @ key.t() / temperature + key_weight.log()
    every = torch.cat([positive.unsqueeze(1), logits], dim=1)
    expected = (weight * (every.logsumexp(dim=1) - positive)).sum()
    found = log_partition(
        query,
        key,
        temperature,
        None,
        chunk_size,
        unit,
        weight,
        key_weight,
        positive=positive,
    )
    torch.testing.assert_close(found, expected)
    inputs = query, key, positive
    torch.testing.assert_close(
        torch.autograd.grad(3 * found, inputs),
        torch.autograd.grad(3 * expected, inputs),
    )


def test_a_certain_positive_keeps_its_digits() -> None:
    query, key = torch.ones(1, 1), torch.tensor([[-1.0]])
    positive = torch.tensor([20.0], requires_grad=True)
    value = log_partition(query, key, 1.0, positive=positive)
    (grad,) = torch.autograd.grad(value, positive)
    exact = torch.tensor(-21.0).exp()  # against one: nothing is left of it in float32
    torch.testing.assert_close(-grad, exact.view(1), rtol=1e-5, atol=0)


def test_log_partition_of_half_precision_and_without_gradient() -> None:
    query, key = l2_normalize(rows(6)).float(), l2_normalize(rows(8, seed=1)).float()
    whole = log_partition(query, key, 0.2)
    assert whole.dtype == torch.float32
    half = log_partition(query.bfloat16(), key.bfloat16(), 0.2)
    torch.testing.assert_close(half, whole, rtol=0.02, atol=0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(log_partition(query, key, 0.2), whole)


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"temperature": 0.2, "chunk_size": 0}]
)
def test_wrong_arguments(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must be at least 1|must lie in"):
        log_partition(rows(2), rows(2), **wrong)


def test_two_view_contrast_is_that_of_a_naive_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 9, 5, dtype=torch.double, generator=generator)
    total = 0.0
    for i in range(9):
        positive = F.cosine_similarity(x[i], y[i], dim=0) / 0.5
        logits = [F.cosine_similarity(x[i], y[j], dim=0) / 0.5 for j in range(9)]
        logits += [
            F.cosine_similarity(x[i], x[j], dim=0) / 0.5 for j in range(9) if j != i
        ]
        total += float(torch.stack(logits).logsumexp(dim=0) - positive) / 9
    for chunk_size in (1, 4, 100):
        ours = two_view_contrast(x, y, 0.5, chunk_size)
        assert ours.item() == pytest.approx(total)
    leaves = (x.requires_grad_(), y.requires_grad_())
    assert torch.autograd.gradcheck(
        lambda a, b: two_view_contrast(a, b, 0.5, 4), leaves
    )


@pytest.mark.parametrize("kinds", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_operands_of_several_types_are_compared_in_the_widest(kinds: tuple) -> None:
    types = torch.float32, torch.bfloat16
    tensors = [
        torch.randn(6, 4, generator=torch.Generator().manual_seed(i)).bfloat16()
        for i in range(3)
    ]
    mixed = [x.to(types[kind]) for x, kind in zip(tensors, kinds, strict=True)]
    wide = [x.float() for x in tensors]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for chunk_size in (None, 2):
            found = info_nce(*mixed[:2], 0.5, chunk_size)
            torch.testing.assert_close(found, info_nce(*wide[:2], 0.5, chunk_size))
        found = sampled_softmax(*mixed, 0.5)
    torch.testing.assert_close(found, sampled_softmax(*wide, 0.5))


def test_keys_of_weight_zero_are_not_there() -> None:
    """Even where their logits are so large that the others vanish beside them."""
    query = torch.ones(3, 2, requires_grad=True)
    key = torch.tensor([[400.0, 0.0], [1.0, 2.0], [3.0, 0.5]])
    weight = torch.tensor([0.0, 1.0, 2.0])
    found = log_partition(query, key, 1.0, None, 2, key_weight=weight)
    (gradient,) = torch.autograd.grad(found, query)
    twin = torch.ones(3, 2, requires_grad=True)
    rest = log_partition(twin, key[1:], 1.0, None, 2, key_weight=weight[1:])
    torch.testing.assert_close(found, rest)
    torch.testing.assert_close(gradient, torch.autograd.grad(rest, twin)[0])
    none = log_partition(query, key, 1.0, None, 2, key_weight=torch.zeros(3))
    assert none.item() == -torch.inf
