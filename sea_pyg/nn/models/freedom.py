"""FREEDOM: a frozen item graph and a denoised interaction graph."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.models.batch import lookup, total, triplet_bpr, with_modality
from sea_pyg.nn.models.edge_pruning import degree_sensitive_pruning
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.item_graph import (
    graph_of,
    hops,
    similar_type,
    with_item_graph,
)
from sea_pyg.nn.models.multimodal import MultimodalRecommender
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import check_counts, check_interval, check_mixture, modality_masks


class FREEDOM(MultimodalRecommender):
    r"""Freeze the item-item graph and prune the user-item graph.

    From `"A Tale of Two Graphs: Freezing and Denoising Graph Structures for Multimodal
    Recommendation" <https://arxiv.org/abs/2211.06924>`_. With :math:`S` the frozen
    graph of nearest items, :math:`\tilde{A}` the symmetrically normalised user-item
    graph, of which training steps see a random part, and tables :math:`P, Q`,

    .. math::
        \begin{bmatrix} \hat{P} \\ \tilde{Q} \end{bmatrix} = \frac{1}{L + 1}
        \sum_{l=0}^{L} \tilde{A}^l \begin{bmatrix} P \\ Q \end{bmatrix}, \qquad
        \hat{Q} = \tilde{Q} + S^{L'} Q, \qquad
        \mathcal{L} = \mathcal{L}_{BPR}(\hat{P}, \hat{Q}) + \lambda \sum_m
        \mathcal{L}_{BPR}(\hat{P}, X_m W_m^\top)

    Graphs: the interactions, and ``('item', 'similar', 'item')`` of
    :class:`~sea_pyg.transforms.ItemKNNGraph` with binary values, which
    :meth:`prepare` adds.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Hops :math:`L` on the user-item graph. (default: :obj:`2`)
        num_item_layers: Hops :math:`L'` on the item-item graph. (default: :obj:`1`)
        k: Neighbours per item and modality. (default: :obj:`10`)
        item_graph_weights: Weight of every modality in the item-item graph, equal by
            default.
        dropout: Share of the interactions that a training step does not see.
            (default: :obj:`0.8`)
        reg_weight: :math:`\lambda`. With 0 there are no maps :math:`W_m`.
            (default: :obj:`1e-3`)
        finetune_features: Whether the features are trained as well.
            (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range, there is no modality, or
            ``item_graph_weights`` does not weigh each, with a sum of 1.

    .. note::
        In the released code images weigh 0.1 and texts 0.9 in the item-item graph
        (``item_graph_weights={"image": 0.1, "text": 0.9}``). All modalities weigh the
        same by default here, whatever they are called.

    .. note::
        The released code keeps maps at :math:`\lambda = 0` that never receive a
        gradient; here they do not exist then. Nor do the maps' biases, which drop out
        of the differences that BPR takes. It trains the feature table where
        :math:`\lambda > 0`; ``finetune_features=True`` does so.

    .. note::
        The released code draws the part of the interactions once an epoch. Here every
        training step draws its own, so that a step depends on nothing before it. With
        ``dropout=0`` both are the same.
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        num_layers: int = 2,
        num_item_layers: int = 1,
        k: int = 10,
        item_graph_weights: Mapping[str, float] | None = None,
        dropout: float = 0.8,
        reg_weight: float = 1e-3,
        finetune_features: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim)
        check_counts(0, num_item_layers=num_item_layers)
        check_interval("[0, inf)", reg_weight=reg_weight)
        check_interval("[0, 1)", dropout=dropout)
        check_mixture(in_channels, item_graph_weights=item_graph_weights)
        self.embedding_dim = embedding_dim
        self.num_item_layers = num_item_layers
        self.item_graph = ItemKNNGraph(
            k,
            weights=None if item_graph_weights is None else dict(item_graph_weights),
            modalities=list(in_channels),
            edge_type=similar_type(edge_type[2]),
        )
        self.dropout = dropout
        self.reg_weight = reg_weight
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        self.features: ItemFeatures | None = None
        if reg_weight != 0:
            self.features = ItemFeatures(
                num_items,
                in_channels,
                embedding_dim,
                bias=False,
                finetune=finetune_features,
                node_type=edge_type[2],
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        if self.features is not None:
            self.features.reset_parameters()

    def prepare(self, data: HeteroData) -> HeteroData:
        """Add the item-item graph."""
        return with_item_graph(data, self.item_graph)

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return self._features().channels

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality.

        Raises:
            ValueError: If ``reg_weight`` is 0, so that none enter the objective.
        """
        out: dict[str, Tensor] = self._features()(data)
        return out

    def representations(self, data: HeteroData) -> Any:
        """Return :meth:`modality_features`, if any enter the objective."""
        return None if self.features is None else self.modality_features(data)

    def _features(self) -> ItemFeatures:
        if self.features is None:
            raise ValueError(
                "FREEDOM reads no feature but by its second loss; set reg_weight > 0"
            )
        return self.features

    def encode(self, data: HeteroData) -> Embeddings:
        """Propagate over both graphs; over a part of the interactions in training."""
        adjacency = degree_sensitive_pruning(
            self.interactions(data),
            self.dropout if self.training else 0.0,
            self.num_users,
            self.num_items,
        )
        user, item = self.propagation(
            self.user_embedding, self.item_embedding, adjacency
        )
        graph = graph_of(self.prepare(data), self.item_graph.edge_type)
        similar = hops(*graph, self.item_embedding, self.num_item_layers)
        return Embeddings(user, item + similar)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and, with ``reg_weight``, ``modality``."""
        embeddings = self.encode(data)
        parts = {"bpr": triplet_bpr(*lookup(embeddings, batch))}
        if self.features is not None:
            features = self.features_in(data, state)
            masks = modality_masks(data, features, self.edge_type[2])
            losses = []
            for name, x in features.items():
                rows = with_modality(batch, masks.get(name))
                if rows.user.numel() > 0:
                    pair = Embeddings(embeddings.user, x)
                    losses.append(triplet_bpr(*lookup(pair, rows)))
            parts["modality"] = self.reg_weight * total(losses, embeddings.user)
        return parts
