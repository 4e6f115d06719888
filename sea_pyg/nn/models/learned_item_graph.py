"""Item-item graphs whose edge values are learned."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.models.periodic_search import PeriodicSearch
from sea_pyg.utils import check_counts, chunked_topk, edge_dot, memoize


class ItemEdges(NamedTuple):
    """A sparse item-item graph."""

    edge_index: Tensor
    """Shape :math:`[2, N_i k]`, as (neighbour, item)."""
    weight: Tensor
    """Shape :math:`[N_i k]`."""


class LearnedItemGraph(PeriodicSearch):
    r"""Link every item to its nearest items by the cosine of learned features.

    The values are differentiable in the features, the choice of the neighbours is
    not, as in `"Mining Latent Structures for Multimedia Recommendation"
    <https://arxiv.org/abs/2104.09036>`_. Neighbours are searched in chunks of rows and
    the graph is kept sparse: memory grows with :math:`N_i k`, not :math:`N_i^2`.

    In training mode, neighbours are searched in every ``search_every``-th call and kept
    in buffers in between (the values are always those of the current features). In
    evaluation mode, every call searches.

    Args:
        num_items: Number of items :math:`N_i`.
        modalities: Names of the modalities.
        k: Neighbours per item, the item itself included. (default: :obj:`10`)
        search_every: Training calls per search. (default: :obj:`16`)
        chunk_size: Rows per search step. (default: :obj:`1024`)

    Shapes:
        - **input:** features :math:`(N_i, C)` per modality; optionally per modality
          which items have it, :math:`(N_i)`
        - **output:** a graph per modality, not normalised

    Raises:
        ValueError: If ``k``, ``search_every`` or ``chunk_size`` is not positive, or
            ``k`` exceeds the number of items.

    .. note::
        An item without a modality has no neighbours in it and is no one's neighbour.
    """

    def __init__(
        self,
        num_items: int,
        modalities: Sequence[str],
        k: int = 10,
        search_every: int = 16,
        chunk_size: int = 1024,
    ) -> None:
        super().__init__(search_every)
        if not 1 <= k <= num_items:
            raise ValueError(
                f"k must lie between 1 and the number of items {num_items} (got {k})"
            )
        check_counts(1, search_every=search_every, chunk_size=chunk_size)
        self.num_items = num_items
        self.k = k
        self.chunk_size = chunk_size
        for name in modalities:
            neighbour = torch.zeros(num_items, k, dtype=torch.long)
            self.register_buffer(_buffer(name), neighbour)

    def forward(
        self,
        features: Mapping[str, Tensor],
        present: Mapping[str, Tensor] | None = None,
    ) -> dict[str, ItemEdges]:
        """Build the graph of every modality."""
        search = self.search_is_due()
        out = {}
        for name, x in features.items():
            x = l2_normalize(x)
            mask = None if present is None else present.get(name)
            if search:
                neighbour = self._search(x.detach(), mask)
            if search and self.training:
                self.get_buffer(_buffer(name)).copy_(neighbour)
            if self.training:
                neighbour = self.get_buffer(_buffer(name))
            out[name] = self._edges(x, neighbour, mask)
        return out

    def _search(self, x: Tensor, mask: Tensor | None) -> Tensor:
        key = x
        if mask is not None:
            # A further channel puts the items without the modality below all others.
            absent = (~mask).to(x.dtype).view(-1, 1)
            x, key = torch.cat([x, 1 - absent], 1), torch.cat([x, -4 * absent], 1)
        # The item itself is put first instead of searched: among equal features, the
        # search could return any k of them.
        own = torch.arange(self.num_items, device=x.device).view(-1, 1)
        if self.k == 1:
            return own
        _, others = chunked_topk(
            x,
            key,
            self.k - 1,
            self.chunk_size,
            exclude=lambda row: (row - row[0], row),
        )
        return torch.cat([own, others], dim=1)  # [num_items, k]

    def _edges(self, x: Tensor, neighbour: Tensor, mask: Tensor | None) -> ItemEdges:
        def build() -> Tensor:
            item = torch.arange(self.num_items, device=x.device)
            return torch.stack([neighbour.flatten(), item.repeat_interleave(self.k)])

        # The same edges from one search to the next, of which products keep notes.
        edge_index = memoize(neighbour, "edges", build)
        weight = edge_dot(edge_index, x, x)
        if mask is not None:
            weight = weight * (mask[edge_index[0]] & mask[edge_index[1]])
        return ItemEdges(edge_index, weight)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, search_every={self.search_every})"


def _buffer(name: str) -> str:
    key: str = ModuleDict.to_internal_key(f"neighbour_{name}")  # without dots
    return key


def out_degree(edges: ItemEdges, num_items: int) -> Tensor:
    """Sum the values of every item's neighbours.

    Shapes:
        Returns :math:`[N_i]`.
    """
    degree: Tensor = scatter(edges.weight, edges.edge_index[1], 0, num_items, "sum")
    return degree


def normalize_edges(edges: ItemEdges, degree: Tensor) -> ItemEdges:
    r"""Scale :math:`w_{ij}` to :math:`w_{ij} / \sqrt{d_i d_j}`.

    Items whose degree is not positive lose their edges.
    """
    positive = degree > 0
    inverse = torch.where(positive, degree, 1.0).rsqrt() * positive
    neighbour, item = edges.edge_index
    return edges._replace(weight=inverse[item] * edges.weight * inverse[neighbour])
