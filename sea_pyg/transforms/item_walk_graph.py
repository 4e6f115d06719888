"""The graph of items that lead to each other over the users they share."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from sea_pyg.transforms.two_hops import first_of_each, two_hops
from sea_pyg.typing import LEADS_TO, RATES, EdgeType
from sea_pyg.utils import EdgeMembership, check_interactions


class ItemWalkGraph(BaseTransform):
    r"""Link every item to those that a random walk over its users finds more often
    than chance.

    From item :math:`j` the walk goes to one of its users, and from there to one of the
    user's items, as in `"Random Walks in Recommender Systems: Exact Computation and
    Simulations" <https://doi.org/10.1145/2567948.2579244>`_ (:math:`P^3_\alpha` with
    :math:`\alpha = 1`). From its probability that of meeting item :math:`i` by drawing
    an interaction is taken off, and what is left is the weight of the edge:

    .. math::
        w_{ji} = \left[ \frac{1}{|\mathcal{U}_j|} \sum_{u \in \mathcal{U}_j \cap
        \mathcal{U}_i} \frac{1}{|\mathcal{I}_u|} -
        \frac{|\mathcal{U}_i|}{|\mathcal{E}|} \right]_+

    An item does not lead to itself. The product is computed in blocks of items, so
    that memory stays bounded.

    Args:
        k: Most edges per item that the walk starts from, those of largest weight;
            :obj:`None` for all. (default: 200)
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)
        out_edge_type: The edge type to write.
            (default: ``('item', 'leads_to', 'item')``)
        block_size: Most paths item-user-item held at a time (one item's paths are
            never parted).

    Shapes:
        Writes ``edge_index`` :math:`[2, E]` as (start, end), sorted by start and then
        by falling weight, and ``edge_weight`` float32 :math:`[E]`.

    Raises:
        ValueError: If ``k`` is not positive or the interactions are malformed.
    """

    def __init__(
        self,
        k: int | None = 200,
        edge_type: EdgeType = RATES,
        out_edge_type: EdgeType = LEADS_TO,
        block_size: int = 10_000_000,
    ) -> None:
        if k is not None and k < 1:
            raise ValueError(f"k must be at least 1, or None for all (got {k})")
        self.k = k
        self.edge_type = edge_type
        self.out_edge_type = out_edge_type
        self.block_size = block_size

    def forward(self, data: HeteroData) -> HeteroData:
        """Add the graph to ``data``."""
        num_users, num_items = check_interactions(data, self.edge_type)
        edge_index = data[self.edge_type].edge_index
        # Users of every item, each once.
        users = EdgeMembership(edge_index.flip(0), num_items, num_users)
        degree = users.degree.float()
        user_degree = torch.bincount(users.item, minlength=num_users).float()
        chance = degree / degree.sum()
        edges, weights = [], []
        blocks = two_hops(users, 1 / user_degree.clamp(min=1), self.block_size)
        for start, end, value in blocks:
            weight = value / degree[start] - chance[end]
            kept = (weight > 0) & (start != end)
            start, end, weight = self._rank(start[kept], end[kept], weight[kept])
            edges.append(torch.stack([start, end]))
            weights.append(weight)
        out = data[self.out_edge_type]
        out.edge_index = torch.cat(edges, dim=1)
        out.edge_weight = torch.cat(weights)
        return data

    def _rank(
        self, start: Tensor, end: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return every item's ``k`` largest, largest first; ties by number."""
        order = weight.argsort(descending=True, stable=True)
        order = order[start[order].argsort(stable=True)]
        if self.k is not None:
            order = order[first_of_each(start[order], self.k)]
        return start[order], end[order], weight[order]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k})"
