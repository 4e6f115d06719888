"""What is sparse stays so: nothing of the size of a dense matrix is ever formed."""

import pytest
import torch

from sea_pyg.nn.models import EASE, ItemKNN, classes, resolve
from sea_pyg.typing import Triplets
from tests.memory import Allocations
from tests.nn.models.base import example_data, sum_parts

NUM_ITEMS = 3000


@pytest.mark.parametrize("name", [n for n in classes if resolve(n).multimodal])
def test_no_dense_item_graph(name: str) -> None:
    data = example_data(num_users=50, num_items=NUM_ITEMS)
    model = resolve(name).from_data(data)
    index = torch.arange(40)
    batch = Triplets(index, index, index + 1)
    with Allocations() as allocations:
        data = model.prepare(data)
        sum_parts(model.loss(data, batch)).backward()
        model.eval()
        with torch.no_grad():
            model.score(data, index)
    assert NUM_ITEMS < allocations.largest < NUM_ITEMS**2


@pytest.mark.parametrize("cls", [EASE, ItemKNN])
def test_no_matrix_of_users(cls: type[EASE | ItemKNN]) -> None:
    num_users = 20_000
    data = example_data((), num_users=50)
    data["user"].num_nodes = num_users
    model = cls.from_data(data)
    with Allocations() as allocations:
        model.fit(data)
    assert data["item"].num_nodes ** 2 <= allocations.largest < num_users
