from typing import Any

import pytest
import torch
from torch import Tensor

from sea_pyg.nn.models.critic_rows import UnseenRows, softened_rows
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership

EDGES = torch.tensor([[0, 0, 1, 2, 2, 2, 2], [0, 3, 1, 0, 1, 2, 3]])
"""User 2 has seen everything, user 3 nothing."""
USERS = torch.tensor([2, 0, 3, 0])


def seen() -> tuple[EdgeMembership, Tensor]:
    dense = torch.zeros(4, 4, dtype=torch.double)
    dense[EDGES[0], EDGES[1]] = 1
    return EdgeMembership(EDGES, 4, 4), dense[USERS]


def embeddings(**kwargs: Any) -> Embeddings:
    generator = torch.Generator().manual_seed(0)
    user, item = torch.randn(2, 4, 3, generator=generator, **kwargs)
    return Embeddings(user.requires_grad_(), item.requires_grad_())


def by_hand(x: Embeddings) -> Tensor:
    """Rows of users 0, 3 and 0; what user 2 has not seen has no length."""
    _, dense = seen()
    score = ((x.user[USERS] @ x.item.t()) * (1 - dense))[1:]
    return score / score.square().sum(dim=1, keepdim=True).sqrt()


def test_seen_items_are_dropped_and_the_rest_has_unit_length() -> None:
    x = embeddings(dtype=torch.double)
    member, _ = seen()
    found = UnseenRows.of(x, USERS, member).dense()
    assert (found[0] == 0).all()
    torch.testing.assert_close(found[1:], by_hand(x))


def test_products_are_those_of_the_matrix() -> None:
    x = embeddings(dtype=torch.double)
    member, _ = seen()
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(4, 5, dtype=torch.double, generator=generator)
    weight.requires_grad_()
    rows = UnseenRows.of(x, USERS, member)
    found, expected = rows @ weight, by_hand(x) @ weight
    assert (found[0] == 0).all()
    torch.testing.assert_close(found[1:], expected)
    by = torch.randn(4, 5, dtype=torch.double, generator=generator)
    ours = torch.autograd.grad((by * found).sum(), [*x, weight])
    theirs = torch.autograd.grad((by[1:] * expected).sum(), [*x, weight])
    torch.testing.assert_close(ours, theirs)
    assert all(gradient.isfinite().all() for gradient in ours)
    constant = rows.detach() @ weight
    assert torch.equal(constant, found)
    (ours,) = torch.autograd.grad((by * constant).sum(), [weight])
    torch.testing.assert_close(ours, theirs[-1])


def test_rounding_is_not_taken_for_something_unseen() -> None:
    """In float32 what is seen does not cancel to the last digit."""
    generator = torch.Generator().manual_seed(0)
    user = torch.randn(20, 8, generator=generator)
    item = 30 * torch.randn(500, 8, generator=generator)
    pairs = torch.cartesian_prod(torch.arange(20), torch.arange(500)).t()
    member = EdgeMembership(pairs[:, 1:], 20, 500)  # but of user 0 and item 0
    rows = UnseenRows.of(Embeddings(user, item), torch.arange(20), member)
    assert torch.isinf(rows.length[1:]).all()
    expected = torch.zeros(20, 500)
    expected[0, 0] = (user[0] @ item[0]).sign()
    torch.testing.assert_close(rows.dense(), expected, atol=0.05, rtol=0)


def test_softened_rows_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The temperature divides interactions and noise; unseen rows come after."""
    generator = torch.Generator().manual_seed(0)
    unseen = torch.randn(4, 4, dtype=torch.double, generator=generator)
    uniform = torch.rand(4, 4, dtype=torch.double, generator=generator)
    member, dense = seen()
    monkeypatch.setattr(
        Tensor, "uniform_", lambda self, low, high: self.copy_(low + uniform * high)
    )
    gumbel = -(-uniform.log()).log()
    logit = (dense + 0.3 * gumbel) / 0.7
    soft = logit.exp() / logit.exp().sum(dim=1, keepdim=True)
    row = soft + 2.5 * unseen
    expected = row / row.norm(dim=1, keepdim=True)
    found = softened_rows(unseen, USERS, member, 0.3, 0.7, 2.5)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("edge", [0.0, 1 - 2**-24])
def test_softened_rows_at_the_ends_of_the_noise(
    monkeypatch: pytest.MonkeyPatch, edge: float
) -> None:
    monkeypatch.setattr(
        Tensor, "uniform_", lambda self, low, high: self.fill_(edge).clamp_(low, high)
    )
    member, _ = seen()
    for dtype in (torch.float32, torch.bfloat16):
        unseen = torch.zeros(4, 4, dtype=dtype)
        for noise_scale in (0.0, 1.0):
            found = softened_rows(unseen, USERS, member, noise_scale, 0.7, 2.5)
            assert found.dtype == dtype
            length = found.norm(dim=1).float()
            torch.testing.assert_close(length, torch.ones(4), atol=0.01, rtol=0)


def test_published_softening_spreads_a_row_over_the_seen_items() -> None:
    member, dense = seen()
    zero = torch.zeros(4, 4, dtype=torch.double)
    found = softened_rows(zero, USERS, member, 1e-5, 0.005, 100.0)
    expected = torch.where(dense.sum(dim=1, keepdim=True) > 0, dense, 1.0)
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0)


def test_autocast_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    user = torch.randn(20, 8, generator=generator)
    item = torch.randn(50, 8, generator=generator)
    pairs = torch.cartesian_prod(torch.arange(20), torch.arange(40)).t()
    member = EdgeMembership(pairs, 20, 50)  # most of a row's length is seen
    weight, found = torch.randn(50, 3, generator=generator), []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            rows = UnseenRows.of(Embeddings(user, item), torch.arange(20), member)
            found.append((rows.length, rows @ weight))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
