"""Popularity: the same ranking for everyone."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.closed_form import ClosedFormRecommender
from sea_pyg.typing import RATES, EdgeType, Embeddings


class Popularity(ClosedFormRecommender):
    r"""Rank items by the number of users who have seen them in training.

    The floor that every personalised model has to clear, ``TopPop`` of `"Performance of
    Recommender Algorithms on Top-N Recommendation Tasks"
    <https://doi.org/10.1145/1864708.1864721>`_:

    .. math::
        \hat{y}_{ui} = |\{ v : (v, i) \in \mathcal{E} \}|

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns embeddings of one channel: ones for the users, the
        counts for the items.
    """

    count: Tensor

    def __init__(
        self, num_users: int, num_items: int, edge_type: EdgeType = RATES
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        self.register_buffer("count", torch.zeros(num_items, dtype=torch.long))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Forget what was fitted."""
        self.fitted = False
        self.count.zero_()

    def fit(self, data: HeteroData) -> None:
        """Count the users of every item in ``data``."""
        item = self.seen_items(data).item
        self.count.copy_(torch.bincount(item, minlength=self.num_items))
        self.note_training(data)

    def encode(self, data: HeteroData) -> Embeddings:
        """Return ones and the counts."""
        self.check_graph(data)
        self.check_fitted()
        # In float32 whatever the model's precision: half of it would merge counts.
        item = self.count.float().view(-1, 1)
        return Embeddings(item.new_ones(self.num_users, 1), item)
