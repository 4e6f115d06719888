import torch

from sea_pyg.nn.models.lattice import LATTICE
from tests.nn.models.base import RecommenderTests, example_batch, example_data
from tests.nn.models.parity import assert_parity


class TestLATTICE(RecommenderTests):
    model_class = LATTICE


def test_parity() -> None:
    assert_parity("lattice")


def test_penalty_by_hand() -> None:
    data = example_data()
    batch = example_batch(data)
    model = LATTICE.from_data(data, reg_weight=2.0).eval()
    user, item = model.encode(data)
    rows = user[batch.user], item[batch.positive], item[batch.negative]
    squares = torch.stack([x.square().sum() for x in rows]).sum()
    found = model.loss(data, batch)["reg"]
    torch.testing.assert_close(found, 2 * squares / (2 * batch.user.numel()))
