import torch

from sea_pyg.nn.models.batch import distinct


def test_distinct_nodes_of_a_batch() -> None:
    index = torch.tensor([7, 2, 7, 0, 7, 2])
    node, position, times = distinct(index)
    assert node.tolist() == [0, 2, 7]
    assert times.tolist() == [1, 2, 3]
    assert torch.equal(node[position], index)
