"""Base class of the models whose users weigh the modalities."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.batch import lookup, triplet_bpr
from sea_pyg.nn.models.modality_gcn import ModalityGCN
from sea_pyg.nn.models.multimodal import MultimodalRecommender
from sea_pyg.typing import EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_counts, check_interval


class UserWeighedRecommender(MultimodalRecommender):
    """A recommender that propagates each modality, with a weight per user and modality.

    The objective is BPR and the mean squares of preferences and weights. The weights of
    a single modality do not exist.
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int,
        num_layers: int,
        reg_weight: float,
        log_base: float | None,
        edge_type: EdgeType,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim)
        check_interval("[0, inf)", reg_weight=reg_weight)
        if log_base is not None:
            check_interval("(1, inf)", log_base=log_base)
        self.reg_weight = reg_weight
        self.log_base = log_base
        self.modality = ModalityGCN(
            num_users, in_channels, embedding_dim, num_layers, self.edge_type
        )
        self.weight: Parameter | None = None
        if len(in_channels) > 1:
            self.weight = Parameter(torch.empty(num_users, len(in_channels)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.modality.reset_parameters()
        if self.weight is None:
            return
        torch.nn.init.xavier_normal_(self.weight)
        with torch.no_grad():
            self.weight.copy_(self.weight.softmax(dim=1))

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self.modality.channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        return self.modality.features(data)

    @abstractmethod
    def encode(self, data: HeteroData, state: Any = None) -> Embeddings:
        """Fuse the modalities, then aggregate over the graphs."""

    def propagate(self, data: HeteroData, state: Any = None) -> list[Embeddings]:
        """Return the users and the items of every modality."""
        features = self.features_in(data, state)
        return list(self.modality(self.interactions(data), features).values())

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        rows = lookup(self.encode(data, state), batch)
        penalty = self.modality.penalty(batch.user)
        if self.weight is not None:
            penalty = penalty + self.weight.square().mean()
        return {
            "bpr": triplet_bpr(*rows, self.log_base),
            "reg": self.reg_weight * penalty,
        }
