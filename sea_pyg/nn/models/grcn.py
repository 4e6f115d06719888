"""GRCN: interactions weighed down where content contradicts them."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, Parameter
from torch_geometric.data import HeteroData
from torch_geometric.utils import softmax

from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.modality.parameter_dict import ParameterDict
from sea_pyg.nn.models.batch import lookup, triplet_bpr
from sea_pyg.nn.models.multimodal import MultimodalRecommender
from sea_pyg.nn.models.user_item_graph import reverse_edges, stacked_edges, sum_of_hops
from sea_pyg.typing import RATES, EdgeType, Embeddings, Triplets
from sea_pyg.utils import (
    check_counts,
    check_in_channels,
    check_interval,
    check_modalities,
    edge_dot,
    modality_inputs,
    spmm,
)


class GRCN(MultimodalRecommender):
    r"""Refine the interaction graph by the content of the items.

    From `"Graph-Refined Convolutional Network for Multimedia Recommendation with
    Implicit Feedback" <https://arxiv.org/abs/2111.02036>`_. For every modality, item
    features :math:`f_i` and user preferences :math:`p_u` of unit length attend to each
    other along the interactions,

    .. math::
        p_u &\leftarrow \mathrm{norm}\Big( p_u + \sum_{i \in \mathcal{N}_u}
        \alpha_{ui} f_i \Big) \quad \text{(} T \text{ times)}, \qquad
        \alpha_{st} = \mathrm{softmax}_{s \in \mathcal{N}_t} \big( x_s^\top x_t \big)
        \\
        c_t &= x_t + \sum_{s \in \mathcal{N}_t} \alpha_{st} x_s, \qquad x = p, f

    and an edge weighs what the modality says that is most confident of it,
    :math:`w_{st} = \mathrm{ReLU}\big(\max_m \beta_{sm} \alpha_{st}^{(m)}\big)`.
    Embeddings :math:`E` of unit length are propagated on the weighed graph
    :math:`W`, and what is scored is :math:`\big[ \sum_{l=0}^{L} W^l E \,\Vert\,
    c^{(1)} \,\Vert\, c^{(2)} \dots \big]`. The objective is BPR and the mean square of
    the tables in the batch.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`E`. (default: :obj:`64`)
        latent_dim: Width of preferences and mapped features. (default: :obj:`64`)
        num_layers: Hops :math:`L` on the weighed graph. (default: :obj:`2`)
        num_routing: Iterations :math:`T` of the preferences. (default: :obj:`3`)
        reg_weight: Weight of the mean squares. (default: :obj:`1e-3`)
        penalized_tables: Modalities whose table of preferences is penalised as a
            whole as well.
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, C]` and :math:`[N_i, C]` with :math:`C` the
        embeddings' width and one latent width per modality.

    Raises:
        ValueError: If a number is out of range, there is no modality, or
            ``penalized_tables`` names an unknown one.

    .. note::
        In the released code of the MMRec toolbox the iterations aggregate into the
        items and read the users' rows, which are zero: they change nothing
        (``num_routing=0``). It penalises the image preferences twice
        (``penalized_tables=["image"]``), and ranks with the embeddings of the last
        training batch, which are encoded anew here.
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        latent_dim: int = 64,
        num_layers: int = 2,
        num_routing: int = 3,
        reg_weight: float = 1e-3,
        penalized_tables: Sequence[str] = (),
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_in_channels(in_channels)
        check_modalities(in_channels, penalized_tables=penalized_tables)
        check_counts(1, embedding_dim=embedding_dim, latent_dim=latent_dim)
        check_counts(0, num_layers=num_layers, num_routing=num_routing)
        check_interval("[0, inf)", reg_weight=reg_weight)
        self.in_channels = dict(in_channels)
        self.latent_dim = latent_dim
        self.num_layers = num_layers
        self.num_routing = num_routing
        self.reg_weight = reg_weight
        self.penalized_tables = list(penalized_tables)
        num_nodes = num_users + num_items
        self.embedding = Parameter(torch.empty(num_nodes, embedding_dim))
        self.preference = ParameterDict(
            {
                name: Parameter(torch.empty(num_users, latent_dim))
                for name in in_channels
            }
        )
        self.linear = ModuleDict(
            {name: Linear(width, latent_dim) for name, width in in_channels.items()}
        )
        self.confidence = Parameter(torch.empty(num_nodes, len(in_channels)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for table in (self.embedding, self.confidence, *self.preference.values()):
            torch.nn.init.xavier_normal_(table)
        for linear in self.linear.values():
            assert isinstance(linear, Linear)
            linear.reset_parameters()
            torch.nn.init.xavier_normal_(linear.weight)

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return dict.fromkeys(self.in_channels, self.latent_dim)

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        dtype = next(self.linear.parameters()).dtype
        inputs = modality_inputs(data, self.in_channels, self.edge_type[2], dtype)
        return {name: F.leaky_relu(self.linear[name](x)) for name, x in inputs.items()}

    def encode(self, data: HeteroData, state: Any = None) -> Embeddings:
        """Weigh the interactions, propagate on them, and append the content."""
        edge_index = self.interactions(data)
        edges = stacked_edges(edge_index, self.num_users)
        to_users = reverse_edges(edge_index)
        content, weights = [], []
        for name, mapped in self.features_in(data, state).items():
            item = l2_normalize(mapped)
            user = l2_normalize(self.preference[name])
            for _ in range(self.num_routing):
                routed, _ = _attend(item, user, to_users)
                user = l2_normalize(user + routed)
            x = torch.cat([user, item])
            attended, alpha = _attend(x, x, edges)
            content.append(x + attended)
            weights.append(alpha)
        confident = torch.stack(weights, dim=1) * F.embedding(edges[0], self.confidence)
        weight = confident.amax(dim=1).relu()

        x = sum_of_hops(edges, weight, l2_normalize(self.embedding), self.num_layers)
        out = torch.cat([x, *content], dim=1)
        return Embeddings(out[: self.num_users], out[self.num_users :])

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr`` and ``reg``."""
        table = Embeddings(*self.embedding.split([self.num_users, self.num_items]))
        user, positive, negative = lookup(table, batch)
        squares = [x.square().mean() for x in (positive, negative)]
        penalty = user.square().mean() + torch.stack(squares).mean()
        for name in self.in_channels:
            preference = self.preference[name]
            penalty = penalty + F.embedding(batch.user, preference).square().mean()
            if name in self.penalized_tables:
                penalty = penalty + preference.square().mean()
        return {
            "bpr": triplet_bpr(*lookup(self.encode(data, state), batch)),
            "reg": self.reg_weight * penalty,
        }


def _attend(x: Tensor, y: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """Let every row of ``y`` attend to its sources in ``x``.

    Returns:
        The weighed sums of sources, and the weights.
    """
    alpha = softmax(edge_dot(edges, x, y), edges[1], num_nodes=y.size(0))
    return spmm(edges, alpha, x, (x.size(0), y.size(0))), alpha
