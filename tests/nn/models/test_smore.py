import pytest
import torch

from sea_pyg.nn.models import SMORE
from sea_pyg.nn.models.item_graph import largest_of
from tests.nn.models.base import RecommenderTests, example_data
from tests.nn.models.parity import assert_parity


class TestSMORE(RecommenderTests):
    model_class = SMORE
    kwargs = {"dropout": 0.0}


def test_parity() -> None:
    assert_parity("smore")


def test_largest_weight_of_every_edge() -> None:
    first = torch.tensor([[0, 1, 2], [1, 1, 0]]), torch.tensor([0.5, 0.2, 0.1])
    second = torch.tensor([[1, 0], [1, 1]]), torch.tensor([0.3, 0.4])
    edge_index, weight = largest_of([first, second], num_items=3)
    found = dict(zip(map(tuple, edge_index.t().tolist()), weight.tolist(), strict=True))
    assert found == pytest.approx({(2, 0): 0.1, (0, 1): 0.5, (1, 1): 0.3})


def test_dropout_in_training_only() -> None:
    torch.manual_seed(0)
    model, data = SMORE.from_data(example_data(), dropout=0.5), example_data()
    first, second = (model.train().encode(data).user for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (model.eval().encode(data).user for _ in range(2))
    assert torch.equal(first, second)


def test_name_of_the_fused_view_is_taken() -> None:
    with pytest.raises(ValueError, match="'fused'; rename"):
        SMORE(3, 3, {"fused": 4})
