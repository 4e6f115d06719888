"""Training batches of positives and negatives."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.loader.negative_sampler import NegativeSampler
from sea_pyg.loader.uniform_negative_sampler import UniformNegativeSampler
from sea_pyg.typing import RATES, EdgeType, Triplets
from sea_pyg.utils import check_counts, check_interactions


class InteractionLoader:
    r"""Iterate over the training interactions with one negative each.

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
        sampler: What draws the negatives (see :class:`NegativeSampler`).
            (default: :class:`UniformNegativeSampler`)

    Raises:
        ValueError: If the interactions are malformed, a user has every item so that
            there is no uniform negative, ``batch_size`` or ``seed`` is out of range,
            ``sampler`` is none, or, in a pass, does not return an item per user.
    """

    def __init__(
        self,
        data: HeteroData,
        batch_size: int = 2048,
        edge_type: EdgeType = RATES,
        shuffle: bool = True,
        drop_last: bool = False,
        seed: int = 0,
        sampler: NegativeSampler | None = None,
    ) -> None:
        check_counts(1, batch_size=batch_size)
        check_counts(0, seed=seed)
        num_users, self.num_items = check_interactions(data, edge_type)
        self.edge_index: Tensor = data[edge_type].edge_index
        if sampler is None:
            sampler = UniformNegativeSampler(self.edge_index, num_users, self.num_items)
        elif isinstance(sampler, type) or not hasattr(sampler, "sample"):
            raise ValueError(
                "sampler must be an object with a method sample(user, generator) (got "
                f"{sampler!r})"
            )
        self.sampler: NegativeSampler = sampler
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
        self._check(negative)
        if self.shuffle:
            order = torch.randperm(user.numel(), generator=generator, device=device)
            user, positive, negative = user[order], positive[order], negative[order]
        for number in range(len(self)):
            part = slice(number * self.batch_size, (number + 1) * self.batch_size)
            yield Triplets(user[part], positive[part], negative[part])

    def _check(self, negative: Tensor) -> None:
        user = self.edge_index[0]
        kind = f"int64 of shape {list(user.shape)} on {user.device}"
        sample = f"sample of {type(self.sampler).__name__}"
        if not isinstance(negative, Tensor):
            raise ValueError(f"{sample} must return {kind} (got {negative!r})")
        if (negative.shape, negative.dtype, negative.device) != (
            user.shape,
            user.dtype,
            user.device,
        ):
            raise ValueError(
                f"{sample} must return {kind} (got {negative.dtype} of shape "
                f"{list(negative.shape)} on {negative.device})"
            )
        low, high = (int(bound) for bound in negative.aminmax())
        if low < 0 or high >= self.num_items:
            raise ValueError(
                f"{sample} must return items in [0, {self.num_items}) (got "
                f"{low if low < 0 else high})"
            )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.edge_index.size(1)} interactions, "
            f"batch_size={self.batch_size})"
        )
