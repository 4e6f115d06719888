"""Of which modality a graph tells first does not matter."""

import pytest
import torch

from sea_pyg.nn.models import classes, resolve
from tests.nn.models.base import example_data

ORDERS = (["audio", "image", "text"], ["text", "image", "audio"])
BY_ORDER = ("DRAGON", "DualGNN", "GRCN", "SEA", "SLMRec")
"""Their users, or maps of all modalities, have parameters by a modality's place."""


@pytest.mark.parametrize(
    "name", [n for n in classes if resolve(n).multimodal and n not in BY_ORDER]
)
def test_modalities_in_any_order(name: str) -> None:
    data = example_data(ORDERS[0])
    first, second = (resolve(name).from_data(data, x).eval() for x in ORDERS)
    second.load_state_dict(first.state_dict())
    users, data = torch.arange(40), first.prepare(data)
    scores = [model.score(data, users) for model in (first, second)]
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-5)
