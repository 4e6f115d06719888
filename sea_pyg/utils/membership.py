"""Fast questions to a set of user-item pairs."""

import torch
from torch import Tensor

from sea_pyg.utils.sparse import compress


class EdgeMembership:
    """Answer "has this user seen this item?" for many pairs at once.

    Args:
        edge_index: The pairs as (user, item), :math:`[2, E]`; duplicates are merged.
        num_users: Number of users.
        num_items: Number of items.
    """

    def __init__(self, edge_index: Tensor, num_users: int, num_items: int) -> None:
        self.num_users = num_users
        self.num_items = num_items
        edge_index = edge_index.long()  # products of smaller types overflow
        self.key = torch.unique(edge_index[0] * num_items + edge_index[1])
        user = torch.div(self.key, num_items, rounding_mode="floor")
        csr = compress(user, self.key % num_items, num_users, num_items)
        self.rowptr = csr.rowptr
        """Shape :math:`[N_u + 1]`."""
        self.item = csr.col
        """Shape :math:`[E]`: the items of each user, ascending."""

    @property
    def degree(self) -> Tensor:
        """Number of distinct items per user, :math:`[N_u]`."""
        return self.rowptr[1:] - self.rowptr[:-1]

    def contains(self, user: Tensor, item: Tensor) -> Tensor:
        """Return whether each pair is in the set (bool, broadcast shape).

        Numbers of no user or item, as those that fill a short ranking, are in none.
        """
        query = user.long() * self.num_items + item
        if self.key.numel() == 0:
            return torch.zeros_like(query, dtype=torch.bool)
        position = torch.searchsorted(self.key, query)
        position = position.clamp_(max=self.key.numel() - 1)
        found: Tensor = self.key[position] == query
        # An item that does not exist would stand for one of another user's.
        return found & (item >= 0) & (item < self.num_items)

    def seen(self, user_index: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pairs of some users.

        Args:
            user_index: Users, :math:`[B]`.

        Returns:
            ``(row, item)``, each :math:`[P]`: ``item`` was seen by
            ``user_index[row]``; rows ascend, and items ascend within a row.
        """
        start = self.rowptr[user_index]
        count = self.rowptr[user_index + 1] - start
        row = torch.repeat_interleave(
            torch.arange(user_index.numel(), device=user_index.device), count
        )
        first = torch.cumsum(count, dim=0) - count
        offset = torch.arange(row.numel(), device=row.device) - first[row]
        return row, self.item[start[row] + offset]
