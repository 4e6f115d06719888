"""The graph of items that lead to each other over the users they share."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage
from torch_geometric.transforms import BaseTransform

from sea_pyg.transforms.two_hops import first_of_each, two_hops
from sea_pyg.typing import LEADS_TO, RATES, EdgeType
from sea_pyg.utils import (
    EdgeMembership,
    check_counts,
    check_interactions,
    edges_digest,
    graph_note,
    interactions_digest,
)
from sea_pyg.utils.sparse import WeightedRows


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

    An item does not lead to itself. With ``similar_type`` every other walk starts from
    a similar item instead, so that items with few users lead somewhere too:

    .. math::
        w'_{ji} = \frac{1}{2} \Bigl( w_{ji} + \sum_n s_{jn} w_{ni} \Bigr)

    The products are computed in blocks of items, so that memory stays bounded.

    Args:
        k: Most edges per item that the walk starts from, those of largest weight;
            :obj:`None` for all. (default: 100)
        similar_type: Edge type of the graph of similar items, whose edge
            :math:`(n, j)` has the weight :math:`s_{jn}`, as :class:`ItemKNNGraph`
            makes it. (default: :obj:`None`)
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)
        out_edge_type: The edge type to write.
            (default: ``('item', 'leads_to', 'item')``)
        block_size: Most paths item-user-item held at a time (one item's paths are
            never parted). (default: :obj:`10_000_000`)

    Shapes:
        Writes ``edge_index`` :math:`[2, E]` as (start, end), sorted by start and then
        by falling weight, ``edge_weight`` float32 :math:`[E]`, and what made them as
        ``made_by`` (see :meth:`note`).

    Raises:
        ValueError: If ``k`` is not positive, the interactions are malformed, or there
            is no graph of similar items where one is asked for.
    """

    def __init__(
        self,
        k: int | None = 100,
        similar_type: EdgeType | None = None,
        edge_type: EdgeType = RATES,
        out_edge_type: EdgeType = LEADS_TO,
        block_size: int = 10_000_000,
    ) -> None:
        check_counts(1, block_size=block_size, **({} if k is None else {"k": k}))
        self.k = k
        self.similar_type = similar_type
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
        blocks = two_hops(users, 1 / user_degree.clamp(min=1), self.block_size)
        found = [
            self._kept(start, end, value / degree[start] - chance[end])
            for start, end, value in blocks
        ]
        start, end, weight = (torch.cat(parts) for parts in zip(*found, strict=True))
        if self.similar_type is not None:
            graph = (start, end, weight)
            start, end, weight = self._with_similar(data, graph, num_items)
        out = data[self.out_edge_type]
        out.edge_index, out.edge_weight = torch.stack([start, end]), weight
        out.made_by = self.note(data)
        return data

    def note(self, data: HeteroData) -> str:
        """Return what tells this graph of ``data`` from one made otherwise."""
        of = interactions_digest(data, self.edge_type)
        if self.similar_type is not None:
            store = self._similar(data)
            of["similar"] = edges_digest(store.edge_index, store.get("edge_weight"))
        return graph_note(type(self).__name__, of, k=self.k)

    def _with_similar(
        self,
        data: HeteroData,
        graph: tuple[Tensor, Tensor, Tensor],
        num_items: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Let half of the walks start from a similar item."""
        store = self._similar(data)
        source, item = store.edge_index
        share = store.get("edge_weight")
        if share is None:
            share = torch.ones(item.numel(), device=item.device)
        walks = WeightedRows.of(*graph, num_items)
        similar = WeightedRows.of(item, source, share, num_items)
        found = []
        # As many items at a time as have about `block_size` paths.
        paths = (1 + item.numel() / num_items) * (1 + walks.col.numel() / num_items)
        size = max(1, int(self.block_size / paths))
        for some in torch.arange(num_items, device=item.device).split(size):
            half = torch.full_like(some, 0.5, dtype=walks.weight.dtype)
            around = similar.follow(some, some, half)
            starts = [
                torch.cat(pair) for pair in zip((some, some, half), around, strict=True)
            ]
            start, end, weight = walks.follow(*starts)
            key, place = (start * num_items + end).unique(return_inverse=True)
            total = weight.new_zeros(key.numel()).index_add_(0, place, weight)
            start = key.div(num_items, rounding_mode="floor")
            found.append(self._kept(start, key - start * num_items, total))
        start, end, weight = (torch.cat(parts) for parts in zip(*found, strict=True))
        return start, end, weight

    def _similar(self, data: HeteroData) -> EdgeStorage:
        """Return the edges between similar items, or raise ``ValueError``."""
        if self.similar_type not in data.edge_types:
            raise ValueError(
                f"the graph has no edges {self.similar_type}; apply ItemKNNGraph "
                "first, or leave similar_type out"
            )
        return data[self.similar_type]

    def _kept(
        self, start: Tensor, end: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return every item's edges to others, those of positive weight."""
        kept = (weight > 0) & (start != end)
        return self._rank(start[kept], end[kept], weight[kept])

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
        return f"{type(self).__name__}(k={self.k}, similar_type={self.similar_type})"
