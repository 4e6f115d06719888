"""VBPR: matrix factorisation with item features."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Linear, Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.mapped_features import MappedFeaturesRecommender
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_choice, check_counts, check_interval


class VBPR(MappedFeaturesRecommender):
    r"""Extend item embeddings with a linear map of the items' features.

    From `"VBPR: Visual Bayesian Personalized Ranking from Implicit Feedback"
    <https://arxiv.org/abs/1510.01784>`_, for any number of modalities:

    .. math::
        \hat{y}_{ui} = p_u^\top q_i + \theta_u^\top \Big( b + \sum_m W_m x^{(m)}_i
        \Big), \qquad
        \mathcal{L} = \mathcal{L}_{BPR} + \lambda \, \Omega

    with :math:`\Omega` of :func:`~sea_pyg.nn.models.batch.norm_penalty` over the rows
    :math:`[p_u, \theta_u]` and :math:`[q_i, b + \sum_m W_m x^{(m)}_i]` in the batch.
    No graph is read. The separate learning of ``WithSeparateLearning`` attaches to
    :math:`W_m x^{(m)}`.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width :math:`D` of :math:`p, q` and of :math:`\theta`.
            (default: :obj:`64`)
        reg_weight: :math:`\lambda`. (default: :obj:`0.01`)
        reg_power: Power of the norms in :math:`\Omega`, 1 or 2. (default: :obj:`1`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, 2 D]` and :math:`[N_i, 2 D]`.

    Raises:
        ValueError: If a number is out of range or there is no modality.

    .. note::
        Like the MMRec toolbox and unlike the paper, there are no scalar bias terms per
        item, and norms are penalised as they are (``reg_power=2`` squares them).
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        reg_weight: float = 0.01,
        reg_power: int = 1,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim)
        check_interval("[0, inf)", reg_weight=reg_weight)
        check_choice((1, 2), reg_power=reg_power)
        self.embedding_dim = embedding_dim
        self.reg_weight = reg_weight
        self.reg_power = reg_power
        self.user_embedding = Parameter(torch.empty(num_users, 2 * embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.features = ItemFeatures(
            num_items, in_channels, embedding_dim, bias=False, node_type=edge_type[2]
        )
        self.bias = Parameter(torch.empty(embedding_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        torch.nn.init.zeros_(self.bias)
        # The maps add up, so they are drawn as the blocks of one.
        width = sum(self.features.in_channels.values())
        std = (2 / (width + self.embedding_dim)) ** 0.5
        for linear in self.features.linear.values():
            assert isinstance(linear, Linear)
            torch.nn.init.normal_(linear.weight, std=std)

    def encode(self, data: HeteroData, state: Any = None) -> Embeddings:
        """Append the mapped features to the items' embeddings."""
        self.check_graph(data)
        features = self.features_in(data, state)
        content = torch.stack(list(features.values())).sum(dim=0)
        item = torch.cat([self.item_embedding, content + self.bias], dim=1)
        return Embeddings(self.user_embedding, item)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        rows = lookup(self.encode(data, state), batch)
        penalty = norm_penalty(*rows, power=self.reg_power)
        return {"bpr": triplet_bpr(*rows), "reg": self.reg_weight * penalty}
