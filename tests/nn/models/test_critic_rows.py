import pytest
import torch
from torch import Tensor

from sea_pyg.nn.models.critic_rows import softened_rows, unseen_rows
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership

EDGES = torch.tensor([[0, 0, 1, 2, 2, 2, 2], [0, 3, 1, 0, 1, 2, 3]])
"""User 2 has seen everything, user 3 nothing."""
USERS = torch.tensor([2, 0, 3, 0])


def seen() -> tuple[EdgeMembership, Tensor]:
    dense = torch.zeros(4, 4, dtype=torch.double)
    dense[EDGES[0], EDGES[1]] = 1
    return EdgeMembership(EDGES, 4, 4), dense[USERS]


def test_seen_items_are_dropped_and_the_rest_has_unit_length() -> None:
    generator = torch.Generator().manual_seed(0)
    user, item = torch.randn(2, 4, 3, dtype=torch.double, generator=generator)
    x = Embeddings(user.requires_grad_(), item.requires_grad_())
    member, dense = seen()
    score = ((x.user[USERS] @ x.item.t()) * (1 - dense))[1:]
    expected = score / score.square().sum(dim=1, keepdim=True).sqrt()
    found = unseen_rows(x, USERS, member)
    assert (found[0] == 0).all()
    torch.testing.assert_close(found[1:], expected)
    weight = torch.randn(4, 4, dtype=torch.double, generator=generator)
    ours = torch.autograd.grad((weight * found).sum(), x)
    theirs = torch.autograd.grad((weight[1:] * expected).sum(), x)
    torch.testing.assert_close(ours, theirs)


def test_softened_rows_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The temperature divides interactions and noise; unseen rows come after."""
    generator = torch.Generator().manual_seed(0)
    unseen = torch.randn(4, 4, dtype=torch.double, generator=generator)
    uniform = torch.rand(4, 4, dtype=torch.double, generator=generator)
    member, dense = seen()
    # -log(u) is exponential where u is uniform.
    monkeypatch.setattr(Tensor, "exponential_", lambda self: self.copy_(-uniform.log()))
    gumbel = -(-uniform.log()).log()
    logit = (dense + 0.3 * gumbel) / 0.7
    soft = logit.exp() / logit.exp().sum(dim=1, keepdim=True)
    row = soft + 2.5 * unseen
    expected = row / row.norm(dim=1, keepdim=True)
    found = softened_rows(unseen, USERS, member, 0.3, 0.7, 2.5)
    torch.testing.assert_close(found, expected)


def test_published_softening_spreads_a_row_over_the_seen_items() -> None:
    member, dense = seen()
    zero = torch.zeros(4, 4, dtype=torch.double)
    found = softened_rows(zero, USERS, member, 1e-5, 0.005, 100.0)
    expected = torch.where(dense.sum(dim=1, keepdim=True) > 0, dense, 1.0)
    expected = expected / expected.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0)
