"""Training batches and the validation graph for Lightning."""

from collections.abc import Iterator
from typing import Any

import lightning.pytorch as L
import torch
from torch_geometric.data import HeteroData

from sea_pyg.loader import InteractionLoader, NegativeSampler
from sea_pyg.training.check_splits import check_splits
from sea_pyg.typing import RATES, EdgeType


class InteractionDataModule(L.LightningDataModule):
    """Serve a training graph in batches and a validation graph whole.

    A test graph is refused, and graphs of two splits, so that nothing in training can
    look at what is tested.

    Args:
        train: The training graph.
        val: The validation graph.
        batch_size: Interactions per batch. (default: :obj:`2048`)
        seed: Seed of the batches. (default: :obj:`0`)
        edge_type: The interactions.
        sampler: What draws the negatives.
            (default: :class:`~sea_pyg.loader.UniformNegativeSampler`)

    Raises:
        ValueError: If ``train`` or ``val`` is a test graph or of another split than
            the other.
    """

    def __init__(
        self,
        train: HeteroData,
        val: HeteroData,
        batch_size: int = 2048,
        seed: int = 0,
        edge_type: EdgeType = RATES,
        sampler: NegativeSampler | None = None,
    ) -> None:
        super().__init__()
        check_splits(train, val)
        self.loader = InteractionLoader(
            train, batch_size, edge_type, seed=seed, sampler=sampler
        )
        self.val = val

    def train_dataloader(self) -> InteractionLoader:
        """Return the batches."""
        return self.loader

    def val_dataloader(self) -> "_WholeGraph":
        """Return a loader whose only batch is the validation graph."""
        return _WholeGraph(self.val)

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Return the batch: it lies on its graph's device already."""
        return batch


class _WholeGraph:
    # Lightning takes a list for a list of loaders.
    def __init__(self, data: HeteroData) -> None:
        self.data = data

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[HeteroData]:
        yield self.data
