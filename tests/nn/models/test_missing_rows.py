"""Items without a modality take no part in that modality's losses."""

import pytest
import torch

from sea_pyg.nn.models import BM3, FREEDOM, SLMRec
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import Triplets
from tests.nn.models.base import example_batch, example_data

MODELS = [
    (FREEDOM, "modality", {"reg_weight": 0.1, "dropout": 0.0}),
    (BM3, "modality", {"dropout": 0.0}),
    (SLMRec, "contrast", {}),
]


def losses(
    model_class: type[Recommender], part: str, options: dict, *without: str
) -> tuple[Recommender, torch.Tensor]:
    """Return a loss of a batch whose items lack some modalities."""
    data = example_data()
    batch = example_batch(data, size=8)
    for name in without:
        mask = torch.ones(30, dtype=torch.bool)
        mask[batch.positive] = False
        data["item"][f"mask_{name}"] = mask
    torch.manual_seed(0)
    model = model_class.from_data(data, **options)
    return model, model.loss(data, batch)[part]


@pytest.mark.parametrize(("model_class", "part", "options"), MODELS)
def test_no_row_has_the_modality(model_class, part, options) -> None:
    _, whole = losses(model_class, part, options)
    model, rest = losses(model_class, part, options, "text")
    assert 0 < rest.item() < whole.item()
    rest.backward()
    own = [p for name, p in model.features.named_parameters() if "text" in name]
    assert own
    assert all(p.grad is None or (p.grad == 0).all() for p in own)
    _, none = losses(model_class, part, options, "text", "image")
    assert none.item() == 0


@pytest.mark.parametrize(("model_class", "part", "options"), MODELS)
def test_only_rows_with_the_modality_count(model_class, part, options) -> None:
    data = example_data()
    batch = example_batch(data)
    mask = torch.arange(30) % 3 > 0
    torch.manual_seed(0)
    model = model_class.from_data(data, **options)
    has = mask[batch.positive]
    if model_class is FREEDOM:  # ranks both items by the modality
        has &= mask[batch.negative]
    kept = Triplets(*(index[has] for index in batch))
    assert 0 < kept.user.numel() < batch.user.numel()
    for name in ("image", "text"):
        data["item"][f"mask_{name}"] = mask
    found = model.loss(data, batch)[part]
    torch.testing.assert_close(found, model.loss(data, kept)[part])
