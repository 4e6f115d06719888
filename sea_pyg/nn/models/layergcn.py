"""LayerGCN: weigh every layer by its likeness to the first."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.functional import row_cosine
from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.edge_pruning import degree_sensitive_pruning, uniform_pruning
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import (
    SymmetricAdjacency,
    check_choice,
    check_counts,
    check_interval,
)


class LayerGCN(Recommender):
    r"""Refine each layer by its cosine with the embedding that it started from.

    From `"Layer-refined Graph Convolutional Networks for Recommendation"
    <https://arxiv.org/abs/2207.11088>`_. With :math:`A` the symmetrically normalised
    user-item graph, of which training steps see a random part, and
    :math:`E = E^{(0)}` the stacked tables,

    .. math::
        E^{(l)} = \cos\bigl(A E^{(l-1)}, E\bigr) \odot A E^{(l-1)}, \qquad
        \hat{E} = \sum_{l=1}^{L} E^{(l)}, \qquad
        \mathcal{L} = \mathcal{L}_{BPR} + \lambda \, \Omega

    where the cosine is taken row by row, and :math:`\Omega` is half the mean squared
    norm of the batch's rows of :math:`E`.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Number of hops :math:`L`. (default: :obj:`4`)
        reg_weight: :math:`\lambda`. (default: :obj:`1e-2`)
        dropout: Share of the interactions that a training step does not see.
            (default: :obj:`0.1`)
        pruning: Whether they are drawn against high :obj:`"degree"`, with
            :obj:`"uniform"` chance, or :obj:`"mixed"`: each step in one of both ways,
            by chance. (default: :obj:`"degree"`)
        reduction: Whether the loss is the :obj:`"mean"` or the :obj:`"sum"` over the
            batch. (default: :obj:`"mean"`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range, or ``pruning`` or ``reduction`` is
            unknown.

    .. note::
        The released code sums over the batch (``reduction="sum"``), so that the loss
        depends on the size of the batch; Adam's steps are the same for both.

    .. note::
        The released code draws the part of the interactions once an epoch, by turns
        against high degrees and with uniform chance. Here every training step draws its
        own, so that it depends on nothing before it: against high degrees, as the paper
        proposes, or in either way by chance (``pruning="mixed"``).
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        embedding_dim: int = 64,
        num_layers: int = 4,
        reg_weight: float = 1e-2,
        dropout: float = 0.1,
        pruning: str = "degree",
        reduction: str = "mean",
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim, num_layers=num_layers)
        check_interval("[0, inf)", reg_weight=reg_weight)
        check_interval("[0, 1)", dropout=dropout)
        check_choice(("degree", "uniform", "mixed"), pruning=pruning)
        check_choice(("mean", "sum"), reduction=reduction)
        self.embedding_dim = embedding_dim
        self.num_layers = num_layers
        self.reg_weight = reg_weight
        self.dropout = dropout
        self.pruning = pruning
        self.reduction = reduction
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)

    def encode(self, data: HeteroData) -> Embeddings:
        """Propagate the tables and refine every layer."""
        adjacency = self._adjacency(self.interactions(data))
        first = layer = torch.cat([self.user_embedding, self.item_embedding])
        out = torch.zeros_like(first)
        for _ in range(self.num_layers):
            layer = adjacency.matmul(layer)
            layer = row_cosine(layer, first).unsqueeze(1) * layer
            out = out + layer
        user, item = out.split([self.num_users, self.num_items])
        return Embeddings(user, item)

    def _adjacency(self, edge_index: Tensor) -> SymmetricAdjacency:
        dropout = self.dropout if self.training else 0.0
        uniform = self.pruning == "uniform"
        if self.training and self.pruning == "mixed":
            uniform = bool(torch.rand(()) < 0.5)
        prune = uniform_pruning if uniform else degree_sensitive_pruning
        return prune(edge_index, dropout, self.num_users, self.num_items)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        table = Embeddings(self.user_embedding, self.item_embedding)
        penalty = norm_penalty(*lookup(table, batch), power=2)
        scale = batch.user.numel() if self.reduction == "sum" else 1
        return {
            "bpr": scale * triplet_bpr(*lookup(self.encode(data), batch)),
            "reg": scale * self.reg_weight * penalty,
        }
