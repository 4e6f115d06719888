"""MICRO: latent item graphs with contrastive fusion."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Linear, Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.functional import l2_normalize, two_view_contrast
from sea_pyg.nn.loss.masking import incomplete
from sea_pyg.nn.models.batch import (
    lookup,
    norm_penalty,
    rows_with_modality,
    total,
    triplet_bpr,
)
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
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import (
    check_choice,
    check_counts,
    check_interval,
    modality_present,
)


class MICRO(MappedFeaturesRecommender):
    r"""Contrast every modality's view of the items with their fusion.

    From `"Latent Structure Mining with Contrastive Modality Fusion for Multimedia
    Recommendation" <https://arxiv.org/abs/2111.00678>`_. Frozen graphs
    :math:`\tilde{S}_m` and learned graphs :math:`S_m` are those of
    :class:`~sea_pyg.nn.models.LATTICE`, but every modality keeps its own view of the
    item table :math:`Q`, and attention fuses the views:

    .. math::
        H_m = \left( \lambda \mathcal{N}(\tilde{S}_m) + (1 - \lambda)
        \mathcal{N}(S_m) \right)^{L'} Q, \qquad
        h_i = \sum_m \mathrm{softmax}_m \big( v^\top \tanh(V h^{(m)}_i + c) \big) \,
        h^{(m)}_i, \qquad
        \hat{q}_i = \tilde{q}_i + \frac{h_i}{\| h_i \|}

    where :math:`\tilde{q}` are the item embeddings after :math:`L` hops over the
    interactions, averaged over the hops. The objective is BPR, the squared norms of
    the batch's final embeddings and, for every modality, the InfoNCE loss of
    :math:`h^{(m)}_i` with the positive :math:`h_i` and all other rows of both views as
    negatives, over the items that have the modality.

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
        num_item_layers: Hops :math:`L'` on the item-item graphs. (default: :obj:`1`)
        k: Neighbours per item and modality. (default: :obj:`10`)
        frozen_weight: :math:`\lambda`. (default: :obj:`0.9`)
        reg_weight: Weight of the squared norms. (default: :obj:`1e-5`)
        cl_weight: Weight of the contrast. (default: :obj:`0.03`)
        temperature: Temperature of the contrast. (default: :obj:`0.5`)
        contrast_on: Items that are contrasted in a training step: ``'all'``, or those
            that are positive in the ``'batch'``, which takes far less time.
            (default: :obj:`"all"`)
        normalization: ``'random_walk'``, :math:`D^{-1}(A + I)` of the released code, or
            ``'symmetric'``, LightGCN's, of the interactions.
            (default: :obj:`"random_walk"`)
        search_every: Training steps per search of neighbours, see
            :class:`~sea_pyg.nn.models.learned_item_graph.LearnedItemGraph`.
            (default: :obj:`16`)
        finetune_features: Whether the features are trained as well.
            (default: :obj:`False`)
        chunk_size: Rows of the contrast held at a time; the result is the same.
            (default: :obj:`512`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range, there is no modality, or
            ``normalization`` or ``contrast_on`` is unknown.

    .. note::
        In the released code the learned graph, and with it every map, receives a
        gradient in the first step of an epoch only. Here every step computes the edges'
        values with gradient.

    .. note::
        The learning rate of the released code falls by the factor :math:`0.96` every 50
        epochs. Ours stays, unless training has ``lr_decay=0.99918``.

    .. note::
        A single view is its own fusion; with one modality the attention does not exist.

    .. note::
        The released code trains the feature table; ``finetune_features=True`` does so.
        It divides the squared norms by the configured batch size, also in an epoch's
        last and smaller batch; here they are divided by the batch's own.
    """

    training_defaults: ClassVar[dict[str, Any]] = {
        "lr": 5e-4,
        "batch_size": 1024,
        "patience": 50,
    }

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
        reg_weight: float = 1e-5,
        cl_weight: float = 0.03,
        temperature: float = 0.5,
        contrast_on: str = "all",
        normalization: str = "random_walk",
        search_every: int = 16,
        finetune_features: bool = False,
        chunk_size: int = 512,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim, feature_channels=feature_channels)
        check_counts(1, chunk_size=chunk_size)
        check_counts(0, num_item_layers=num_item_layers)
        check_interval("[0, 1]", frozen_weight=frozen_weight)
        check_interval("[0, inf)", reg_weight=reg_weight, cl_weight=cl_weight)
        check_interval("(0, inf)", temperature=temperature)
        check_choice(("all", "batch"), contrast_on=contrast_on)
        self.embedding_dim = embedding_dim
        self.num_item_layers = num_item_layers
        self.frozen_weight = frozen_weight
        self.reg_weight = reg_weight
        self.cl_weight = cl_weight
        self.temperature = temperature
        self.contrast_on = contrast_on
        self.chunk_size = chunk_size
        item_type = edge_type[2]
        self.frozen_graphs = cosine_graphs(item_type, dict.fromkeys(in_channels, k))
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.attention: Linear | None = None
        self.attention_out: Linear | None = None
        if len(in_channels) > 1:
            self.attention = Linear(embedding_dim, embedding_dim)
            self.attention_out = Linear(embedding_dim, 1, bias=False)
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
        for linear in (self.attention, self.attention_out):
            if linear is not None:
                linear.reset_parameters()
        self.features.reset_parameters()
        self.learned_graph.reset_parameters()

    def encode(self, data: HeteroData) -> Embeddings:
        """Propagate over the interactions, and add the fused views of the items."""
        edge_index = self.interactions(data)
        views = self._views(data, self.modality_features(data))
        return self._fuse(edge_index, views)[0]

    def _views(self, data: HeteroData, features: Mapping[str, Tensor]) -> list[Tensor]:
        data = self.prepare(data)
        present = modality_present(data, features, self.edge_type[2])
        learned = self.learned_graph(features, present)
        views = []
        for name, edges in learned.items():
            edges = normalize_edges(edges, out_degree(edges, self.num_items))
            frozen = graph_of(data, self.frozen_graphs[name].edge_type)
            graphs = [(edges, 1 - self.frozen_weight), (frozen, self.frozen_weight)]
            x = weighed_hops(graphs, self.item_embedding, self.num_item_layers)
            views.append(x)
        return views

    def _fuse(
        self, edge_index: Tensor, views: list[Tensor]
    ) -> tuple[Embeddings, Tensor]:
        tables = (self.user_embedding, self.item_embedding)
        user, item = self.propagation(*tables, edge_index)
        fused = views[0]
        if self.attention is not None and self.attention_out is not None:
            view = torch.stack(views, dim=1)  # [num_items, num_modalities, D]
            logit = self.attention_out(torch.tanh(self.attention(view)))
            fused = (logit.softmax(dim=1) * view).sum(dim=1)  # [num_items, D]
        return Embeddings(user, item + l2_normalize(fused)), fused

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr``, ``reg`` and ``contrast``."""
        edge_index = self.interactions(data)
        views = self._views(data, self.features_in(data, state))
        embeddings, fused = self._fuse(edge_index, views)
        rows = lookup(embeddings, batch)
        item = torch.arange(self.num_items, device=fused.device)
        if self.contrast_on == "batch":
            item = batch.positive.unique()
            views, fused = [view[item] for view in views], fused[item]
        present = modality_present(data, self.modality_channels, self.edge_type[2])
        masks = incomplete(present)
        contrast = []
        for name, view in zip(self.modality_channels, views, strict=True):
            x, y = rows_with_modality(masks.get(name), item, view, fused)
            if x.size(0) > 0:
                contrast.append(
                    two_view_contrast(x, y, self.temperature, self.chunk_size)
                )
        return {
            "bpr": triplet_bpr(*rows),
            "reg": self.reg_weight * norm_penalty(*rows, power=2),
            "contrast": self.cl_weight * total(contrast, fused),
        }
