"""BM3: bootstrapped representations without negative samples."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.functional import row_cosine
from sea_pyg.nn.models.batch import (
    check_not_empty,
    norm_penalty,
    rows_with_modality,
    total,
)
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.mapped_features import MappedFeaturesRecommender
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_counts, check_interval, modality_masks


class BM3(MappedFeaturesRecommender):
    r"""Predict one view of an interaction from another, without negatives.

    From `"Bootstrap Latent Representations for Multi-modal Recommendation"
    <https://arxiv.org/abs/2207.05969>`_. LightGCN's embeddings, the items' with their
    table added once more, and the mapped features :math:`h^{(m)}` are views; a linear
    predictor :math:`f` maps a view to a target :math:`\dot{z}`, a copy of another one
    under dropout and without gradient. With
    :math:`c(x, z) = 1 - \cos(f(x), \dot{z})` averaged over the batch,

    .. math::
        \mathcal{L} = c(e_u, e_i) + c(e_i, e_u) + \mu \sum_m \left( c(h^{(m)}_i, e_i)
        + c(h^{(m)}_i, h^{(m)}_i) \right) + \lambda \, \Omega, \qquad
        \hat{y}_{ui} = f(e_u)^\top f(e_i)

    with :math:`\Omega` of :func:`~sea_pyg.nn.models.batch.norm_penalty` over all
    embeddings. The batch's negative items are not read. Graph: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Hops on the user-item graph. (default: :obj:`1`)
        dropout: Dropout of the targets. (default: :obj:`0.5`)
        reg_weight: :math:`\lambda`. (default: :obj:`0.1`)
        cl_weight: :math:`\mu`. (default: :obj:`2.0`)
        finetune_features: Whether the features are trained as well.
            (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range or there is no modality.

    .. note::
        The released code trains the feature table; ``finetune_features=True`` does so.
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        num_layers: int = 1,
        dropout: float = 0.5,
        reg_weight: float = 0.1,
        cl_weight: float = 2.0,
        finetune_features: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim)
        check_interval("[0, inf)", reg_weight=reg_weight, cl_weight=cl_weight)
        check_interval("[0, 1)", dropout=dropout)
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.reg_weight = reg_weight
        self.cl_weight = cl_weight
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        self.predictor = Linear(embedding_dim, embedding_dim)
        self.features = ItemFeatures(
            num_items,
            in_channels,
            embedding_dim,
            finetune=finetune_features,
            node_type=edge_type[2],
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        self.features.reset_parameters()
        self.predictor.reset_parameters()
        for linear in (self.predictor, *self.features.linear.values()):
            assert isinstance(linear, Linear)
            torch.nn.init.xavier_normal_(linear.weight)

    def encode(self, data: HeteroData) -> Embeddings:
        """Propagate over the interactions and apply the predictor."""
        user, item = self._views(data)
        return Embeddings(self.predictor(user), self.predictor(item))

    def _views(self, data: HeteroData) -> Embeddings:
        edge_index = self.interactions(data)
        user, item = self.propagation(
            self.user_embedding, self.item_embedding, edge_index
        )
        return Embeddings(user, item + self.item_embedding)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``interaction``, ``reg`` and ``modality``."""
        check_not_empty(batch)
        views = self._views(data)
        user = F.embedding(batch.user, views.user)
        item = F.embedding(batch.positive, views.item)
        item_target = self._target(item)
        interaction = self._distance(user, item_target)
        interaction = interaction + self._distance(item, self._target(user))
        features = self.features_in(data, state)
        masks = modality_masks(data, features, self.edge_type[2])
        modality: list[Tensor] = []
        for name, x in features.items():
            own = (F.embedding(batch.positive, x), item_target)
            x, target = rows_with_modality(masks.get(name), batch.positive, *own)
            if x.size(0) > 0:
                modality += [
                    self._distance(x, target),
                    self._distance(x, self._target(x)),
                ]
        return {
            "interaction": interaction,
            "reg": self.reg_weight * norm_penalty(*views),
            "modality": self.cl_weight * total(modality, item),
        }

    def _target(self, view: Tensor) -> Tensor:
        return F.dropout(view.detach(), self.dropout, self.training)

    def _distance(self, view: Tensor, target: Tensor) -> Tensor:
        predicted = self.predictor(view)
        return 1 - row_cosine(predicted, target).mean()
