import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.transforms import ItemWalkGraph
from sea_pyg.typing import LEADS_TO, RATES, SIMILAR


def graph(matrix: torch.Tensor) -> HeteroData:
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = matrix.shape
    edge_index = matrix.nonzero().t()
    data[RATES].edge_index = torch.cat([edge_index, edge_index[:, :4]], dim=1)
    return data


def interactions() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    matrix = (torch.rand(25, 12, generator=generator) < 0.25).long()
    matrix[3] = 0  # a user without interactions
    matrix[:, 5] = 0  # an item without interactions
    return matrix


@pytest.mark.parametrize("k", [1, 3, None])
@pytest.mark.parametrize("block_size", [1, 7, 10_000_000])
def test_equals_a_walk_by_hand(k: int | None, block_size: int) -> None:
    matrix = interactions()
    out = ItemWalkGraph(k, block_size=block_size)(graph(matrix))[LEADS_TO]
    expected = []
    for start in range(12):
        found = []
        for end in range(12):
            if start == end or matrix[:, start].sum() == 0:
                continue
            weight = -float(matrix[:, end].sum() / matrix.sum())
            for user in range(25):
                if matrix[user, start]:
                    to_user = 1 / float(matrix[:, start].sum())
                    weight += to_user * float(matrix[user, end] / matrix[user].sum())
            if weight > 1e-7:
                found.append((start, end, weight))
        expected += sorted(found, key=lambda edge: -edge[2])[:k]
    assert len(expected) >= 11
    assert out.edge_index.t().tolist() == [[a, b] for a, b, _ in expected]
    torch.testing.assert_close(
        out.edge_weight, torch.tensor([weight for *_, weight in expected])
    )


@pytest.mark.parametrize("k", [2, None])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("block_size", [1, 10_000_000])
def test_half_of_the_walks_start_from_a_similar_item(
    k: int | None, weighted: bool, block_size: int
) -> None:
    data = graph(interactions())
    direct = torch.zeros(12, 12)
    plain = ItemWalkGraph(k)(data.clone())[LEADS_TO]
    direct[plain.edge_index[0], plain.edge_index[1]] = plain.edge_weight
    similar = torch.zeros(12, 12)  # item x neighbour; one way only, none of item 2
    source, item = torch.tensor([[1, 4, 7, 5, 3, 11], [0, 0, 1, 6, 5, 8]])
    similar[item, source] = torch.linspace(0.2, 1.2, 6) if weighted else torch.ones(6)
    data[SIMILAR].edge_index = torch.stack([source, item])
    if weighted:
        data[SIMILAR].edge_weight = similar[item, source]
    out = ItemWalkGraph(k, SIMILAR, block_size=block_size)(data)[LEADS_TO]
    wanted = 0.5 * (direct + similar @ direct)
    wanted.fill_diagonal_(0)
    if k is not None:
        least = wanted.topk(k, dim=1).values[:, -1:]
        wanted = wanted * (wanted >= least)
    found = torch.zeros(12, 12)
    found[out.edge_index[0], out.edge_index[1]] = out.edge_weight
    torch.testing.assert_close(found, wanted)
    assert out.edge_index.size(1) == int((wanted > 0).sum())
    start, falling = out.edge_index[0], out.edge_weight
    assert bool((start[1:] >= start[:-1]).all())
    same = start[1:] == start[:-1]
    assert bool((falling[1:] <= falling[:-1])[same].all())
    assert found[5].sum() > 0  # without users, but not without a similar item


def test_refuses_a_graph_without_similar_items() -> None:
    with pytest.raises(ValueError, match="has no edges .*; apply ItemKNNGraph first"):
        ItemWalkGraph(similar_type=SIMILAR)(graph(interactions()))
    with pytest.raises(ValueError, match="apply ItemKNNGraph first"):
        ItemWalkGraph(similar_type=SIMILAR).note(graph(interactions()))


def test_a_chance_meeting_is_no_edge() -> None:
    """Everybody has item 0: it says nothing, wherever the walk starts."""
    matrix = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 1, 1]])
    edges = ItemWalkGraph()(graph(matrix))[LEADS_TO].edge_index.t().tolist()
    assert [1, 0] not in edges
    assert [3, 0] not in edges
    assert [1, 2] in edges
    assert [3, 4] in edges


def test_equal_weights_are_ordered_by_item() -> None:
    matrix = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 0, 1, 1]])
    edges = ItemWalkGraph(1)(graph(matrix))[LEADS_TO].edge_index.t().tolist()
    assert edges == [[0, 1], [1, 0], [2, 0], [3, 4], [4, 3]]


def test_items_without_shared_users() -> None:
    out = ItemWalkGraph()(graph(torch.eye(3).long()))[LEADS_TO]
    assert out.edge_index.shape == (2, 0)
    assert out.edge_weight.shape == (0,)


def test_refuses_no_neighbours() -> None:
    with pytest.raises(ValueError, match=r"k must be at least 1.*\(got 0\)"):
        ItemWalkGraph(0)
