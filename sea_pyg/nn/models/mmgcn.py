"""MMGCN: one graph network per modality."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, ModuleList, Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.modality.parameter_dict import ParameterDict
from sea_pyg.nn.models.batch import batch_nodes, lookup, triplet_bpr
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.nn.models.user_item_graph import mean_of_sources, stacked_edges
from sea_pyg.typing import RATES, EdgeType, Embeddings, OptTensor, Triplets
from sea_pyg.utils import (
    check_counts,
    check_in_channels,
    check_interval,
    check_modalities,
    modality_inputs,
)


class _Layer(torch.nn.Module):
    """One aggregation, joined with the shared embedding."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.neighbours = Linear(in_channels, in_channels, bias=False)
        self.own = Linear(in_channels, out_channels)
        self.joint = Linear(in_channels + out_channels, out_channels)

    def reset_parameters(self) -> None:
        for linear in (self.neighbours, self.own, self.joint):
            linear.reset_parameters()
            torch.nn.init.xavier_normal_(linear.weight)

    def forward(
        self, x: Tensor, edges: Tensor, shared: Tensor, node: OptTensor = None
    ) -> Tensor:
        """Compute the rows of some nodes of the stacked graph; all by default."""
        around = mean_of_sources(edges, self.neighbours(x), x.size(0))
        if node is not None:
            around, x, shared = (F.embedding(node, y) for y in (around, x, shared))
        own = F.leaky_relu(self.own(x)) + shared
        joint = torch.cat([F.leaky_relu(around), own], dim=1)
        return F.leaky_relu(self.joint(joint))


class MMGCN(Recommender):
    r"""Propagate every modality with a network of its own, then average.

    From `"MMGCN: Multi-modal Graph Convolution Network for Personalized Recommendation
    of Micro-video" <https://dl.acm.org/doi/10.1145/3343031.3351034>`_. For a modality
    with user preferences and item features stacked to :math:`X^{(0)}`, rows of unit
    length, and a table :math:`E` that all modalities share,

    .. math::
        X^{(l+1)} = \phi\Big( \big[ \phi(D^{-1} A X^{(l)} W_1^{(l)}) \,\Vert\,
        \phi(X^{(l)} W_2^{(l)}) + E \big] W_3^{(l)} \Big), \qquad
        \hat{E} = \frac{1}{M} \sum_m X_m^{(L)}

    with :math:`\phi` the leaky ReLU and :math:`D^{-1} A` the mean over neighbours. The
    objective is BPR and the mean square of the tables.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        latent_dim: Width that features are mapped to first, one for all or by name;
            :obj:`None` leaves them as they are. (default: :obj:`256` for wider ones)
        num_layers: Number of layers :math:`L`. (default: :obj:`3`)
        reg_weight: Weight of the mean squares. (default: :obj:`1e-5`)
        penalized_tables: Modalities whose preferences are penalised.
            (default: all)
        frozen_tables: Whether the shared table and the preferences stay as they were
            drawn. (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range, there is no modality, or
            ``latent_dim`` or ``penalized_tables`` names an unknown one.

    .. note::
        The released code of the MMRec toolbox forgets to register the shared table and
        the preferences, so that they are never trained (``frozen_tables=True``). Only
        image features are mapped there (``latent_dim={"image": 256, "text": None}``)
        and only image preferences penalised (``penalized_tables=["image"]``). It ranks
        with the embeddings of the last training batch, which are encoded anew here,
        and it has three layers whatever is configured.
    """

    multimodal: ClassVar[bool] = True
    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        latent_dim: int | Mapping[str, int | None] | None = 256,
        num_layers: int = 3,
        reg_weight: float = 1e-5,
        penalized_tables: Sequence[str] | None = None,
        frozen_tables: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_in_channels(in_channels)
        check_counts(1, embedding_dim=embedding_dim, num_layers=num_layers)
        check_interval("[0, inf)", reg_weight=reg_weight)
        penalized = list(in_channels if penalized_tables is None else penalized_tables)
        check_modalities(in_channels, penalized_tables=penalized)
        if isinstance(latent_dim, Mapping):
            check_modalities(in_channels, latent_dim=latent_dim)
        self.in_channels = dict(in_channels)
        self.embedding_dim = embedding_dim
        self.reg_weight = reg_weight
        self.penalized_tables = penalized
        self.embedding = Parameter(
            torch.empty(num_users + num_items, embedding_dim), not frozen_tables
        )
        self.preference = ParameterDict()
        self.linear, self.layers = ModuleDict(), ModuleDict()
        for name, channels in in_channels.items():
            width = channels
            if isinstance(latent_dim, Mapping):
                mapped = latent_dim.get(name)
            else:
                wider = latent_dim is not None and latent_dim < channels
                mapped = latent_dim if wider else None
            if mapped is not None:
                check_counts(1, latent_dim=mapped)
                self.linear[name] = Linear(channels, mapped)
                width = mapped
            table = torch.empty(num_users, width)
            self.preference[name] = Parameter(table, not frozen_tables)
            widths = [width] + [embedding_dim] * (num_layers - 1)
            self.layers[name] = ModuleList(_Layer(w, embedding_dim) for w in widths)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for table in (self.embedding, *self.preference.values()):
            torch.nn.init.xavier_normal_(table)
        for module in self.modules():
            if isinstance(module, _Layer):
                module.reset_parameters()
        for linear in self.linear.values():
            assert isinstance(linear, Linear)
            linear.reset_parameters()

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return dict.fromkeys(self.in_channels, self.embedding_dim)

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return what the first layer's map :math:`W_2` makes of every modality."""
        out = {}
        for name, x in self._inputs(data).items():
            layers = self.layers[name]
            assert isinstance(layers, ModuleList)
            first = layers[0]
            assert isinstance(first, _Layer)
            out[name] = first.own(l2_normalize(x))
        return out

    def _inputs(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the features of every modality, mapped where they are."""
        dtype = self.embedding.dtype
        inputs = modality_inputs(data, self.in_channels, self.edge_type[2], dtype)
        return {
            name: self.linear[name](x) if name in self.linear else x
            for name, x in inputs.items()
        }

    def encode(self, data: HeteroData) -> Embeddings:
        """Propagate every modality and average."""
        out = self._encode(data)
        return Embeddings(out[: self.num_users], out[self.num_users :])

    def _encode(self, data: HeteroData, node: OptTensor = None) -> Tensor:
        """Encode some nodes of the stacked graph; all by default."""
        edges = stacked_edges(self.interactions(data), self.num_users)
        modality = []
        for name, features in self._inputs(data).items():
            x = l2_normalize(torch.cat([self.preference[name], features]))
            layers = self.layers[name]
            assert isinstance(layers, ModuleList)
            for number, layer in enumerate(layers, start=1):
                rows = node if number == len(layers) else None
                x = layer(x, edges, self.embedding, rows)
            modality.append(x)
        return torch.stack(modality).mean(dim=0)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        # The last layer is that of the batch's nodes alone.
        node, triplets = batch_nodes(batch, self.num_users)
        out = self._encode(data, node)
        rows = lookup(Embeddings(out, out), triplets)
        table = Embeddings(*self.embedding.split([self.num_users, self.num_items]))
        user, positive, negative = lookup(table, batch)
        squares = [x.square().mean() for x in (positive, negative)]
        penalty = user.square().mean() + torch.stack(squares).mean()
        for name in self.penalized_tables:
            penalty = penalty + self.preference[name].square().mean()
        return {
            "bpr": triplet_bpr(*rows),
            "reg": self.reg_weight * penalty,
        }
