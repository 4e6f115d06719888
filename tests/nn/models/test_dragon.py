import pytest

from sea_pyg.nn.models import DRAGON
from sea_pyg.typing import CO_RATES
from tests.nn.models.base import RecommenderTests, example_data
from tests.nn.models.parity import assert_parity


class TestDRAGON(RecommenderTests):
    model_class = DRAGON


def test_parity() -> None:
    assert_parity("dragon")


def test_prepare_adds_its_graphs_once() -> None:
    data = example_data()
    model = DRAGON.from_data(data)
    prepared = model.prepare(data)
    assert CO_RATES in prepared.edge_types
    assert CO_RATES not in data.edge_types
    again = model.prepare(prepared)
    assert again[CO_RATES].edge_index is prepared[CO_RATES].edge_index


def test_number_of_neighbours() -> None:
    with pytest.raises(ValueError, match="user_k must be at least 1"):
        DRAGON(3, 3, {"text": 4}, user_k=0)
