import pytest
import torch

from sea_pyg.nn.models.bm3 import BM3
from tests.nn.models.base import RecommenderTests, example_batch, example_data
from tests.nn.models.parity import assert_parity


class TestBM3(RecommenderTests):
    model_class = BM3


def test_parity() -> None:
    assert_parity("bm3")


def test_targets_are_dropped_out_in_training_alone() -> None:
    data = example_data()
    torch.manual_seed(0)
    model, batch = BM3.from_data(data), example_batch(data)
    first, second = (model.loss(data, batch) for _ in range(2))
    for name in ("interaction", "modality"):
        assert first[name] != second[name]
    model.eval()
    first, second = (model.loss(data, batch) for _ in range(2))
    assert first == second


def test_tables_start_uniform_and_maps_normal() -> None:
    torch.manual_seed(0)
    model = BM3(64, 64, {"text": 64}, embedding_dim=64)
    bound = (6 / 128) ** 0.5
    maps = (model.predictor, model.features.linear["text"])
    for x in (model.user_embedding, model.item_embedding):
        assert 0.99 * bound < x.abs().max() <= bound
    for linear in maps:
        assert linear.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.05)
        assert linear.weight.abs().max() > 1.5 * bound
