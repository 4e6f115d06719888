"""What users and the unseen items that a modality suggests to them tell each other."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sea_pyg.nn.models.periodic_search import PeriodicSearch
from sea_pyg.nn.models.user_item_graph import sum_over_root_degree
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership, chunked_topk, memoize


class PreferenceGraph(PeriodicSearch):
    r"""Link every user to the unseen items of the largest product of features, and sum
    tables over the links.

    .. math::
        y_u = \frac{1}{\sqrt{d_u}} \sum_{i \in \mathcal{N}(u)} q_i, \qquad
        z_i = \frac{1}{\sqrt{d_i}} \sum_{u \in \mathcal{N}(i)} p_u

    From `"Multi-Modal Self-Supervised Learning for Recommendation"
    <https://arxiv.org/abs/2302.10632>`_. The choice of the items has no gradient. A
    user has fewer than :math:`k` where fewer products are positive.

    In training mode, items are searched in every ``search_every``-th call and kept in a
    buffer in between. In evaluation mode, every call searches.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        modalities: Names of the modalities.
        k: Items per user. (default: :obj:`10`)
        search_every: Training calls per search. (default: :obj:`64`)
        chunk_size: Users whose scores are held at a time. (default: :obj:`1024`)

    Shapes:
        - **input:** user :math:`(N_u, C)` and item :math:`(N_i, C)` features per
          modality, tables :math:`(N_u, D)` and :math:`(N_i, D)`
        - **output:** user :math:`(N_u, D)` and item :math:`(N_i, D)` sums per modality
    """

    item: Tensor

    def __init__(
        self,
        num_users: int,
        num_items: int,
        modalities: Sequence[str],
        k: int = 10,
        search_every: int = 64,
        chunk_size: int = 1024,
    ) -> None:
        super().__init__(search_every)
        self.modalities = list(modalities)
        self.k = min(k, num_items)
        self.chunk_size = chunk_size
        shape = (len(self.modalities), num_users, self.k)
        self.register_buffer("item", torch.full(shape, -1))

    def reset_parameters(self) -> None:
        """Forget the items."""
        super().reset_parameters()
        self.item.fill_(-1)

    def forward(
        self,
        features: Mapping[str, Embeddings],
        tables: Embeddings,
        seen: EdgeMembership,
    ) -> dict[str, Embeddings]:
        """Sum the tables over every modality's graph.

        Args:
            features: User and item features of every modality.
            tables: What is summed.
            seen: The pairs that are not linked.
        """
        found = self.item
        if self.search_is_due():
            found = self._search(features, seen)
            if self.training:
                found = self.item.copy_(found)
        num_users, num_items = tables.user.size(0), tables.item.size(0)
        out = {}
        for place, name in enumerate(self.modalities):
            to_items, to_users = _links(found, place)
            out[name] = Embeddings(
                sum_over_root_degree(to_users, tables.item, num_users),
                sum_over_root_degree(to_items, tables.user, num_items),
            )
        return out

    def _search(
        self, features: Mapping[str, Embeddings], seen: EdgeMembership
    ) -> Tensor:
        """Return the items of every modality and user, -1 in place of none."""
        items = []
        for name in self.modalities:
            value, index = chunked_topk(
                *features[name], self.k, self.chunk_size, seen.seen
            )
            items.append(index.masked_fill(value <= 0, -1))
        return torch.stack(items)  # [M, num_users, k]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, search_every={self.search_every})"


def _links(items: Tensor, place: int) -> tuple[Tensor, Tensor]:
    """Return a modality's edges to items and to users, made once per search."""

    def build() -> tuple[Tensor, Tensor]:
        user, rank = (items[place] >= 0).nonzero(as_tuple=True)
        edge_index = torch.stack([user, items[place, user, rank]])
        return edge_index, edge_index.flip(0)

    return memoize(items, ("links", place), build)
