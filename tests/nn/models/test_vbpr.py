import pytest
import torch

from sea_pyg.nn.models.vbpr import VBPR
from tests.nn.models.base import RecommenderTests
from tests.nn.models.parity import assert_parity


class TestVBPR(RecommenderTests):
    model_class = VBPR


def test_parity() -> None:
    assert_parity("vbpr")


def test_the_maps_start_as_one_map_of_all_features() -> None:
    torch.manual_seed(0)
    model = VBPR(3, 3, {"image": 400, "text": 300}, embedding_dim=100)
    maps = [linear.weight for linear in model.features.linear.values()]
    std = torch.cat(maps, dim=1).std(correction=0)
    assert float(std.detach()) == pytest.approx((2 / 800) ** 0.5, rel=0.02)
