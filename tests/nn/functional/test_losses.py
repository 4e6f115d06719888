import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sea_pyg.nn import functional as F
from tests.nn.models.dense_sea import solo_sim


def unit(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*shape, dtype=torch.float64, generator=generator)
    return x / x.norm(dim=-1, keepdim=True)


def test_l2_normalize() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    expected = torch.tensor([[0.6, 0.8], [0.0, 0.0]])
    torch.testing.assert_close(F.l2_normalize(x), expected)


def test_gradients_of_l2_normalize() -> None:
    x = unit(5, 3) * torch.tensor([[2.0], [0.1], [1.0], [30.0], [1e-14]])
    x[4] = torch.tensor([3e-14, -1e-14, 0.0])  # shorter than eps: only scaled
    x.requires_grad_()
    grad = unit(5, 3, seed=1)
    found = torch.autograd.grad(F.l2_normalize(x), x, grad)
    plain = torch.nn.functional.normalize(x, dim=-1)
    torch.testing.assert_close(found, torch.autograd.grad(plain, x, grad))
    rows = unit(4, 3).mul_(2).requires_grad_()
    assert torch.autograd.gradcheck(F.l2_normalize, rows)
    assert torch.autograd.gradgradcheck(F.l2_normalize, rows)
    # A row of zeros has no direction, and half precision does not hold 1 / eps.
    zero = torch.zeros(2, 3, requires_grad=True)
    F.l2_normalize(zero).sum().backward()
    assert zero.grad is not None
    assert zero.grad.count_nonzero() == 0


def test_row_cosine() -> None:
    x, y = torch.randn(2, 6, 4, dtype=torch.float64)
    expected = torch.nn.functional.cosine_similarity(x, y)
    torch.testing.assert_close(F.row_cosine(x, y), expected)
    x[2] = 0
    half = F.row_cosine(x.half(), y.half())
    assert half[2] == 0
    torch.testing.assert_close(half.double(), F.row_cosine(x, y), rtol=0, atol=2e-3)


def test_bpr_loss() -> None:
    pos = torch.tensor([1.0, 0.5, -2.0], dtype=torch.float64)
    neg = torch.tensor([0.0, 2.0, -2.0], dtype=torch.float64)
    pairs = zip(pos.tolist(), neg.tolist(), strict=True)
    terms = [-math.log(1 / (1 + math.exp(n - p))) for p, n in pairs]
    assert F.bpr_loss(pos, neg).item() == pytest.approx(sum(terms) / 3, rel=1e-12)
    base2 = F.bpr_loss(pos, neg, log_base=2).item()
    assert base2 == pytest.approx(sum(terms) / 3 / math.log(2), rel=1e-12)
    assert F.bpr_loss(pos + 1, neg) < F.bpr_loss(pos, neg)


def test_bpr_loss_at_large_scores() -> None:
    pos = torch.tensor([-1e4, 1e4], requires_grad=True)
    loss = F.bpr_loss(pos, torch.zeros(2))
    loss.backward()
    assert loss.item() == pytest.approx(5e3)
    assert pos.grad is not None
    torch.testing.assert_close(pos.grad, torch.tensor([-0.5, 0.0]))


def test_bpr_loss_gradient() -> None:
    pos = torch.randn(5, dtype=torch.float64, requires_grad=True)
    neg = torch.randn(5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p, n: F.bpr_loss(p, n, 2.0), (pos, neg))


def test_bpr_loss_errors() -> None:
    with pytest.raises(ValueError, match="one shape"):
        F.bpr_loss(torch.zeros(3), torch.zeros(3, 1))
    with pytest.raises(ValueError, match="log_base must be above 1"):
        F.bpr_loss(torch.zeros(3), torch.zeros(3), log_base=1.0)


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 7, 8, 100])
def test_info_nce_is_the_naive_loop(chunk_size: int | None) -> None:
    query, key = unit(7, 4, seed=1), unit(7, 4, seed=2)
    found = F.info_nce(query, key, 0.2, chunk_size)
    expected = solo_sim(query, key, 0.2)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    # The other direction and other temperatures are something else.
    for other in (solo_sim(key, query, 0.2), solo_sim(query, key, 0.21)):
        assert abs(found - other) > 1e-4


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 5])
def test_info_nce_gradient(chunk_size: int | None) -> None:
    query, key = unit(5, 3, seed=1), unit(5, 3, seed=2)
    inputs = (query.requires_grad_(), key.requires_grad_())

    def loss(q: Tensor, k: Tensor) -> Tensor:
        return 3 * F.info_nce(q, k, 0.3, chunk_size)

    assert torch.autograd.gradcheck(loss, inputs)


def test_info_nce_gradient_of_one_input() -> None:
    query, key = unit(6, 3, seed=1), unit(6, 3, seed=2)
    for first, second in ((True, False), (False, True)):
        grads = []
        for chunk_size in (None, 4):
            q = query.clone().requires_grad_(first)
            k = key.clone().requires_grad_(second)
            F.info_nce(q, k, 0.1, chunk_size).backward()
            assert (q.grad is None, k.grad is None) == (second, first)
            grads.append(q.grad if first else k.grad)
        torch.testing.assert_close(grads[0], grads[1], rtol=1e-10, atol=1e-12)


@settings(max_examples=40)
@given(
    num_rows=st.integers(1, 12),
    channels=st.integers(1, 5),
    chunk_size=st.integers(1, 14),
    scale=st.floats(1e-3, 1e3),
    temperature=st.floats(0.01, 10),
)
def test_info_nce_chunks_change_nothing(
    num_rows: int, channels: int, chunk_size: int, scale: float, temperature: float
) -> None:
    query, key = scale * unit(num_rows, channels), unit(num_rows, channels, seed=3)
    results = []
    for size in (None, chunk_size):
        q, k = query.clone().requires_grad_(), key.clone().requires_grad_()
        loss = F.info_nce(q, k, temperature, size)
        loss.backward()
        results.append((loss.detach(), q.grad, k.grad))
    bound = scale / temperature
    for dense, chunked in zip(*results, strict=True):
        assert dense is not None
        assert torch.isfinite(dense).all()
        torch.testing.assert_close(
            chunked, dense, rtol=1e-9, atol=1e-12 * max(1.0, bound)
        )


@pytest.mark.parametrize("temperature", [0.01, 0.025, 0.046, 0.5])
@pytest.mark.parametrize("repeated", [False, True])
def test_info_nce_of_unit_rows(temperature: float, repeated: bool) -> None:
    """Without a maximum nothing overflows or vanishes, where the logits are extreme."""
    key = unit(40, 4, seed=2)
    key[1:20] = key[0]  # half of all rows agree, ...
    query = torch.cat([-key[:20], key[20:]])  # ... and their queries oppose them
    index = torch.arange(40) % 23 if repeated else None
    found = []
    for dtype, options in (
        (torch.float64, {"chunk_size": None}),
        (torch.float32, {"chunk_size": 7, "unit": True}),
    ):
        q = query.detach().to(dtype, copy=True).requires_grad_()
        k = key.detach().to(dtype, copy=True).requires_grad_()
        loss = F.info_nce(q, k, temperature, index=index, **options)
        loss.backward()
        found.append([x.double() for x in (loss.detach(), q.grad, k.grad)])
    for dense, bounded in zip(*found, strict=True):
        scale = float(dense.abs().max())
        torch.testing.assert_close(bounded, dense, rtol=1e-5, atol=1e-5 * scale)


def test_info_nce_in_half_precision_is_computed_in_float32() -> None:
    query, key = unit(64, 8, seed=1).float(), unit(64, 8, seed=2).float()
    expected = F.info_nce(query, key, 0.046)
    for chunk_size in (None, 16):
        with torch.autocast("cpu", torch.bfloat16):
            found = F.info_nce(query, key, 0.046, chunk_size)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "shapes, options, message",
    [
        (((3, 2), (4, 2)), {}, "one shape"),
        (((0, 2), (0, 2)), {}, "N > 0"),
        (((3, 2), (3, 2)), {"temperature": 0.0}, "temperature"),
        (((3, 2), (3, 2)), {"temperature": math.nan}, "temperature"),
        (((3, 2), (3, 2)), {"chunk_size": 0}, "chunk_size"),
    ],
)
def test_info_nce_errors(shapes: tuple, options: dict, message: str) -> None:
    query, key = (torch.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match=message):
        F.info_nce(query, key, **{"temperature": 1.0, **options})


def test_squared_distance_and_cosine() -> None:
    x = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0, 2.0], [3.0, 3.0]])
    assert F.squared_distance(x, y).item() == pytest.approx((5 + 8) / 2)
    assert F.squared_cosine(x, y).item() == pytest.approx((0 + 1) / 2)


@pytest.mark.parametrize("chunk_size", [None, 2, 4])
def test_info_nce_counts_rows_of_one_item_once(chunk_size: int | None) -> None:
    query, key = unit(9, 4), unit(9, 4, seed=1)
    index = torch.tensor([3, 1, 3, 8, 1, 3])
    rows = torch.tensor([1, 3, 8])
    for x in (query, key):
        x.requires_grad_()
    found = F.info_nce(query[index], key[index], 0.1, chunk_size, index)
    expected = F.info_nce(query[rows], key[rows], 0.1)
    torch.testing.assert_close(found, expected)
    for a, b in zip(
        torch.autograd.grad(found, (query, key)),
        torch.autograd.grad(expected, (query, key)),
        strict=True,
    ):
        torch.testing.assert_close(a, b)
    with pytest.raises(ValueError, match="one entry per row"):
        F.info_nce(query, key, 0.1, chunk_size, index)


@pytest.mark.parametrize("chunk_size", [None, 2, 4])
@pytest.mark.parametrize("grouped", [False, True])
def test_info_nce_of_rows_that_stand_for_several(
    chunk_size: int | None, grouped: bool
) -> None:
    query, key = unit(5, 4).requires_grad_(), unit(5, 4, seed=1).requires_grad_()
    count = torch.tensor([3, 1, 2, 1, 4])
    row = torch.arange(5).repeat_interleave(count)
    group = torch.tensor([0, 1, 1, 2, 1]) if grouped else None
    found = F.info_nce(query, key, 0.1, chunk_size, group, weight=count)
    if group is None:
        expected = F.info_nce(query[row], key[row], 0.1)
    else:  # each has its share of the group's mass, for every row it stands for
        share = count / torch.tensor([1.0, 3.0, 3.0, 1.0, 3.0])
        logits = query @ key.t() / 0.1
        loss = (logits + share.log()).logsumexp(dim=1) - logits.diagonal()
        expected = (share * loss).sum() / share.sum()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, (query, key)),
        torch.autograd.grad(expected, (query, key)),
    )
    with pytest.raises(ValueError, match="weight must have one entry per row"):
        F.info_nce(query, key, 0.1, chunk_size, weight=count[:4])


def test_unit_rows_in_half_precision() -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6e4, 6e4]], dtype=torch.float16)
    out = F.l2_normalize(x.requires_grad_())
    expected = torch.tensor([[0.0, 0.0], [0.6, 0.8], [0.5**0.5, 0.5**0.5]])
    torch.testing.assert_close(out, expected.half())
    out.sum().backward()
    assert x.grad is not None
    assert bool(x.grad[1:].isfinite().all())
