"""SEA with other estimators than its own."""

from typing import Any

import pytest
import torch

from sea_pyg.nn import SEA
from tests.nn.mi.estimators import ALL
from tests.nn.models.base import RecommenderTests, example_batch, example_data


class TestSEAWithLinearQ(RecommenderTests):
    model_class = SEA
    kwargs = {"distance_kwargs": {"conditional": "linear"}, "distance_channels": 4}


@pytest.mark.parametrize("distance", [*ALL, "orthogonal", "subtraction", "l2", None])
def test_takes_every_distance(distance: Any) -> None:
    torch.manual_seed(0)
    data = example_data()
    make = ALL.get(distance, distance)
    model = SEA.from_data(data, distance=make, distance_channels=4)
    state = model.representations(data)
    estimator_loss = model.estimator_loss(data, state)
    learns = distance in ALL and "linear" not in distance
    assert (estimator_loss is not None) == learns
    assert bool(model.estimator_parameters()) == learns
    parts = model.loss(data, example_batch(data), state)
    assert parts["distance"].isfinite()
    if distance in ("subtraction", None):
        assert parts["distance"] == 0
    torch.stack(list(parts.values())).sum().backward()
    for parameter in model.main_parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("items", ["all", "batch"])
def test_narrow_projections_under_autocast(items: str) -> None:
    """What is wider than its half holds no rounding that a linear q would explain."""
    data, batch = example_data(), example_batch(example_data())
    torch.manual_seed(0)
    model = SEA.from_data(
        data,
        projection_channels=8,
        distance_channels=6,
        distance_kwargs={"conditional": "linear"},
        separate_items=items,
    )
    data = model.prepare(data)
    expected = model.loss(data, batch)["distance"]
    with torch.autocast("cpu", torch.bfloat16):
        found = model.loss(data, batch)["distance"]
    torch.testing.assert_close(found, expected, rtol=0.03, atol=0)
