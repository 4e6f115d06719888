"""The graph of users who interacted with the same items."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from sea_pyg.transforms.two_hops import largest_of_each, two_hops
from sea_pyg.typing import CO_RATES, RATES, EdgeType
from sea_pyg.utils import (
    EdgeMembership,
    check_counts,
    check_interactions,
    graph_note,
    interactions_digest,
)


class UserCooccurrence(BaseTransform):
    r"""Link every user to those with the most shared training items.

    The weight of a link is the number of shared items, as in `"DualGNN: Dual Graph
    Neural Network for Multimedia Recommendation"
    <https://doi.org/10.1109/TMM.2021.3138298>`_. A user is not its own neighbour;
    equal counts are ordered by user number.

    This is the sparse product of the interactions with their transpose, computed in
    blocks of users, so that memory stays bounded and no :math:`N_u \times N_u` matrix
    is ever held.

    Args:
        k: Most neighbours per user; :obj:`None` for all. (default: 200)
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)
        out_edge_type: The edge type to write.
            (default: ``('user', 'co_rates', 'user')``)
        block_size: Most paths user-item-user held at a time (one user's paths are
            never parted). (default: :obj:`10_000_000`)

    Shapes:
        Writes ``edge_index`` :math:`[2, E]` as (neighbour, user), sorted by user and
        then by falling weight, ``edge_weight`` float32 :math:`[E]`, and what made
        them as ``made_by`` (see :meth:`note`).

    Raises:
        ValueError: If ``k`` is not positive or the interactions are malformed.
    """

    def __init__(
        self,
        k: int | None = 200,
        edge_type: EdgeType = RATES,
        out_edge_type: EdgeType = CO_RATES,
        block_size: int = 10_000_000,
    ) -> None:
        check_counts(1, block_size=block_size, **({} if k is None else {"k": k}))
        self.k = k
        self.edge_type = edge_type
        self.out_edge_type = out_edge_type
        self.block_size = block_size

    def forward(self, data: HeteroData) -> HeteroData:
        """Add the graph to ``data``."""
        num_users, num_items = check_interactions(data, self.edge_type)
        seen = EdgeMembership(data[self.edge_type].edge_index, num_users, num_items)
        edges, weights = [], []
        for row, col, count in two_hops(seen, None, self.block_size):
            user, neighbour, weight = self._rank(row, col, count, num_users)
            edges.append(torch.stack([neighbour, user]))
            weights.append(weight)
        out = data[self.out_edge_type]
        out.edge_index = torch.cat(edges, dim=1)
        out.edge_weight = torch.cat(weights)
        out.made_by = self.note(data)
        return data

    def note(self, data: HeteroData) -> str:
        """Return what tells this graph of ``data`` from one made otherwise."""
        of = interactions_digest(data, self.edge_type)
        return graph_note(type(self).__name__, of, k=self.k)

    def _rank(
        self, row: Tensor, col: Tensor, weight: Tensor, num_users: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return every user's ``k`` neighbours, most shared items first."""
        others = row != col
        row, col, count = row[others], col[others], weight[others].long()
        if row.numel() == 0:
            return row, col, weight[:0]
        if self.k is not None:
            kept = largest_of_each(row, count, self.k)
            row, col, count = row[kept], col[kept], count[kept]
        # One sort by (row, falling count, col): the three as the digits of a number.
        base = int(count.max()) + 1
        key = ((row * base + (base - 1 - count)) * num_users + col).sort().values
        col = key % num_users
        key = torch.div(key, num_users, rounding_mode="floor")
        row = torch.div(key, base, rounding_mode="floor")
        count = base - 1 - key % base
        return row, col, count.float()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k})"
