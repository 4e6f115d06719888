import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.popularity import Popularity
from tests.nn.models.base import ClosedFormTests, example_batch, example_data


class TestPopularity(ClosedFormTests):
    model_class = Popularity


def test_counts() -> None:
    data = example_data(())
    model = Popularity(40, 30)
    model.fit(data)
    item = data["user", "rates", "item"].edge_index[1].tolist()
    expected = [float(item.count(i)) for i in range(30)]
    assert model.score(data, torch.tensor([0, 39])).tolist() == [expected, expected]


def test_cannot_be_trained() -> None:
    data = example_data(())
    with pytest.raises(TypeError, match="fit"):
        Popularity(40, 30).loss(data, example_batch(data))


def test_half_precision_merges_no_counts() -> None:
    data = HeteroData()
    data["user"].num_nodes, data["item"].num_nodes = 2501, 3
    user = torch.cat([torch.arange(2500), torch.arange(2501)])
    item = torch.tensor([0, 1]).repeat_interleave(torch.tensor([2500, 2501]))
    data["user", "rates", "item"].edge_index = torch.stack([user, item])
    for dtype in (torch.float16, torch.bfloat16):
        model = Popularity(2501, 3).to(dtype)
        model.fit(data)
        scores = model.to(dtype).score(data, torch.tensor([0]))
        assert scores.tolist() == [[2500, 2501, 0]]
