import pytest
import torch

from sea_pyg.nn.models import LayerGCN
from tests.nn.models.base import RecommenderTests, example_batch, example_data
from tests.nn.models.parity import assert_parity


class TestLayerGCN(RecommenderTests):
    model_class = LayerGCN


def test_parity() -> None:
    assert_parity("layergcn")


def test_dropout_in_training_only() -> None:
    torch.manual_seed(0)
    data = example_data()
    model = LayerGCN.from_data(data, dropout=0.5)
    first, second = (model.train().encode(data).user for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (model.eval().encode(data).user for _ in range(2))
    assert torch.equal(first, second)


def test_sum_is_the_mean_times_the_batch() -> None:
    data = example_data()
    batch = example_batch(data)
    losses = []
    for reduction in ("mean", "sum"):
        torch.manual_seed(0)
        model = LayerGCN.from_data(data, dropout=0.0, reduction=reduction)
        losses.append(model.loss(data, batch))
    for name, value in losses[0].items():
        torch.testing.assert_close(batch.user.numel() * value, losses[1][name])


@pytest.mark.parametrize("wrong", [{"dropout": 1.0}, {"reduction": "max"}])
def test_bad_options(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LayerGCN(3, 3, **wrong)  # type: ignore[arg-type]
