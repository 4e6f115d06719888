"""Exactly uniform negatives without rejection."""

import torch
from torch import Tensor

from sea_pyg.utils import EdgeMembership


class UniformNegativeSampler:
    r"""Draw items that a user has not seen, each with the same probability.

    Candidates are the items seen in training by anyone. For a user with seen
    candidates of ascending ranks :math:`s_0 < s_1 < \dots`, the :math:`r`-th unseen
    candidate has rank :math:`r + |\{j : s_j - j \le r\}|`. So one uniform integer
    and one binary search give an exact draw: nothing is rejected, no loop can fail
    to end, and the cost does not grow with the user's history.

    Args:
        edge_index: The training interactions as (user, item).
        num_users: Number of users.
        num_items: Number of items.

    Shapes:
        ``edge_index`` :math:`[2, E]`.

    Raises:
        ValueError: If a user has seen every candidate.
    """

    def __init__(self, edge_index: Tensor, num_users: int, num_items: int) -> None:
        if edge_index.size(1) == 0:
            raise ValueError("negatives need at least one training interaction (got 0)")
        seen = EdgeMembership(edge_index, num_users, num_items)
        self.candidate = torch.unique(edge_index[1].long())  # ascending
        self.rowptr = seen.rowptr
        self.num_unseen = self.candidate.numel() - seen.degree
        """Shape :math:`[N_u]`: how many candidates each user has not seen."""
        full = (self.num_unseen == 0).nonzero().flatten()
        if full.numel():
            raise ValueError(
                f"user {int(full[0])} has interacted with every one of the "
                f"{self.candidate.numel()} items that occur in training "
                f"({full.numel()} such user(s)), so there is no negative to draw; "
                f"remove the user, or add users with items that this one has not"
            )
        rank = torch.searchsorted(self.candidate, seen.item)
        position = torch.arange(rank.numel(), device=rank.device)
        user = torch.repeat_interleave(
            torch.arange(num_users, device=rank.device), seen.degree
        )
        # s_j - j never falls within a user and is below the stride: `key` ascends.
        self.stride = self.candidate.numel() + 1
        self.key = user * self.stride + rank - (position - self.rowptr[user])

    def sample(self, user: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw one unseen item for every entry of ``user``.

        Args:
            user: Users, of any shape; repeat them for several negatives.
            generator: Source of randomness, on the device of the graph.
        """
        user = user.long()
        # The remainder of a 63-bit integer is uniform to within num_items / 2^63.
        draw = torch.randint(
            2**63 - 1, user.shape, generator=generator, device=user.device
        )
        draw %= self.num_unseen[user]
        skipped = torch.searchsorted(self.key, user * self.stride + draw, right=True)
        skipped -= self.rowptr[user]
        negative: Tensor = self.candidate[draw + skipped]
        return negative
