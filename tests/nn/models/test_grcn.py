import pytest
import torch

from sea_pyg.nn.models import GRCN
from tests.nn.models.base import RecommenderTests, example_data
from tests.nn.models.parity import assert_parity


class TestGRCN(RecommenderTests):
    model_class = GRCN


def test_parity() -> None:
    assert_parity("grcn")


def test_routing_moves_users_towards_their_items() -> None:
    data = example_data()
    likeness = []
    for num_routing in (0, 3):
        torch.manual_seed(0)
        model = GRCN.from_data(data, modalities=["text"], num_routing=num_routing)
        user, item = (x[:, 64:] for x in model.encode(data))
        row, column = data["user", "rates", "item"].edge_index
        likeness.append(torch.cosine_similarity(user[row], item[column]).mean())
    assert likeness[1] > likeness[0] + 0.02


def test_unknown_table() -> None:
    with pytest.raises(ValueError, match="'audio'; choose from text"):
        GRCN(3, 3, {"text": 4}, penalized_tables=["audio"])
