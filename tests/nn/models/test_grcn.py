import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.nn.models import GRCN
from sea_pyg.typing import RATES
from tests.nn.models.base import RecommenderTests, example_batch, example_data
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


@pytest.mark.parametrize("num_routing", [1, 3])
def test_routing_by_hand(num_routing: int) -> None:
    data = example_data(("text",))
    model = GRCN.from_data(data, num_routing=num_routing)
    rates = torch.zeros(40, 30)
    rates[tuple(data[RATES].edge_index)] = 1
    item = F.normalize(model.modality_features(data)["text"])
    user = F.normalize(model.preference["text"])

    def attended() -> Tensor:
        logit = (user @ item.t()).masked_fill(rates == 0, -torch.inf)
        return logit.softmax(dim=1).nan_to_num() @ item

    for _ in range(num_routing):
        user = F.normalize(user + attended())
    expected = user + attended()
    torch.testing.assert_close(model.encode(data).user[:, 64:], expected)


def test_every_named_table_is_penalised() -> None:
    data = example_data()
    batch, reg = example_batch(data), []
    for names in ([], ["image", "text"]):
        torch.manual_seed(0)
        model = GRCN.from_data(data, reg_weight=1.0, penalized_tables=names)
        reg.append(model.loss(data, batch)["reg"])
    more = sum(x.square().mean() for x in model.preference.values())
    torch.testing.assert_close(reg[1] - reg[0], more)
