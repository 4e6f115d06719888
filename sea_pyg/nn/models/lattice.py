"""LATTICE: item-item graphs mined from the modalities."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.models.batch import lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.item_graph import (
    cosine_graphs,
    graph_of,
    weighed_hops,
)
from sea_pyg.nn.models.learned_item_graph import (
    LearnedItemGraph,
    normalize_edges,
    out_degree,
)
from sea_pyg.nn.models.mapped_features import MappedFeaturesRecommender
from sea_pyg.nn.models.normalized_propagation import NormalizedPropagation
from sea_pyg.typing import RATES, EdgeType, Embeddings, OptTensor, Triplets
from sea_pyg.utils import check_counts, check_interval, modality_present


class LATTICE(MappedFeaturesRecommender):
    r"""Learn item-item graphs from the modalities and fuse them.

    From `"Mining Latent Structures for Multimedia Recommendation"
    <https://arxiv.org/abs/2104.09036>`_. For every modality, :math:`\tilde{S}_m` holds
    the cosines of every item's :math:`k` nearest items by the given features, and
    :math:`S_m` those by the learned features :math:`X_m W_m^\top + b_m`. With
    :math:`\mathcal{N}(S) = D^{-1/2} S D^{-1/2}` and :math:`\beta` the softmax of one
    weight per modality,

    .. math::
        H = \Big( \lambda \sum_m \beta_m \, \mathcal{N}(\tilde{S}_m) +
        (1 - \lambda) \, \mathcal{N}\big( \sum_m \beta_m S_m \big) \Big)^{L'} Q, \qquad
        \hat{q}_i = \tilde{q}_i + \frac{h_i}{\| h_i \|}

    where :math:`\tilde{q}` are the item embeddings after :math:`L` hops over the
    interactions, averaged over the hops. The objective is BPR plus
    :math:`\mu / 2 B` times the squared norms of the batch's final embeddings.

    Graphs: the interactions, and ``('item', 'similar_<modality>', 'item')`` with cosine
    values of :class:`~sea_pyg.transforms.ItemKNNGraph`, which :meth:`prepare` adds. All
    are sparse: no :math:`N_i \times N_i` matrix is formed.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        feature_channels: Width of the learned features. (default: :obj:`64`)
        num_layers: Hops :math:`L` on the user-item graph. (default: :obj:`2`)
        num_item_layers: Hops :math:`L'` on the item-item graph. (default: :obj:`1`)
        k: Neighbours per item and modality. (default: :obj:`10`)
        frozen_weight: :math:`\lambda`. (default: :obj:`0.9`)
        reg_weight: :math:`\mu`. (default: :obj:`1e-4`)
        normalization: ``'random_walk'``, :math:`D^{-1}(A + I)` of the released code, or
            ``'symmetric'``, LightGCN's, of the interactions.
            (default: :obj:`"random_walk"`)
        search_every: Training steps per search of neighbours, see
            :class:`~sea_pyg.nn.models.learned_item_graph.LearnedItemGraph`.
            (default: :obj:`16`)
        finetune_features: Whether the features are trained as well.
            (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range, there is no modality, or
            ``normalization`` is unknown.

    .. note::
        The released code builds dense :math:`N_i \times N_i` graphs in the first
        training step of an epoch and for every batch of users in evaluation. In all
        other steps no gradient reaches the maps and the modality weights. Here every
        step computes the edges' values with gradient, and evaluation builds the
        graph once. In the first training step, both are the same.

    .. note::
        The released code can also propagate like NGCF, where it has a message dropout
        of 0.1, or not at all; here it is as LightGCN does, the published setting, which
        has no dropout. Its learning rate falls by the factor :math:`0.96` every 50
        epochs; ours stays, unless training has ``lr_decay=0.99918``.

    .. note::
        The softmax of a single modality's weight is 1, whatever the weight; with one
        modality it does not exist.

    .. note::
        The released code trains the feature table; ``finetune_features=True`` does so.
        It divides the squared norms by the configured batch size, also in an epoch's
        last and smaller batch; here they are divided by the batch's own.
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        feature_channels: int = 64,
        num_layers: int = 2,
        num_item_layers: int = 1,
        k: int = 10,
        frozen_weight: float = 0.9,
        reg_weight: float = 1e-4,
        normalization: str = "random_walk",
        search_every: int = 16,
        finetune_features: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim, feature_channels=feature_channels)
        check_counts(0, num_item_layers=num_item_layers)
        check_interval("[0, 1]", frozen_weight=frozen_weight)
        check_interval("[0, inf)", reg_weight=reg_weight)
        self.embedding_dim = embedding_dim
        self.num_item_layers = num_item_layers
        self.frozen_weight = frozen_weight
        self.reg_weight = reg_weight
        item_type = edge_type[2]
        self.frozen_graphs = cosine_graphs(item_type, dict.fromkeys(in_channels, k))
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.modality_weight: Parameter | None = None
        if len(in_channels) > 1:
            self.modality_weight = Parameter(torch.empty(len(in_channels)))
        self.features = ItemFeatures(
            num_items,
            in_channels,
            feature_channels,
            finetune=finetune_features,
            node_type=item_type,
        )
        self.learned_graph = LearnedItemGraph(
            num_items, list(in_channels), k, search_every
        )
        self.propagation = NormalizedPropagation(num_layers, normalization)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        if self.modality_weight is not None:
            torch.nn.init.zeros_(self.modality_weight)
        self.features.reset_parameters()
        self.learned_graph.reset_parameters()

    def encode(self, data: HeteroData, state: Any = None) -> Embeddings:
        """Propagate over the interactions, and the items over the fused graphs."""
        edge_index = self.interactions(data)
        tables = (self.user_embedding, self.item_embedding)
        user, item = self.propagation(*tables, edge_index)
        similar = self._similar(self.prepare(data), self.features_in(data, state))
        return Embeddings(user, item + l2_normalize(similar))

    def _similar(self, data: HeteroData, features: Mapping[str, Tensor]) -> Tensor:
        present = modality_present(data, features, self.edge_type[2])
        learned = self.learned_graph(features, present)
        share = self._share(list(features))
        degree = torch.stack(
            [share[m] * out_degree(g, self.num_items) for m, g in learned.items()]
        ).sum(dim=0)
        graphs: list[tuple[tuple[Tensor, OptTensor], Tensor]] = []
        for name, edges in learned.items():
            own = normalize_edges(edges, degree)
            graphs.append((own, (1 - self.frozen_weight) * share[name]))
            frozen = graph_of(data, self.frozen_graphs[name].edge_type)
            graphs.append((frozen, self.frozen_weight * share[name]))
        return weighed_hops(graphs, self.item_embedding, self.num_item_layers)

    def _share(self, names: list[str]) -> dict[str, Tensor]:
        if self.modality_weight is None:
            return {names[0]: self.item_embedding.new_ones(())}
        return dict(zip(names, self.modality_weight.softmax(dim=0), strict=True))

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        rows = lookup(self.encode(data, state), batch)
        return {
            "bpr": triplet_bpr(*rows),
            "reg": self.reg_weight * norm_penalty(*rows, power=2),
        }
