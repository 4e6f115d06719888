"""BPRMF: matrix factorisation with a pairwise ranking loss."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_choice, check_counts, check_interval


class BPRMF(Recommender):
    r"""Factorise the interactions so that seen items outrank unseen ones.

    From `"BPR: Bayesian Personalized Ranking from Implicit Feedback"
    <https://arxiv.org/abs/1205.2618>`_. Free tables :math:`P, Q` of user and item
    embeddings:

    .. math::
        \hat{y}_{ui} = p_u^\top q_i, \qquad
        \mathcal{L} = -\frac{1}{B} \sum_{(u, i, j)}
        \log \sigma(\hat{y}_{ui} - \hat{y}_{uj}) + \lambda \, \Omega

    with :math:`\Omega` of :func:`~sea_pyg.nn.models.batch.norm_penalty` over the rows
    in the batch. No graph is read.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        reg_weight: :math:`\lambda`. (default: :obj:`0.01`)
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
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_normal_(self.user_embedding)
        torch.nn.init.xavier_normal_(self.item_embedding)

    def encode(self, data: HeteroData) -> Embeddings:
        """Return the tables."""
        self.check_graph(data)
        return Embeddings(self.user_embedding, self.item_embedding)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        rows = lookup(self.encode(data), batch)
        penalty = norm_penalty(*rows, power=self.reg_power)
        return {"bpr": triplet_bpr(*rows), "reg": self.reg_weight * penalty}
