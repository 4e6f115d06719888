"""Of which modality a graph tells first does not matter."""

import pytest
import torch

from sea_pyg.nn.models import (
    BM3,
    FREEDOM,
    LATTICE,
    MGCN,
    MICRO,
    MMGCN,
    MMSSL,
    SMORE,
    VBPR,
    LGMRec,
    Recommender,
)
from tests.nn.models.base import example_data

ORDERS = (["audio", "image", "text"], ["text", "image", "audio"])


@pytest.mark.parametrize(
    "model_class",
    [
        BM3,
        FREEDOM,
        LATTICE,
        LGMRec,
        MGCN,
        MICRO,
        MMGCN,
        MMSSL,
        SMORE,
        VBPR,
    ],
)
def test_modalities_in_any_order(model_class: type[Recommender]) -> None:
    data = example_data(ORDERS[0])
    first, second = (model_class.from_data(data, names).eval() for names in ORDERS)
    second.load_state_dict(first.state_dict())
    users, data = torch.arange(40), first.prepare(data)
    scores = [model.score(data, users) for model in (first, second)]
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-5)
