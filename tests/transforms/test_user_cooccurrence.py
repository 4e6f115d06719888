from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.transforms import UserCooccurrence
from sea_pyg.transforms.two_hops import two_hops
from sea_pyg.typing import CO_RATES, RATES
from sea_pyg.utils import EdgeMembership

REFERENCE = Path(__file__).parents[1] / "reference" / "graph60.npz"


def graph(edge_index: torch.Tensor, num_users: int, num_items: int) -> HeteroData:
    data = HeteroData()
    data["user"].num_nodes = num_users
    data["item"].num_nodes = num_items
    data[RATES].edge_index = edge_index
    return data


@pytest.mark.parametrize("block_size", [1, 100, 10_000_000])
def test_equals_the_reference(block_size):
    reference = np.load(REFERENCE, allow_pickle=False)
    data = graph(torch.from_numpy(reference["train_edge"]), 60, 40)
    out = UserCooccurrence(200, block_size=block_size)(data)[CO_RATES]
    neighbour, user = out.edge_index.numpy()
    assert np.array_equal(np.stack([user, neighbour]), reference["user_graph_index"])
    assert np.array_equal(out.edge_weight.numpy(), reference["user_graph_weight"])


@pytest.mark.parametrize("k", [1, 3, None])
@pytest.mark.parametrize("block_size", [7, 10_000_000])
def test_equals_a_naive_count(k, block_size):
    generator = torch.Generator().manual_seed(0)
    matrix = (torch.rand(25, 12, generator=generator) < 0.2).long()
    matrix[3] = 0  # a user without interactions
    matrix[:, 5] = 0  # an item without interactions
    edge_index = matrix.nonzero().t()
    edge_index = torch.cat([edge_index, edge_index[:, :4]], dim=1)  # duplicates
    out = UserCooccurrence(k, block_size=block_size)(graph(edge_index, 25, 12))
    shared = matrix @ matrix.t()
    expected = []
    for user in range(25):
        others = [v for v in range(25) if v != user and shared[user, v] > 0]
        others.sort(key=lambda v: (-shared[user, v], v))
        expected += [(v, user, float(shared[user, v])) for v in others[:k]]
    source, user = out[CO_RATES].edge_index.tolist()
    weight = out[CO_RATES].edge_weight
    assert weight.dtype == torch.float
    assert list(zip(source, user, weight.tolist(), strict=True)) == expected


def test_users_without_shared_items():
    data = UserCooccurrence()(graph(torch.tensor([[0, 1], [0, 1]]), 2, 2))
    assert data[CO_RATES].edge_index.shape == (2, 0)
    assert data[CO_RATES].edge_weight.shape == (0,)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"k must be at least 1"):
        UserCooccurrence(0)
    with pytest.raises(ValueError, match=r"edge_index\[1, 1\] .* \[0, 2\).*'item'.*7"):
        UserCooccurrence()(graph(torch.tensor([[0, 1], [0, 7]]), 2, 2))
    assert repr(UserCooccurrence(7)) == "UserCooccurrence(k=7)"


def test_blocks_hold_no_more_paths_than_they_may():
    generator = torch.Generator().manual_seed(0)
    edge_index = (torch.rand(40, 12, generator=generator) < 0.3).nonzero().t()
    pairs = EdgeMembership(edge_index, 40, 12)
    degree = torch.bincount(edge_index[1], minlength=12)
    paths = torch.bincount(edge_index[0], degree[edge_index[1]].float(), 40)
    for block_size in (1, 60, 200):
        blocks = [row for row, *_ in two_hops(pairs, None, block_size)]
        assert torch.cat(blocks).unique().numel() == 40
        for row in blocks:
            users = torch.arange(int(row.min()), int(row.max()) + 1)
            assert users.numel() == 1 or paths[users].sum() <= block_size
