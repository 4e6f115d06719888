"""Base classes of the models that read item features in the same way."""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.functional import info_nce, l2_normalize
from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.item_graph import with_item_graph
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import Embeddings, Triplets


class MappedFeaturesRecommender(Recommender):
    """A recommender that maps every modality by :class:`ItemFeatures`."""

    multimodal: ClassVar[bool] = True
    features: ItemFeatures

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self.features.channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        out: dict[str, Tensor] = self.features(data)
        return out


class FrozenGraphsRecommender(MappedFeaturesRecommender):
    """One that also reads a frozen graph of similar items per modality."""

    frozen_graphs: dict[str, ItemKNNGraph]

    def prepare(self, data: HeteroData) -> HeteroData:
        """Add the frozen item-item graph of every modality."""
        for graph in self.frozen_graphs.values():
            data = with_item_graph(data, graph)
        return data


class Views(NamedTuple):
    """What a model of two views knows of users, above items."""

    content: Tensor
    """What interactions tell: [num_users + num_items, D]."""
    side: Tensor
    """What features tell: [num_users + num_items, D]."""


class TwoViewsRecommender(FrozenGraphsRecommender):
    """One that adds a view of the interactions to one of the features.

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
