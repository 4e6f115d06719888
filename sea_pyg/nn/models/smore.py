"""SMORE: modalities denoised and fused in the frequency domain."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Linear, Parameter, Sequential, Tanh
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.modality.parameter_dict import ParameterDict
from sea_pyg.nn.models.item_features import ItemFeatures
from sea_pyg.nn.models.item_graph import (
    cosine_graphs,
    graph_of,
    hops,
    largest_of,
)
from sea_pyg.nn.models.two_views import TwoViewsRecommender, Views
from sea_pyg.nn.models.user_item_graph import to_users
from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import check_counts, check_interval, check_modalities

FUSED = "fused"
"""Name of the view that fuses all modalities."""


class SMORE(TwoViewsRecommender):
    r"""Filter the modalities by frequency, and fuse them by the product of spectra.

    From `"Spectrum-based Modality Representation Fusion Graph Convolutional Network for
    Multimodal Recommendation" <https://arxiv.org/abs/2412.14978>`_. With tables
    :math:`P, Q`, mapped features :math:`H_m`, the Fourier transform
    :math:`\mathcal{F}` over their columns, complex filters :math:`c`, frozen item
    graphs :math:`S_m`, the symmetrically normalised interactions :math:`R`, and gates
    :math:`g(x) = \sigma(W x + b)`,

    .. math::
        \tilde{H}_m &= \mathcal{F}^{-1}\big(c_m \odot \mathcal{F}(H_m)\big), \qquad
        \tilde{H}_* = \mathcal{F}^{-1}\Big(c_* \odot \prod_m \mathcal{F}(H_m)\Big) \\
        \bar{H}_v &= S_v^{L'} \big( Q \odot g_v(\tilde{H}_v) \big), \qquad
        E_v = \begin{bmatrix} R \bar{H}_v \\ \bar{H}_v \end{bmatrix}, \qquad
        C = \frac{1}{L + 1} \sum_{l=0}^{L} A^l \begin{bmatrix} P \\ Q \end{bmatrix} \\
        Z &= \frac{1}{M + 1} \Big( g'_*(C) \odot E_* + \sum_m g'_m(C) \odot
        \mathrm{softmax}\big( V_m \tanh(U_m E_* + b_m) \big) \odot E_m \Big), \qquad
        \hat{E} = C + Z

    for the views :math:`v` of every modality and of their fusion :math:`*`, whose graph
    :math:`S_*` has the larger value of every edge. The objective is BPR, the squared
    norms of the batch's final embeddings, and InfoNCE between :math:`Z` and :math:`C`
    for the users and the positive items of the batch.

    Graphs: the interactions, and ``('item', 'similar_<modality>', 'item')`` with cosine
    values of :class:`~sea_pyg.transforms.ItemKNNGraph`, which :meth:`prepare` adds.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Hops :math:`L` on the user-item graph. (default: :obj:`3`)
        num_item_layers: Hops :math:`L'` on the item-item graphs. (default: :obj:`1`)
        k: Neighbours per item, one for all modalities or by name. (default: :obj:`10`)
        reg_weight: Weight of the squared norms. (default: :obj:`1e-5`)
        cl_weight: Weight of the contrast. (default: :obj:`0.01`)
        temperature: Temperature of the contrast. (default: :obj:`0.2`)
        dropout: Share of the entries of :math:`g'` that a training step drops.
            (default: :obj:`0.1`)
        finetune_features: Whether the features are trained as well.
            (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range, there is no modality, one is called
            ``'fused'``, the name of the view of all, or ``k`` does not name each.

    .. note::
        The learning rate of the released code falls by the factor :math:`0.96` every 50
        epochs. Ours stays, unless training has ``lr_decay=0.99918``.

    .. note::
        The released code takes two modalities, image and text. It trains the feature
        table; ``finetune_features=True`` does so. It divides the squared norms by the
        configured batch size, also in an epoch's last and smaller batch; here they are
        divided by the batch's own.
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        num_layers: int = 3,
        num_item_layers: int = 1,
        k: int | Mapping[str, int] = 10,
        reg_weight: float = 1e-5,
        cl_weight: float = 0.01,
        temperature: float = 0.2,
        dropout: float = 0.1,
        finetune_features: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_counts(1, embedding_dim=embedding_dim)
        check_counts(0, num_item_layers=num_item_layers)
        check_interval("[0, inf)", reg_weight=reg_weight, cl_weight=cl_weight)
        check_interval("(0, inf)", temperature=temperature)
        check_interval("[0, 1)", dropout=dropout)
        if FUSED in in_channels:
            raise ValueError(f"a modality must not be called {FUSED!r}; rename it")
        self.embedding_dim = embedding_dim
        self.num_item_layers = num_item_layers
        self.reg_weight = reg_weight
        self.cl_weight = cl_weight
        self.temperature = temperature
        item_type = edge_type[2]
        neighbours = k if isinstance(k, Mapping) else dict.fromkeys(in_channels, k)
        check_modalities(in_channels, every=True, k=neighbours)
        self.frozen_graphs = cosine_graphs(
            item_type, {name: neighbours[name] for name in in_channels}
        )
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.features = ItemFeatures(
            num_items,
            in_channels,
            embedding_dim,
            finetune=finetune_features,
            node_type=item_type,
        )
        views = [*in_channels, FUSED]
        channels = (embedding_dim, embedding_dim)
        frequencies = embedding_dim // 2 + 1
        # Real and imaginary part of every frequency's factor.
        self.filter = ParameterDict(
            {name: Parameter(torch.empty(1, frequencies, 2)) for name in views}
        )
        self.purifier = ModuleDict({name: Linear(*channels) for name in views})
        self.preference = ModuleDict({name: Linear(*channels) for name in views})
        self.attention = ModuleDict(
            {
                name: Sequential(Linear(*channels), Tanh(), Linear(*channels, False))
                for name in in_channels
            }
        )
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        self.dropout = torch.nn.Dropout(dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        torch.nn.init.xavier_uniform_(self.user_embedding)
        torch.nn.init.xavier_uniform_(self.item_embedding)
        self.features.reset_parameters()
        for weight in self.filter.values():
            torch.nn.init.normal_(weight)
        for modules in (self.purifier, self.preference, self.attention):
            for module in modules.modules():
                if isinstance(module, Linear):
                    module.reset_parameters()

    def _filtered(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Filter every modality, and the product of them all."""
        spectra = {
            name: torch.fft.rfft(_transformable(x), norm="ortho")
            for name, x in features.items()
        }
        product = torch.ones_like(next(iter(spectra.values())))
        for spectrum in spectra.values():
            product = product * spectrum
        out = {}
        for name, spectrum in (*spectra.items(), (FUSED, product)):
            weight = self.filter[name]
            spectrum = spectrum * torch.view_as_complex(_transformable(weight))
            filtered = torch.fft.irfft(spectrum, n=self.embedding_dim, norm="ortho")
            out[name] = filtered.to(weight.dtype)
        return out

    def views(self, data: HeteroData, features: Mapping[str, Tensor]) -> Views:
        """Propagate the tables, and what every filter keeps of the items'."""
        edge_index = self.interactions(data)
        data = self.prepare(data)
        tables = (self.user_embedding, self.item_embedding)
        content = torch.cat(self.propagation(*tables, edge_index))
        graphs = {
            name: graph_of(data, graph.edge_type)
            for name, graph in self.frozen_graphs.items()
        }
        graphs[FUSED] = largest_of(list(graphs.values()), self.num_items)
        view = {}
        for name, x in self._filtered(features).items():
            x = self.item_embedding * self.purifier[name](x).sigmoid()
            x = hops(*graphs[name], x, self.num_item_layers)
            view[name] = torch.cat([to_users(edge_index, x, self.num_users), x])
        return Views(content, view)

    def fuse(self, content: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """Average what is preferred of every view."""
        parts = []
        for name, x in features.items():
            if name != FUSED:
                x = self.attention[name](features[FUSED]).softmax(dim=-1) * x
            prefer = self.dropout(self.preference[name](content).sigmoid())
            parts.append(prefer * x)
        return torch.stack(parts).mean(dim=0)


def _transformable(x: Tensor) -> Tensor:
    """Return what the Fourier transform takes, which half precision is not."""
    return x.float() if x.element_size() < 4 else x
