"""Base class of the models that contrast interactions with features."""

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.functional import info_nce, l2_normalize
from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.frozen_graphs import FrozenGraphsRecommender
from sea_pyg.typing import Embeddings, Triplets


class Views(NamedTuple):
    """What a model of two views knows of users, above items."""

    content: Tensor
    """What interactions tell: [num_users + num_items, D]."""
    side: Tensor
    """What features tell: [num_users + num_items, D]."""


class TwoViewsRecommender(FrozenGraphsRecommender):
    """A recommender that adds a view of the interactions to one of the features.

    The objective is BPR, the squared norms of the batch's final embeddings, and InfoNCE
    between both views for the users and the positive items of the batch.
    """

    reg_weight: float
    cl_weight: float
    temperature: float

    @abstractmethod
    def views(self, data: HeteroData) -> Views:
        """Compute both views."""

    def encode(self, data: HeteroData) -> Embeddings:
        """Add what interactions and features tell."""
        content, side = self.views(data)
        return self._parted(content + side)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr``, ``reg`` and ``contrast``."""
        content, side = self.views(data)
        rows = lookup(self._parted(content + side), batch)
        queries, keys = (
            map(l2_normalize, lookup(self._parted(x), batch)[:2])
            for x in (side, content)
        )
        contrast = [
            info_nce(query, key, self.temperature, 512, unit=True)
            for query, key in zip(queries, keys, strict=True)
        ]
        return {
            "bpr": triplet_bpr(*rows),
            "reg": self.reg_weight * norm_penalty(*rows, power=2),
            "contrast": self.cl_weight * torch.stack(contrast).sum(),
        }

    def _parted(self, x: Tensor) -> Embeddings:
        return Embeddings(x[: self.num_users], x[self.num_users :])
