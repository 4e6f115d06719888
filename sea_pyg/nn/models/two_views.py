"""Base class of the models that contrast interactions with features."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.functional import info_nce, l2_normalize
from sea_pyg.nn.models.batch import (
    batch_nodes,
    distinct,
    lookup,
    norm_penalty,
    triplet_bpr,
)
from sea_pyg.nn.models.mapped_features import MappedFeaturesRecommender
from sea_pyg.typing import Embeddings, Triplets


class Views(NamedTuple):
    """What is known of the nodes, users above items: :math:`[N_u + N_i, D]` each."""

    content: Tensor
    """The view of the interactions."""
    features: dict[str, Tensor]
    """The views of the features."""

    def of(self, node: Tensor) -> "Views":
        """Take the rows of some nodes."""
        features = {name: F.embedding(node, x) for name, x in self.features.items()}
        return Views(F.embedding(node, self.content), features)


class TwoViewsRecommender(MappedFeaturesRecommender):
    """A recommender that adds a view of the interactions to one of the features.

    The objective is BPR, the squared norms of the batch's final embeddings, and InfoNCE
    between both views for the users and the positive items of the batch.
    """

    reg_weight: float
    cl_weight: float
    temperature: float

    @abstractmethod
    def views(self, data: HeteroData, features: Mapping[str, Tensor]) -> Views:
        """Compute the view of the interactions and those of the features."""

    @abstractmethod
    def fuse(self, content: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """Make one of the features' views, node by node.

        Shapes:
            All :math:`[N, D]`, for any nodes; returns the same.
        """

    def encode(self, data: HeteroData) -> Embeddings:
        """Add the view of the interactions and the fused one of the features."""
        views = self.views(data, self.modality_features(data))
        x = views.content + self.fuse(*views)
        return Embeddings(x[: self.num_users], x[self.num_users :])

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr``, ``reg`` and ``contrast``."""
        # Only the batch's nodes need what is fused.
        node, triplets = batch_nodes(batch, self.num_users)
        views = self.views(data, self.features_in(data, state)).of(node)
        side = self.fuse(*views)
        final = views.content + side
        rows = lookup(Embeddings(final, final), triplets)
        contrast = []
        for index in triplets[:2]:
            own, _, counts = distinct(index)
            query, key = (
                l2_normalize(F.embedding(own, x)) for x in (side, views.content)
            )
            contrast.append(
                info_nce(query, key, self.temperature, 512, unit=True, weight=counts)
            )
        return {
            "bpr": triplet_bpr(*rows),
            "reg": self.reg_weight * norm_penalty(*rows, power=2),
            "contrast": self.cl_weight * torch.stack(contrast).sum(),
        }
