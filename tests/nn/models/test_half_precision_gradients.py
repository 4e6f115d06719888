"""Gradients under autocast of float16, which holds neither 1e-12 nor its inverse."""

import pytest
import torch

from sea_pyg.nn.models import LATTICE, MICRO, MMSSL, LGMRec, Recommender
from tests.nn.models.base import example_batch, example_data, sum_parts


@pytest.mark.parametrize("cls", [LATTICE, LGMRec, MICRO, MMSSL])
def test_rows_of_zeros_leave_gradients_finite(cls: type[Recommender]) -> None:
    data = example_data()  # its last user and item have no edges
    for name in ("image", "text"):
        mask = torch.ones(data["item"].num_nodes, dtype=torch.bool)
        mask[:3] = False  # items without any modality
        data["item"][f"mask_{name}"] = mask
    torch.manual_seed(0)
    model = cls.from_data(data)
    with torch.autocast("cpu", torch.float16):
        loss = sum_parts(model.loss(data, example_batch(data)))
    loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            assert parameter.grad.isfinite().all(), name
