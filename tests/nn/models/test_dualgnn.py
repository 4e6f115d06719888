import pytest
import torch

from sea_pyg.nn.models import DRAGON, DualGNN
from sea_pyg.typing import CO_RATES
from tests.nn.models.base import RecommenderTests, example_data
from tests.nn.models.parity import assert_parity


class TestDualGNN(RecommenderTests):
    model_class = DualGNN


def test_parity() -> None:
    assert_parity("dualgnn")


def test_prepare_adds_its_graphs_once() -> None:
    data = example_data()
    model = DualGNN.from_data(data)
    prepared = model.prepare(data)
    assert CO_RATES in prepared.edge_types
    assert CO_RATES not in data.edge_types
    again = model.prepare(prepared)
    assert again[CO_RATES].edge_index is prepared[CO_RATES].edge_index


def test_number_of_neighbours() -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        DualGNN(3, 3, {"text": 4}, k=0)


def test_cumulative_weighs_the_sum_first() -> None:
    data = example_data()
    users = []
    for cumulative in (False, True):
        torch.manual_seed(0)
        model = DualGNN.from_data(data, cumulative=cumulative)
        with torch.no_grad():
            model.weight[:, 0] = 0
        users.append(model.encode(data).user)
    # The last of the modalities is weighed alike in both.
    torch.testing.assert_close(*users)


def test_layers_add_up_over_three_modalities() -> None:
    data, users = example_data(("audio", "image", "text")), []
    for cumulative, weight in ((True, [1.0, 0.0, 0.0]), (False, [1.0, 1.0, 1.0])):
        torch.manual_seed(0)
        model = DualGNN.from_data(data, cumulative=cumulative)
        with torch.no_grad():
            model.weight.copy_(torch.tensor(weight))
        users.append(model.encode(data).user)
    torch.testing.assert_close(*users)


@pytest.mark.parametrize("model_class", [DualGNN, DRAGON])
def test_a_user_s_weights_start_as_a_distribution(model_class: type) -> None:
    weight = model_class.from_data(example_data()).weight
    torch.testing.assert_close(weight.sum(dim=1), torch.ones(40))
