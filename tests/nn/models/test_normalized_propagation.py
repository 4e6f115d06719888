import pytest
import torch

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.models import LATTICE, MICRO
from sea_pyg.nn.models.normalized_propagation import NormalizedPropagation
from sea_pyg.nn.models.user_item_graph import random_walk
from tests.nn.models.base import example_data


def test_the_named_normalisation_is_taken() -> None:
    edge_index = example_data(())["user", "rates", "item"].edge_index
    user, item = torch.randn(40, 3), torch.randn(30, 3)
    expected = {
        "random_walk": random_walk(edge_index, user, item, 2),
        "symmetric": BipartitePropagation(2, readout="mean")(user, item, edge_index),
    }
    assert not torch.equal(*(torch.cat(both) for both in expected.values()))
    for name, both in expected.items():
        found = NormalizedPropagation(2, name)(user, item, edge_index)
        assert torch.equal(torch.cat(found), torch.cat(both)), name


@pytest.mark.parametrize("model_class", [LATTICE, MICRO])
def test_models_take_either(model_class: type[LATTICE] | type[MICRO]) -> None:
    data = example_data()
    users = []
    for name in ("random_walk", "symmetric"):
        torch.manual_seed(0)
        model = model_class.from_data(data, normalization=name)
        users.append(model.encode(data).user)
    assert not torch.equal(*users)
    with pytest.raises(ValueError, match="normalization must be"):
        model_class.from_data(data, normalization="none")


def test_repr() -> None:
    text = "NormalizedPropagation(2, 'symmetric')"
    assert repr(NormalizedPropagation(2, "symmetric")) == text
