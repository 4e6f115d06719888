"""DRAGON: dual representations on interactions, items and users."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.batch import lookup, triplet_bpr
from sea_pyg.nn.models.item_graph import (
    graph_of,
    hops,
    similar_type,
    with_item_graph,
)
from sea_pyg.nn.models.modality_gcn import ModalityGCN
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.nn.models.user_graph import aggregate_users, with_user_graph
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_counts, check_interval, check_mixture


class DRAGON(Recommender):
    r"""Concatenate the modalities, and aggregate over similar items and users.

    From `"Enhancing Dyadic Relations with Homogeneous Graphs for Multimodal
    Recommendation" <https://arxiv.org/abs/2301.12097>`_. With :math:`U_m, I_m` of
    :class:`~sea_pyg.nn.models.modality_gcn.ModalityGCN`, :math:`S` the frozen graph of
    nearest items, and :math:`C` the graph of users with shared items, whose weights are
    a softmax of their number,

    .. math::
        U = \big\Vert_m w_{um} U_m, \qquad I = \big\Vert_m I_m, \qquad
        \hat{U} = U + C U, \qquad \hat{I} = I + S^{L'} I, \qquad
        \mathcal{L} = \mathcal{L}_{BPR} + \lambda \Big( \sum_m \overline{P_m^2} +
        \overline{w^2} \Big)

    The weights are free parameters; a softmax gives their initial values only. SEA's
    backbone is this model without :math:`C`.

    Graphs: the interactions, ``('item', 'similar', 'item')`` of
    :class:`~sea_pyg.transforms.ItemKNNGraph` and ``('user', 'co_rates', 'user')`` of
    :class:`~sea_pyg.transforms.UserCooccurrence`, which :meth:`prepare` adds.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width :math:`D` of the embeddings per modality.
            (default: :obj:`64`)
        num_layers: Hops on the interactions. (default: :obj:`2`)
        num_item_layers: Hops :math:`L'` on the item-item graph. (default: :obj:`1`)
        item_k: Neighbours per item and modality. (default: :obj:`10`)
        user_k: Most neighbours per user. (default: :obj:`40`)
        item_graph_weights: Weight of every modality in the item-item graph, equal by
            default.
        reg_weight: :math:`\lambda`. (default: :obj:`1e-3`)
        log_base: Base of the logarithm in BPR. (default: natural)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, M D]` and :math:`[N_i, M D]`.

    Raises:
        ValueError: If a number is out of range, there is no modality, or
            ``item_graph_weights`` does not weigh each, with a sum of 1.

    .. note::
        In the released code images weigh 0.1 and texts 0.9 in the item-item graph
        (``item_graph_weights={"image": 0.1, "text": 0.9}``). All modalities weigh the
        same by default here, whatever they are called.

    .. note::
        The released code takes BPR to base 2 (``log_base=2``), fills up a user's
        neighbours to 40 with random ones of them, and has maps, feature tables and item
        weights that nothing reads. It ranks with the embeddings of the last training
        batch, which are encoded anew here.

    .. note::
        The released code does not read the weights of a single modality; here they do
        not exist then.
    """

    multimodal: ClassVar[bool] = True
    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        num_layers: int = 2,
        num_item_layers: int = 1,
        item_k: int = 10,
        user_k: int = 40,
        item_graph_weights: Mapping[str, float] | None = None,
        reg_weight: float = 1e-3,
        log_base: float | None = None,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim, item_k=item_k, user_k=user_k)
        check_counts(0, num_item_layers=num_item_layers)
        check_interval("[0, inf)", reg_weight=reg_weight)
        check_mixture(in_channels, item_graph_weights=item_graph_weights)
        if log_base is not None:
            check_interval("(1, inf)", log_base=log_base)
        self.num_item_layers = num_item_layers
        self.user_k = user_k
        self.reg_weight = reg_weight
        self.log_base = log_base
        self.item_graph = ItemKNNGraph(
            item_k,
            weights=None if item_graph_weights is None else dict(item_graph_weights),
            modalities=list(in_channels),
            edge_type=similar_type(self.edge_type[2]),
        )
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

    def prepare(self, data: HeteroData) -> HeteroData:
        """Add the item-item and the user-user graph."""
        data = with_item_graph(data, self.item_graph)
        return with_user_graph(data, self.user_k, self.edge_type)

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self.modality.channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        return self.modality.features(data)

    def encode(self, data: HeteroData) -> Embeddings:
        """Concatenate the modalities, then aggregate over both graphs."""
        self.check_graph(data)
        data = self.prepare(data)
        features = self.modality_features(data)
        parts = list(self.modality(self.interactions(data), features).values())
        users = [part.user for part in parts]
        if self.weight is not None:
            weights = self.weight.split(1, dim=1)  # [num_users, 1] each
            users = [w * user for w, user in zip(weights, users, strict=True)]
        user = torch.cat(users, dim=1)
        item = torch.cat([part.item for part in parts], dim=1)
        user = user + aggregate_users(data, user, self.user_k, self.edge_type[0])
        graph = graph_of(data, self.item_graph.edge_type)
        return Embeddings(user, item + hops(*graph, item, self.num_item_layers))

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        rows = lookup(self.encode(data), batch)
        penalty = self.modality.penalty(batch.user)
        if self.weight is not None:
            penalty = penalty + self.weight.square().mean()
        return {
            "bpr": triplet_bpr(*rows, self.log_base),
            "reg": self.reg_weight * penalty,
        }
