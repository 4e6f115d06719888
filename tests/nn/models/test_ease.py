from typing import Any

import pytest
import torch
from torch import Tensor

from sea_pyg.nn.models import item_similarity
from sea_pyg.nn.models.ease import EASE
from tests.nn.models.base import RecommenderTests, example_data


class TestEASE(RecommenderTests):
    model_class = EASE


def test_is_ridge_regression_of_each_item_on_the_others() -> None:
    data = example_data(())
    user, item = data["user", "rates", "item"].edge_index
    rates = torch.zeros(40, 30, dtype=torch.double)
    rates[user, item] = 1
    model = EASE(40, 30, l2_weight=3.0, chunk_size=7)
    model.fit(data)
    for target in range(30):
        others = [i for i in range(30) if i != target]
        x = rates[:, others]
        ridge = x.t() @ x + 3 * torch.eye(29, dtype=torch.double)
        solution = torch.linalg.solve(ridge, x.t() @ rates[:, target])
        torch.testing.assert_close(model.weight[others, target].double(), solution)
        assert model.weight[target, target] == 0
    score = model.score(data, torch.arange(40))
    expected = rates @ model.weight.double()
    torch.testing.assert_close(score.double(), expected)


def test_sees_interactions_it_was_not_fitted_to() -> None:
    data = example_data(())
    model = EASE(40, 30)
    model.fit(data)
    user = torch.tensor([39])
    assert (model.score(data, user) == 0).all()
    edge_index = data["user", "rates", "item"].edge_index
    new = torch.tensor([[39], [0]])
    data["user", "rates", "item"].edge_index = torch.cat([edge_index, new], dim=1)
    assert (model.score(data, user) != 0).any()


def test_an_interaction_counts_once() -> None:
    data, twice = example_data(()), example_data(())
    edge_index = twice["user", "rates", "item"].edge_index
    edges = torch.cat([edge_index, edge_index[:, ::3], edge_index[:, :5]], dim=1)
    twice["user", "rates", "item"].edge_index = edges
    users = torch.arange(40)
    expected, found = EASE(40, 30), EASE(40, 30)
    expected.fit(data)
    found.fit(twice)
    assert torch.equal(found.score(twice, users), expected.score(data, users))


def test_memory_does_not_grow_with_users(monkeypatch: pytest.MonkeyPatch) -> None:
    data = example_data(())
    expected, found = EASE(40, 30), EASE(40, 30)
    expected.fit(data)
    widths = []
    computed = item_similarity.spmm

    def recorded(*args: Any) -> Tensor:
        widths.append(args[2].numel())
        return computed(*args)

    monkeypatch.setattr(item_similarity, "spmm", recorded)
    monkeypatch.setattr(item_similarity, "MOST_ENTRIES", 130)  # of 40 users each
    found.fit(data)
    assert max(widths) == 3 * 40
    assert torch.equal(found.weight, expected.weight)
