"""How much of a model a training step reaches."""

import copy
from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.loader import InteractionLoader
from sea_pyg.nn.models import Recommender
from sea_pyg.training.isolated import isolated
from sea_pyg.training.refuse_test import refuse_test
from sea_pyg.training.training_config import TrainingConfig
from sea_pyg.utils import device_of, on_device


def count_gradients(
    model: Recommender, train: HeteroData, config: TrainingConfig
) -> tuple[int, int]:
    """Count the numbers in a model's parameters, and those in parameters that learn.

    A parameter learns if any entry of its gradient differs from zero in the first
    batch, by the model's loss or its estimators'. The model itself stays as it is.

    Args:
        model: The model.
        train: The training graph.
        config: The options; those of the batches matter.

    Returns:
        All numbers, and those that learn; a closed form has none of the latter.

    Raises:
        ValueError: If ``train`` is a test graph.
    """
    refuse_test(train, "train")
    total = sum(parameter.numel() for parameter in model.parameters())
    if not model.trainable:
        return total, 0
    twin = copy.deepcopy(model).train()  # a step may change buffers
    with isolated():
        torch.manual_seed(config.seed)
        data = twin.prepare(on_device(train, device_of(twin)))
        loader = InteractionLoader(
            data, config.batch_size, twin.edge_type, seed=config.seed
        )
        batch: Any = next(iter(loader))
        state = twin.representations(data)
        loss = sum(twin.loss(data, batch, state).values())
        estimator = twin.estimator_loss(data, state)
        main, own = twin.main_parameters(), twin.estimator_parameters()
        reached = _reached(loss, main)
        if estimator is not None and own:
            reached += _reached(estimator, own)
    return total, reached


def _reached(loss: Any, parameters: list[torch.nn.Parameter]) -> int:
    gradients = torch.autograd.grad(
        loss, parameters, retain_graph=True, allow_unused=True
    )
    return sum(
        parameter.numel()
        for parameter, gradient in zip(parameters, gradients, strict=True)
        if gradient is not None and bool((gradient != 0).any())
    )
