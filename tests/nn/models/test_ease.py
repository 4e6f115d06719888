import torch

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
