import pytest
import torch

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
