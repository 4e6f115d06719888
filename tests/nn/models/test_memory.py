"""Item graphs stay sparse: nothing of the size of a dense one is ever formed."""

import pytest
import torch

from sea_pyg.nn.models import classes, resolve
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
