"""A random share of every user's interactions held out."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data.storage import EdgeStorage

from sea_pyg.transforms.interaction_split import InteractionSplit
from sea_pyg.typing import RATES, EdgeType


class RandomUserSplit(InteractionSplit):
    r"""Hold out a random share of every user's interactions.

    Of a user's :math:`n` interactions, :math:`\lfloor n r \rfloor` go to validation
    and to test, at least one to each, as long as one remains for training (test comes
    first). This is the usual 80/10/10 split of the field.

    Args:
        ratios: Shares of training, validation and test; they sum to 1.
            (default: ``(0.8, 0.1, 0.1)``)
        seed: Seed of the random order. The split depends on it and on the order of
            the interactions alone. (default: :obj:`0`)
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)

    Raises:
        ValueError: If the ratios do not fit or one of the three parts is empty.
    """

    def __init__(
        self,
        ratios: Sequence[float] = (0.8, 0.1, 0.1),
        seed: int = 0,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(edge_type)
        self.ratios = check_ratios(ratios)
        self.seed = seed

    def assign(self, store: EdgeStorage, num_users: int) -> Tensor:
        """Draw the part of every interaction."""
        user = store.edge_index[0].cpu()
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(user.numel(), generator=generator)
        rank, degree = rank_within_users(user, order, num_users)

        _, val_ratio, test_ratio = self.ratios
        num_test = _share(degree, test_ratio, degree)
        num_val = _share(degree, val_ratio, degree - num_test)
        num_val = num_val.minimum((degree - num_test - 1).clamp(min=0))
        part = (rank < (num_test + num_val)[user]).long()
        part[rank < num_test[user]] = 2
        return part.to(store.edge_index.device)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(ratios={self.ratios}, seed={self.seed})"


def check_ratios(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Return the three ratios, or raise ``ValueError``."""
    if len(ratios) != 3 or min(ratios) <= 0 or abs(sum(ratios) - 1) > 1e-6:
        raise ValueError(
            f"ratios must be three positive numbers (train, val, test) that sum to 1 "
            f"(got {tuple(ratios)!r})"
        )
    return ratios[0], ratios[1], ratios[2]


def rank_within_users(
    user: Tensor, order: Tensor, num_users: int
) -> tuple[Tensor, Tensor]:
    """Return every interaction's rank in ``order`` among its user's, and degrees."""
    by_user = order[torch.sort(user[order], stable=True).indices]
    degree = torch.bincount(user, minlength=num_users)
    start = torch.cumsum(degree, dim=0) - degree
    rank = torch.empty_like(user)
    number = torch.arange(user.numel(), device=user.device)
    rank[by_user] = number - start[user[by_user]]
    return rank, degree


def _share(degree: Tensor, ratio: float, available: Tensor) -> Tensor:
    """Return the floored share, but one where training can spare it."""
    count = torch.floor(degree.double() * ratio + 1e-9).long()
    return torch.where((count == 0) & (available >= 2), 1, count)
