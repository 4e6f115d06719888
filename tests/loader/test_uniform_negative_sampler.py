import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sea_pyg.loader import UniformNegativeSampler
from sea_pyg.utils import EdgeMembership

EDGES = torch.tensor(
    [
        [0, 0, 0, 1, 2, 2, 2, 2, 2, 3, 3, 3],
        [0, 3, 9, 4, 0, 3, 4, 5, 9, 7, 8, 7],
    ]
)  # items 1, 2 and 6 of 10 are never seen, and user 3 has a duplicate


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_draws_every_unseen_candidate_equally_often():
    sampler = UniformNegativeSampler(EDGES, 5, 10)
    candidates = {0, 3, 4, 5, 7, 8, 9}
    draws = 20_000
    for user in range(5):  # user 4 has seen nothing
        seen = set(EDGES[1, EDGES[0] == user].tolist())
        negative = sampler.sample(torch.full((draws,), user), generator(user))
        count = torch.bincount(negative, minlength=10)
        unseen = sorted(candidates - seen)
        assert count.nonzero().flatten().tolist() == unseen
        expected = draws / len(unseen)
        chi_square = float(((count[unseen] - expected) ** 2 / expected).sum())
        # The 0.999 quantile of chi square with at most 6 degrees of freedom is 22.5.
        assert chi_square < 22.5


@settings(max_examples=50)
@given(
    st.integers(1, 8),
    st.integers(2, 12),
    st.floats(0.05, 0.95),
    st.integers(0, 1000),
)
def test_negatives_are_candidates_and_never_seen(num_users, num_items, density, seed):
    matrix = torch.rand(num_users, num_items, generator=generator(seed)) < density
    matrix[:, 0] &= matrix[:, 1:].any(dim=1)
    candidate = matrix.any(dim=0)
    # A user with every candidate is another test's.
    matrix &= ~(matrix | ~candidate).all(dim=1, keepdim=True)
    edge_index = matrix.nonzero().t()
    candidate = matrix.any(dim=0)
    full = (matrix | ~candidate).all(dim=1)
    if edge_index.size(1) == 0 or full.any():
        return
    sampler = UniformNegativeSampler(edge_index, num_users, num_items)
    user = torch.arange(num_users).repeat(50)
    negative = sampler.sample(user, generator(seed))
    assert candidate[negative].all()
    assert (
        not EdgeMembership(edge_index, num_users, num_items)
        .contains(user, negative)
        .any()
    )


def test_any_shape_and_reproducible():
    sampler = UniformNegativeSampler(EDGES, 5, 10)
    user = torch.arange(5).view(-1, 1).expand(-1, 7)
    first = sampler.sample(user, generator(3))
    assert first.shape == (5, 7)
    assert torch.equal(first, sampler.sample(user, generator(3)))
    assert not torch.equal(first, sampler.sample(user, generator(4)))


def test_user_who_has_every_item():
    edge_index = torch.tensor([[0, 1, 1, 1], [5, 5, 2, 0]])
    with pytest.raises(ValueError, match=r"user 1 .* every one of the 3 items"):
        UniformNegativeSampler(edge_index, 3, 9)


def test_one_item_only():
    with pytest.raises(ValueError, match=r"user 0 .* every one of the 1 items"):
        UniformNegativeSampler(torch.tensor([[0], [0]]), 1, 1)


def test_no_interactions():
    with pytest.raises(ValueError, match=r"at least one training interaction"):
        UniformNegativeSampler(torch.zeros(2, 0, dtype=torch.long), 3, 3)


def test_an_epoch_is_drawn_at_once():
    num_edges = 118_551
    edge_index = torch.stack(
        [
            torch.randint(19_445, (num_edges,), generator=generator(0)),
            torch.randint(7_050, (num_edges,), generator=generator(1)),
        ]
    )
    sampler = UniformNegativeSampler(edge_index, 19_445, 7_050)
    ratios = []
    for _ in range(5):
        start = time.perf_counter()
        sampler.sample(edge_index[0], generator())
        sampled = time.perf_counter()
        for user in range(500):
            sampler.sample(torch.tensor([user]), generator())
        ratios.append((sampled - start) / (time.perf_counter() - sampled))
    # As long as drawing for some of the users one at a time, not for all 19,445.
    assert min(ratios) < 5, ratios


def test_users_of_a_small_type_do_not_overflow():
    edges = torch.arange(1000).repeat(2, 1)
    edges = torch.cat([edges, torch.tensor([[2_999_999] * 999, range(999)])], dim=1)
    sampler = UniformNegativeSampler(edges, 3_000_000, 1000)
    users = torch.full((50,), 2_999_999, dtype=torch.int32)
    assert set(sampler.sample(users).tolist()) == {999}
