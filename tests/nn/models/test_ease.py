import pytest
import torch

from sea_pyg.nn.models import EASE, ItemKNN
from tests.nn.models.base import ClosedFormTests, example_data


class TestEASE(ClosedFormTests):
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


@pytest.mark.parametrize("model_class", [EASE, ItemKNN])
def test_factors_and_scores_agree_where_edges_stand_twice(
    model_class: type[EASE | ItemKNN],
) -> None:
    data = example_data(())
    edge_index = data["user", "rates", "item"].edge_index
    twice = torch.cat([edge_index, edge_index[:, :9]], dim=1)
    data["user", "rates", "item"].edge_index = twice
    model = model_class(40, 30)
    model.fit(data)
    user, weight = (x.to_dense() for x in model.encode(data))
    assert set(user.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(user @ weight.t(), model.score(data, torch.arange(40)))
