"""LightGCN: propagate embeddings over the interactions."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_choice, check_counts, check_interval


class LightGCN(Recommender):
    r"""Average embeddings over neighbourhoods of growing radius.

    From `"LightGCN: Simplifying and Powering Graph Convolution Network for
    Recommendation" <https://arxiv.org/abs/2002.02126>`_. With :math:`A` the
    symmetrically normalised user-item graph and :math:`E` the stacked tables,

    .. math::
        \hat{E} = \frac{1}{L + 1} \sum_{l=0}^{L} A^l E, \qquad
        \hat{y}_{ui} = \hat{e}_u^\top \hat{e}_i, \qquad
        \mathcal{L} = \mathcal{L}_{BPR} + \lambda \, \Omega

    with :math:`\Omega` of :func:`~sea_pyg.nn.models.batch.norm_penalty` over the rows
    of :math:`E`, before propagation, in the batch.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Number of hops :math:`L`. (default: :obj:`3`)
        reg_weight: :math:`\lambda`. (default: :obj:`1e-4`)
        reg_power: Power of the norms in :math:`\Omega`, 1 or 2. (default: :obj:`1`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range.

    .. note::
        The paper penalises squared norms (``reg_power=2``). The published numbers on
        the Amazon data come from the MMRec toolbox, which takes norms as they are;
        that is the default here.
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        embedding_dim: int = 64,
        num_layers: int = 3,
        reg_weight: float = 1e-4,
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
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)

    def encode(self, data: HeteroData) -> Embeddings:
        """Propagate the tables over the interactions."""
        edge_index = self.interactions(data)
        out: Embeddings = self.propagation(
            self.user_embedding, self.item_embedding, edge_index
        )
        return out

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        table = Embeddings(self.user_embedding, self.item_embedding)
        penalty = norm_penalty(*lookup(table, batch), power=self.reg_power)
        return {
            "bpr": triplet_bpr(*lookup(self.encode(data), batch)),
            "reg": self.reg_weight * penalty,
        }
