"""The generic and unique parts of a model before and after training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import SEA
from sea_pyg.training import build_setting, load_tensors
from sea_pyg.typing import SplitFeatures

STAGES = ("before", "after")


class Parts(NamedTuple):
    """What every modality is split into."""

    halves: dict[str, SplitFeatures]
    """The halves of the projected features."""
    compared: dict[str, SplitFeatures]
    """The same, mapped to the space where the distance compares them."""
    present: dict[str, Tensor]
    """Items that have the modality, as row numbers."""


@torch.no_grad()
def parts_of(model: SEA, data: HeteroData) -> Parts:
    """Compute the parts of all items."""
    model.eval()
    features = model.modality_features(data)
    store = data["item"]
    masks = {
        name: store[f"mask_{name}"] for name in features if f"mask_{name}" in store
    }
    items = torch.arange(store.num_nodes)
    return Parts(
        {name: model.separate.split(x) for name, x in features.items()},
        model.separate.pairs(features, masks),
        {name: items[masks[name]] if name in masks else items for name in features},
    )


def stages(
    cell: Path, setting: dict[str, Any], train: HeteroData, modalities: Sequence[str]
) -> dict[str, Parts]:
    """Return the parts that a cell's training began with, and what it came to.

    Args:
        cell: A cell of SEA whose model was kept.
        setting: The cell's setting, with its seed.
        train: The training graph.
        modalities: The modalities to use.

    Raises:
        ValueError: If the weights are missing or damaged.
    """
    model, _ = build_setting(SEA, setting, train, modalities)
    assert isinstance(model, SEA)
    before = parts_of(model, train)
    restore(model, cell)
    return dict(zip(STAGES, (before, parts_of(model, train)), strict=True))


def trained(
    cell: Path,
    setting: dict[str, Any],
    train: HeteroData,
    modalities: Sequence[str],
    preset: str,
) -> SEA:
    """Return what a cell's training came to.

    Args:
        cell: A cell of SEA whose model was kept.
        setting: The cell's setting.
        train: The training graph.
        modalities: The modalities to use.
        preset: The preset that the setting starts from.

    Raises:
        ValueError: If the weights are missing or damaged.
    """
    model, _ = build_setting(SEA, setting, train, modalities, preset)
    assert isinstance(model, SEA)
    restore(model, cell)
    return model.eval()


def restore(model: SEA, cell: Path) -> None:
    """Load the weights that a cell kept."""
    tensors, _ = load_tensors(cell.with_suffix(".model.safetensors"))
    model.load_state_dict(tensors)
