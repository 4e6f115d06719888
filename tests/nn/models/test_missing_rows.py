"""Items without a modality take no part in that modality's losses."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.nn.models import BM3, FREEDOM, MICRO, LGMRec, SLMRec
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import Triplets
from tests.nn.models.base import example_batch, example_data

MODELS = [
    (FREEDOM, "modality", {"reg_weight": 0.1, "dropout": 0.0}),
    (BM3, "modality", {"dropout": 0.0}),
    (SLMRec, "contrast", {}),
    (MICRO, "contrast", {"contrast_on": "batch"}),
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


@pytest.mark.parametrize(
    ("model_class", "part"),
    [
        (FREEDOM, "modality"),
        (SLMRec, "contrast"),
        (MICRO, "contrast"),
    ],
)
def test_masks_of_another_node_type(model_class: type[Recommender], part: str) -> None:
    edge_type = ("listener", "plays", "track")
    data = example_data(edge_type=edge_type)
    batch = example_batch(data, size=8, edge_type=edge_type)
    for name in ("image", "text"):
        mask = torch.ones(30, dtype=torch.bool)
        mask[batch.positive] = False
        data["track"][f"mask_{name}"] = mask
    options = {"contrast_on": "batch"} if model_class is MICRO else {}
    model = model_class.from_data(data, edge_type=edge_type, **options)
    assert model.loss(data, batch)[part] == 0


def test_lgmrec_contrasts_items_that_have_both_modalities() -> None:
    data = example_data(("image", "text"))
    batch = example_batch(data, size=8)
    model = LGMRec.from_data(data, noise=False, dropout=0.0, cl_weight=1.0)

    def contrast(**masks: Tensor) -> Tensor:
        for name in ("image", "text"):
            data["item"][f"mask_{name}"] = masks.get(name, torch.arange(30) >= 0)
        return model.loss(data, batch)["contrast"]

    def by_hand(kept: Tensor) -> Tensor:
        query, key = model._views(data, model.modality_features(data)).hyper.values()
        found = torch.zeros(())
        sides = ((0, batch.user, slice(None)), (1, batch.positive, kept))
        for side, index, rows in sides:
            cosine = F.normalize(query[side].x) @ F.normalize(key[side].x).t()
            logit = cosine / model.temperature
            for node in index.tolist():
                if side == 0 or kept[node]:
                    found = found + logit[node][rows].logsumexp(0) - logit[node, node]
        return found

    every = torch.arange(30) >= 0
    image, text = torch.arange(30) % 3 > 0, torch.arange(30) % 4 > 0
    for masks, kept in (
        ({}, every),
        ({"image": image}, image),
        ({"image": image, "text": text}, image & text),
    ):
        torch.testing.assert_close(contrast(**masks), by_hand(kept))
    nobody = contrast(image=~every)  # users alone are left
    assert nobody.isfinite()
    torch.testing.assert_close(nobody, by_hand(~every))
