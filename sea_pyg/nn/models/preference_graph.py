"""What users and the unseen items that a modality suggests to them tell each other."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sea_pyg.nn.models.user_item_graph import sum_over_root_degree
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership, chunked_topk


class PreferenceGraph(torch.nn.Module):
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
        k: Items per user.
        search_every: Training calls per search.
        chunk_size: Users whose scores are held at a time.

    Shapes:
        - **input:** user :math:`(N_u, C)` and item :math:`(N_i, C)` features per
          modality, tables :math:`(N_u, D)` and :math:`(N_i, D)`
        - **output:** user :math:`(N_u, D)` and item :math:`(N_i, D)` sums per modality
    """

    step: Tensor
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
        super().__init__()
        self.modalities = list(modalities)
        self.k = min(k, num_items)
        self.search_every = search_every
        self.chunk_size = chunk_size
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        shape = (len(self.modalities), num_users, self.k)
        self.register_buffer("item", torch.full(shape, -1))

    def reset_parameters(self) -> None:
        """Forget the items."""
        self.step.zero_()
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
        search = not self.training or int(self.step) % self.search_every == 0
        if self.training:
            self.step += 1
        out = {}
        for place, name in enumerate(self.modalities):
            if search:
                item = self._search(features[name], seen)
                if self.training:
                    self.item[place] = item
            else:
                item = self.item[place]
            edges = _edges(item)
            user_sum = sum_over_root_degree(edges.flip(0), tables.item, item.size(0))
            item_sum = sum_over_root_degree(edges, tables.user, tables.item.size(0))
            out[name] = Embeddings(user_sum, item_sum)
        return out

    def _search(self, features: Embeddings, seen: EdgeMembership) -> Tensor:
        user, item = features
        value, index = chunked_topk(user, item, self.k, self.chunk_size, seen.seen)
        return index.masked_fill(value <= 0, -1)  # [num_users, k]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, search_every={self.search_every})"


def _edges(item: Tensor) -> Tensor:
    user, rank = (item >= 0).nonzero(as_tuple=True)
    return torch.stack([user, item[user, rank]])
