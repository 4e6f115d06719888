"""MGCN: purified modalities, seen from several graphs."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Linear, Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.item_graph import (
    cosine_graphs,
    graph_of,
    hops,
)
from sea_pyg.nn.models.two_views import TwoViewsRecommender, Views
from sea_pyg.nn.models.user_item_graph import to_users
from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import check_counts, check_interval


class MGCN(TwoViewsRecommender):
    r"""Purify the modalities by behaviour, then fuse what they share and do not.

    From `"Multi-View Graph Convolutional Network for Multimedia Recommendation"
    <https://arxiv.org/abs/2308.03588>`_. With tables :math:`P, Q`, mapped features
    :math:`h^{(m)}`, frozen item graphs :math:`S_m`, the symmetrically normalised
    interactions :math:`R`, and gates :math:`g(x) = \sigma(W x + b)`,

    .. math::
        \bar{H}_m &= S_m^{L'} \big( Q \odot g_m(H_m) \big), \qquad
        E_m = \begin{bmatrix} R \bar{H}_m \\ \bar{H}_m \end{bmatrix}, \qquad
        C = \frac{1}{L + 1} \sum_{l=0}^{L} A^l \begin{bmatrix} P \\ Q \end{bmatrix} \\
        E_* &= \sum_m \mathrm{softmax}_m \big( v^\top \tanh(V E_m + c) \big) E_m \\
        Z &= \frac{1}{M + 1} \Big( E_* + \sum_m g'_m(C) \odot (E_m - E_*) \Big), \qquad
        \hat{E} = C + Z

    The objective is BPR, the squared norms of the batch's final embeddings, and
    InfoNCE between :math:`Z` and :math:`C` for the users and the positive items of the
    batch.

    Graphs: the interactions, and ``('item', 'similar_<modality>', 'item')`` with cosine
    values of :class:`~sea_pyg.transforms.ItemKNNGraph`, which :meth:`prepare` adds.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Hops :math:`L` on the user-item graph. (default: :obj:`2`)
        num_item_layers: Hops :math:`L'` on the item-item graphs. (default: :obj:`1`)
        k: Neighbours per item and modality. (default: :obj:`10`)
        reg_weight: Weight of the squared norms. (default: :obj:`1e-4`)
        cl_weight: Weight of the contrast. (default: :obj:`0.01`)
        temperature: Temperature of the contrast. (default: :obj:`0.2`)
        finetune_features: Whether the features are trained as well.
            (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range or there is no modality.

    .. note::
        The learning rate of the released code falls by the factor :math:`0.96` every 50
        epochs. Ours stays, unless training has ``lr_decay=0.99918``.

    .. note::
        With a single modality nothing is specific to it, and the attention and the
        gates :math:`g'` would never receive a gradient; they do not exist then.

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
        num_layers: int = 2,
        num_item_layers: int = 1,
        k: int = 10,
        reg_weight: float = 1e-4,
        cl_weight: float = 0.01,
        temperature: float = 0.2,
        finetune_features: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim)
        check_counts(0, num_item_layers=num_item_layers)
        check_interval("[0, inf)", reg_weight=reg_weight, cl_weight=cl_weight)
        check_interval("(0, inf)", temperature=temperature)
        self.embedding_dim = embedding_dim
        self.num_item_layers = num_item_layers
        self.reg_weight = reg_weight
        self.cl_weight = cl_weight
        self.temperature = temperature
        item_type = edge_type[2]
        self.frozen_graphs = cosine_graphs(item_type, dict.fromkeys(in_channels, k))
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.features = ItemFeatures(
            num_items,
            in_channels,
            embedding_dim,
            finetune=finetune_features,
            node_type=item_type,
        )
        channels = (embedding_dim, embedding_dim)
        fused = list(in_channels) if len(in_channels) > 1 else []
        self.purifier = ModuleDict({name: Linear(*channels) for name in in_channels})
        self.preference = ModuleDict({name: Linear(*channels) for name in fused})
        self.attention: Linear | None = None
        self.attention_out: Linear | None = None
        if fused:
            self.attention = Linear(*channels)
            self.attention_out = Linear(embedding_dim, 1, bias=False)
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        self.features.reset_parameters()
        gates = [*self.purifier.values(), *self.preference.values()]
        for linear in (*gates, self.attention, self.attention_out):
            if linear is not None:
                assert isinstance(linear, Linear)
                linear.reset_parameters()

    def views(self, data: HeteroData, features: Mapping[str, Tensor]) -> Views:
        """Propagate the tables, and what every modality keeps of the items'."""
        edge_index = self.interactions(data)
        data = self.prepare(data)
        tables = (self.user_embedding, self.item_embedding)
        content = torch.cat(self.propagation(*tables, edge_index))
        modality = {}
        for name, x in features.items():
            x = self.item_embedding * self.purifier[name](x).sigmoid()
            graph = graph_of(data, self.frozen_graphs[name].edge_type)
            x = hops(*graph, x, self.num_item_layers)
            modality[name] = torch.cat([to_users(edge_index, x, self.num_users), x])
        return Views(content, modality)

    def fuse(self, content: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """Add to what the modalities share what is preferred of each one's own."""
        stacked = torch.stack(list(features.values()), dim=1)  # [N, num_modalities, D]
        if self.attention is None or self.attention_out is None:
            return stacked.sum(dim=1) / 2
        logit = self.attention_out(torch.tanh(self.attention(stacked)))
        shared = (logit.softmax(dim=1) * stacked).sum(dim=1)
        parts = [shared]
        for name, x in features.items():
            parts.append(self.preference[name](content).sigmoid() * (x - shared))
        return torch.stack(parts).mean(dim=0)
