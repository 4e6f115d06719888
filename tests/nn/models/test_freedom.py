import pytest
import torch
import torch.nn.functional as F

from sea_pyg.nn.models.freedom import FREEDOM
from tests.nn.models.base import RecommenderTests, example_batch, example_data
from tests.nn.models.parity import assert_parity


class TestFREEDOM(RecommenderTests):
    model_class = FREEDOM


def test_parity() -> None:
    assert_parity("freedom")


def test_has_no_map_that_never_learns() -> None:
    data = example_data()
    model = FREEDOM.from_data(data, reg_weight=0.0)
    assert {name for name, _ in model.named_parameters()} == {
        "user_embedding",
        "item_embedding",
    }
    with pytest.raises(ValueError, match="reg_weight"):
        model.modality_features(data)
    with pytest.raises(ValueError, match="reg_weight"):
        _ = model.modality_channels


def test_prunes_in_training_only() -> None:
    data = example_data()
    torch.manual_seed(0)
    model = FREEDOM.from_data(data, dropout=0.5)
    data = model.prepare(data)
    model.train()
    assert not torch.equal(model.encode(data).user, model.encode(data).user)
    model.eval()
    assert torch.equal(model.encode(data).user, model.encode(data).user)


def test_second_loss_by_hand() -> None:
    data = example_data()
    batch = example_batch(data)
    model = FREEDOM.from_data(data, reg_weight=0.5, dropout=0.0)
    user = model.encode(data).user[batch.user]
    expected = torch.zeros(())
    for x in model.modality_features(data).values():
        margin = (user * (x[batch.positive] - x[batch.negative])).sum(dim=1)
        expected = expected - F.logsigmoid(margin).mean()
    torch.testing.assert_close(model.loss(data, batch)["modality"], 0.5 * expected)
