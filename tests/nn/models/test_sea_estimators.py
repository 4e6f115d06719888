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
