"""Modalities taken away from random items."""

from collections.abc import Mapping

import numpy as np
import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from sea_pyg.utils import (
    check_counts,
    check_feature,
    modality_names,
    node_count,
    noted_inputs,
)


class MaskModality(BaseTransform):
    r"""Take modalities away from random items.

    Writes ``mask_<modality>``, True where the feature exists, and sets the missing
    rows of ``x_<modality>`` to zero. Features that were missing before stay so. A graph
    that :class:`~sea_pyg.transforms.ItemKNNGraph` made of features that are now missing
    is taken away too; models make it anew.

    Args:
        rate: Share of items that lose a modality: one for all, or per modality.
        seed: Seed of the choice. (default: :obj:`0`)
        keep_one: Whether an item keeps at least one modality; where the rates would
            leave none, a random one stays. (default: :obj:`True`)
        node_type: The node type that carries the features. (default: :obj:`"item"`)

    Raises:
        ValueError: If a rate is not in [0, 1], ``seed`` is negative, or a modality is
            unknown, no matrix with a row per node, or has a mask of another type or
            shape.
    """

    def __init__(
        self,
        rate: float | Mapping[str, float],
        seed: int = 0,
        keep_one: bool = True,
        node_type: str = "item",
    ) -> None:
        rates = rate.values() if isinstance(rate, Mapping) else [rate]
        if not all(0 <= value <= 1 for value in rates):
            raise ValueError(f"rate must lie in [0, 1] (got {rate!r})")
        check_counts(0, seed=seed)
        self.rate = rate
        self.seed = seed
        self.keep_one = keep_one
        self.node_type = node_type

    def forward(self, data: HeteroData) -> HeteroData:
        """Mask features of ``data``."""
        store = data[self.node_type]
        names = modality_names(data, self.node_type)
        rate = self.rate
        if isinstance(rate, Mapping):
            modality_names(data, self.node_type, list(rate))
        else:
            rate = dict.fromkeys(names, rate)
        if not names:
            raise ValueError(
                f"data[{self.node_type!r}] has no modality to mask; add x_<modality>"
            )
        num_items = node_count(data, self.node_type)
        for name in names:
            check_feature(data, name, self.node_type)
        # Another stream than the features may have been drawn from with that seed.
        state = np.random.SeedSequence(self.seed).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0]) >> 1)
        draw = torch.rand(num_items, len(names), generator=generator)
        order = torch.rand(num_items, len(names), generator=generator)
        share = torch.tensor([rate.get(name, 0.0) for name in names])
        present = torch.stack(
            [
                store.get(f"mask_{name}", torch.ones(num_items, dtype=torch.bool)).cpu()
                for name in names
            ],
            dim=1,
        )  # [num_items, num_modalities]
        kept = present & (draw >= share)
        if self.keep_one:
            bare = present.any(dim=1) & ~kept.any(dim=1)
            last = order.masked_fill(~present, -1).argmax(dim=1)
            kept[bare, last[bare]] = True
        for number, name in enumerate(names):
            x = store[f"x_{name}"]
            mask = kept[:, number].to(x.device)
            store[f"mask_{name}"] = mask
            # Not a product: what is missing may be NaN.
            store[f"x_{name}"] = x.masked_fill(~mask.view(-1, 1), 0)
        lost = (present & ~kept).any(dim=0).tolist()
        changed = {f"x_{name}" for name, less in zip(names, lost, strict=True) if less}
        for edge_type in data.edge_types:
            of_these = edge_type[0] == edge_type[2] == self.node_type
            if of_these and changed & noted_inputs(data[edge_type]).keys():
                del data[edge_type]
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rate={self.rate!r})"
