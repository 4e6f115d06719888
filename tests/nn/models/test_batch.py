import torch

from sea_pyg.nn.models.batch import batch_nodes, distinct
from sea_pyg.typing import Triplets


def test_distinct_nodes_of_a_batch() -> None:
    index = torch.tensor([7, 2, 7, 0, 7, 2])
    node, position, counts = distinct(index)
    assert node.tolist() == [0, 2, 7]
    assert counts.tolist() == [1, 2, 3]
    assert torch.equal(node[position], index)


def test_nodes_of_triplets_in_the_stacked_graph() -> None:
    batch = Triplets(*torch.tensor([[3, 0, 3], [1, 1, 0], [4, 2, 1]]))
    node, triplets = batch_nodes(batch, num_users=10)
    assert node.tolist() == [0, 3, 10, 11, 12, 14]
    for found, given, first in zip(triplets, batch, (0, 10, 10), strict=True):
        assert torch.equal(node[found], given + first)
