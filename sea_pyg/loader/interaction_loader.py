"""Training batches of positives and negatives."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.loader.uniform_negative_sampler import UniformNegativeSampler
from sea_pyg.typing import RATES, EdgeType, Triplets
from sea_pyg.utils import check_counts, check_interactions


class InteractionLoader:
    r"""Iterate over the training interactions with one uniform negative each.

    Every epoch's order and negatives follow from ``(seed, epoch)`` alone, so that a
    resumed run sees what an uninterrupted one would have seen. Each pass is one
    epoch, and the next pass is the next one; :meth:`set_epoch` chooses. Batches lie
    on the device of the graph.

    Args:
        data: The training graph.
        batch_size: Interactions per batch. (default: 2048)
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)
        shuffle: Whether to shuffle the interactions. (default: :obj:`True`)
        drop_last: Whether to drop a last batch that is not full.
            (default: :obj:`False`)
        seed: Seed of the order and the negatives. (default: :obj:`0`)

    Raises:
        ValueError: If the interactions are malformed, a user has every item, or
            ``batch_size`` or ``seed`` is out of range.
    """

    def __init__(
        self,
        data: HeteroData,
        batch_size: int = 2048,
        edge_type: EdgeType = RATES,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
    ) -> None:
        check_counts(1, batch_size=batch_size)
        check_counts(0, seed=seed)
        num_users, num_items = check_interactions(data, edge_type)
        self.edge_index: Tensor = data[edge_type].edge_index
        self.sampler = UniformNegativeSampler(self.edge_index, num_users, num_items)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Make the next pass epoch number ``epoch``."""
        self.epoch = epoch

    def __len__(self) -> int:
        num_edges = self.edge_index.size(1)
        if self.drop_last:
            return num_edges // self.batch_size
        return -(-num_edges // self.batch_size)

    def __iter__(self) -> Iterator[Triplets]:
        device = self.edge_index.device
        state = np.random.SeedSequence([self.seed, self.epoch]).generate_state(2)
        generator = torch.Generator(device)
        generator.manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
        self.epoch += 1

        user, positive = self.edge_index[0], self.edge_index[1]
        negative = self.sampler.sample(user, generator)
        if self.shuffle:
            order = torch.randperm(user.numel(), generator=generator, device=device)
            user, positive, negative = user[order], positive[order], negative[order]
        for number in range(len(self)):
            part = slice(number * self.batch_size, (number + 1) * self.batch_size)
            yield Triplets(user[part], positive[part], negative[part])

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.edge_index.size(1)} interactions, "
            f"batch_size={self.batch_size})"
        )
