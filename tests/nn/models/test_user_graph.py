import torch
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.user_graph import aggregate_users, with_user_graph
from sea_pyg.typing import CO_RATES, RATES


def graph() -> HeteroData:
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 4, 4
    # Users 0 and 1 share two items, 0 and 2 one; user 3 shares none.
    user = torch.tensor([0, 0, 0, 1, 1, 2, 3])
    item = torch.tensor([0, 1, 2, 0, 1, 2, 3])
    data[RATES].edge_index = torch.stack([user, item])
    return data


def test_softmax_of_shared_items() -> None:
    data = with_user_graph(graph(), 5, RATES)
    x = torch.eye(4)
    found = aggregate_users(data, x, 5, "user")
    expected = torch.zeros(4, 4)
    expected[0, 1:3] = torch.tensor([2.0, 1.0]).softmax(dim=0)
    expected[1, 0] = expected[2, 0] = 1
    torch.testing.assert_close(found, expected)


def test_a_larger_graph_is_cut_to_the_nearest() -> None:
    data = graph()
    data[CO_RATES].edge_index = torch.tensor([[2, 1, 0], [0, 0, 1]])
    data[CO_RATES].edge_weight = torch.tensor([1.0, 2.0, 2.0])
    data = with_user_graph(data, 1, RATES)
    found = aggregate_users(data, torch.eye(4), 1, "user")
    expected = torch.zeros(4, 4)
    expected[0, 1] = expected[1, 0] = 1
    torch.testing.assert_close(found, expected)


def test_a_graph_without_weights_counts_every_edge_once() -> None:
    data = graph()
    data[CO_RATES].edge_index = torch.tensor([[2, 1, 0], [0, 0, 1]])
    found = aggregate_users(data, torch.eye(4), 5, "user")
    expected = torch.zeros(4, 4)
    expected[0, 1] = expected[0, 2] = 0.5
    expected[1, 0] = 1
    torch.testing.assert_close(found, expected)
