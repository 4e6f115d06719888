"""DRAGON: dual representations on interactions, items and users."""

from collections.abc import Mapping
from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.item_graph import (
    graph_of,
    hops,
    similar_type,
    with_item_graph,
)
from sea_pyg.nn.models.user_graph import aggregate_users, with_user_graph
from sea_pyg.nn.models.user_weighed import UserWeighedRecommender
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import RATES, EdgeType, Embeddings
from sea_pyg.utils import check_counts, check_mixture


class DRAGON(UserWeighedRecommender):
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
        super().__init__(
            num_users,
            num_items,
            in_channels,
            embedding_dim,
            num_layers,
            reg_weight,
            log_base,
            edge_type,
        )
        check_counts(1, item_k=item_k, user_k=user_k)
        check_counts(0, num_item_layers=num_item_layers)
        check_mixture(in_channels, item_graph_weights=item_graph_weights)
        self.num_item_layers = num_item_layers
        self.user_k = user_k
        self.item_graph = ItemKNNGraph(
            item_k,
            weights=None if item_graph_weights is None else dict(item_graph_weights),
            modalities=list(in_channels),
            edge_type=similar_type(self.edge_type[2]),
        )

    def prepare(self, data: HeteroData) -> HeteroData:
        """Add the item-item and the user-user graph."""
        data = with_item_graph(data, self.item_graph)
        return with_user_graph(data, self.user_k, self.edge_type)

    def encode(self, data: HeteroData, state: Any = None) -> Embeddings:
        """Concatenate the modalities, then aggregate over both graphs."""
        self.check_graph(data)
        data = self.prepare(data)
        parts = self.propagate(data, state)
        users = [part.user for part in parts]
        if self.weight is not None:
            weights = self.weight.split(1, dim=1)  # [num_users, 1] each
            users = [w * user for w, user in zip(weights, users, strict=True)]
        user = torch.cat(users, dim=1)
        item = torch.cat([part.item for part in parts], dim=1)
        user = user + aggregate_users(data, user, self.user_k, self.edge_type[0])
        graph = graph_of(data, self.item_graph.edge_type)
        return Embeddings(user, item + hops(*graph, item, self.num_item_layers))
