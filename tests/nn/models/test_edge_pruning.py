import pytest
import torch
from torch import Tensor

from sea_pyg.nn.models.edge_pruning import degree_sensitive_pruning, uniform_pruning
from sea_pyg.utils import SymmetricAdjacency, bipartite_adjacency


def pairs(adjacency: SymmetricAdjacency, num_users: int) -> Tensor:
    """Return the pairs of (user, item) that are linked."""
    linked = adjacency.to_csr().to_dense()[:num_users, num_users:]
    return linked.nonzero().t()


@pytest.mark.parametrize("prune", [degree_sensitive_pruning, uniform_pruning])
def test_keeps_a_share_of_distinct_edges(prune) -> None:
    torch.manual_seed(0)
    edge_index = torch.ones(10, 12).nonzero().t()
    kept = prune(edge_index, 0.75, 10, 12)
    assert pairs(kept, 10).size(1) == 30
    assert kept.col.numel() == 2 * 30
    whole = bipartite_adjacency(edge_index, 10, 12)
    assert prune(edge_index, 0.0, 10, 12) is whole


def test_spares_low_degrees() -> None:
    """One of two edges is drawn in proportion to one over the roots of the degrees."""
    torch.manual_seed(0)
    # User 0 rates items 0-8, user 1 rates item 9: weights 1/3 (nine times) and 1.
    edge_index = torch.tensor([[0] * 9 + [1], list(range(10))])
    draws, hits = 2000, 0
    for _ in range(draws):
        kept = pairs(degree_sensitive_pruning(edge_index, 0.9, 2, 10), 2)
        assert kept.size(1) == 1
        hits += int(kept[0, 0] == 1)
    assert abs(hits / draws - 1 / (1 + 9 / 3)) < 0.04  # four standard errors


@pytest.mark.parametrize(("dropout", "kept"), [(0.9, 10), (0.8, 20), (0.7, 30)])
def test_shares_that_are_not_exact_in_binary(dropout: float, kept: int) -> None:
    edge_index = torch.ones(10, 10).nonzero().t()
    assert pairs(uniform_pruning(edge_index, dropout, 10, 10), 10).size(1) == kept
