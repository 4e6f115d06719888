"""The generic and unique parts of a model before and after training."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import SEA
from sea_pyg.training import build_setting, load_tensors
from sea_pyg.typing import SplitFeatures
from sea_pyg.utils import modality_masks

STAGES = ("before", "after")


class Parts(NamedTuple):
    """What every modality is split into."""

    halves: dict[str, SplitFeatures]
    """The halves of the projected features."""
    compared: dict[str, SplitFeatures]
    """The same, mapped to the space where the distance compares them."""
    present: dict[str, Tensor]
    """Items that have the modality, as row numbers."""


def weights_of(cell: Path) -> Path:
    """Return where a cell's weights are, if they were kept."""
    return cell.with_suffix(".model.safetensors")


def weights_digest(cell: Path) -> str | None:
    """Return the SHA-256 of a cell's weights, if they are there."""
    path = weights_of(cell)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


@torch.no_grad()
def parts_of(model: SEA, data: HeteroData) -> Parts:
    """Compute the parts of all items."""
    features = model.modality_features(data)
    masks = modality_masks(data, features)
    items = torch.arange(data["item"].num_nodes)
    return Parts(
        {name: model.separate.split(x) for name, x in features.items()},
        model.separate.pairs(features, masks),
        {name: items[masks[name]] if name in masks else items for name in features},
    )


@dataclass(frozen=True)
class Trained:
    """A cell of SEA whose weights were kept, and what it was trained on."""

    cell: Path
    setting: dict[str, Any]
    train: HeteroData
    val: HeteroData
    modalities: Sequence[str]
    preset: str | None = None

    @property
    def seed(self) -> int:
        """The seed of its training."""
        return int(self.setting["seed"])

    def untrained(self) -> SEA:
        """Build the model as training began with it."""
        model, _ = build_setting(
            SEA, self.setting, self.train, self.modalities, self.preset
        )
        assert isinstance(model, SEA)
        return model.eval()

    def model(self) -> SEA:
        """Build the model that training came to.

        Raises:
            ValueError: If the weights are missing or damaged.
        """
        model = self.untrained()
        tensors, _ = load_tensors(weights_of(self.cell))
        model.load_state_dict(tensors)
        return model

    def stages(self) -> dict[str, Parts]:
        """Return the parts that training began with, and what it came to."""
        found = (parts_of(m, self.train) for m in (self.untrained(), self.model()))
        return dict(zip(STAGES, found, strict=True))
