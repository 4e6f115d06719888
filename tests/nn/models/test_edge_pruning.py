import torch

from sea_pyg.nn.models.edge_pruning import degree_sensitive_pruning, uniform_pruning


def test_keeps_a_share_of_distinct_edges() -> None:
    torch.manual_seed(0)
    edge_index = torch.ones(10, 12).nonzero().t()
    kept = degree_sensitive_pruning(edge_index, 0.75, 10, 12)
    assert kept.shape == (2, 30)
    assert kept.unique(dim=1).size(1) == 30
    assert degree_sensitive_pruning(edge_index, 0.0, 10, 12) is edge_index
    kept = uniform_pruning(edge_index, 0.75)
    assert kept.shape == (2, 30)
    assert kept.unique(dim=1).size(1) == 30
    assert uniform_pruning(edge_index, 0.0) is edge_index


def test_spares_low_degrees() -> None:
    """One of two edges is drawn in proportion to one over the roots of the degrees."""
    torch.manual_seed(0)
    # User 0 rates items 0-8, user 1 rates item 9: weights 1/3 (nine times) and 1.
    edge_index = torch.tensor([[0] * 9 + [1], list(range(10))])
    draws, hits = 2000, 0
    for _ in range(draws):
        kept = degree_sensitive_pruning(edge_index, 0.9, 2, 10)
        assert kept.size(1) == 1
        hits += int(kept[0, 0] == 1)
    assert abs(hits / draws - 1 / (1 + 9 / 3)) < 0.04  # four standard errors
