"""LGMRec: local graphs and global hypergraphs."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.functional import l2_normalize, log_partition
from sea_pyg.nn.modality.parameter_dict import ParameterDict
from sea_pyg.nn.models.batch import distinct, lookup, norm_penalty, triplet_bpr
from sea_pyg.nn.models.multimodal import MultimodalRecommender
from sea_pyg.nn.models.user_item_graph import mean_of_sources, reverse_edges
from sea_pyg.typing import RATES, EdgeType, Embeddings, OptTensor, Triplets
from sea_pyg.utils import (
    check_counts,
    check_in_channels,
    check_interval,
    modality_inputs,
    modality_masks,
    spmm,
)


class _Hyper(NamedTuple):
    """What hyperedges tell the users, or the items."""

    share: Tensor
    """Which they belong to, :math:`[N, H]` for :math:`H` hyperedges."""
    edge: Tensor
    """What these hold, :math:`[H, D]`."""
    x: Tensor
    """Their product, :math:`[N, D]`."""


class _Views(NamedTuple):
    embeddings: Embeddings
    hyper: dict[str, tuple[_Hyper, _Hyper]]
    """What the hyperedges of every modality tell users and items."""


class LGMRec(MultimodalRecommender):
    r"""Add what nodes share with all others through a few hyperedges.

    From `"LGMRec: Local and Global Graph Learning for Multimodal Recommendation"
    <https://arxiv.org/abs/2312.16400>`_. With tables :math:`P, Q`, LightGCN's mean of
    layers :math:`C = [C_U, C_I]`, mapped features :math:`H_m = X_m W_m`, their mean
    over a user's items :math:`\bar{H}_m`, and assignments to hyperedges :math:`B_m`,

    .. math::
        L_m &= A^{L'} \begin{bmatrix} \bar{H}_m \\ H_m \end{bmatrix}, \qquad
        B_m^I = \mathrm{softmax}\big( X_m V_m / \tau \big), \qquad
        B_m^U = \mathrm{softmax}\big( R X_m V_m / \tau \big) \\
        G_m &= \begin{bmatrix} B_m^U \\ B_m^I \end{bmatrix} B_m^{I\top} C_I \\
        E &= C + \sum_m \mathrm{norm}(L_m)
        + \alpha \, \mathrm{norm}\Big( \sum_m G_m \Big)

    with :math:`R` the interactions. In training the softmax draws Gumbel noise and its
    result is dropped out. The objective is BPR, the norms of the batch's final
    embeddings, and InfoNCE between the :math:`G_m` of every two modalities, the earlier
    one's rows of the batch as queries and all of the later one's as keys. An item that
    lacks one of them by its mask is neither.

    Graphs: the interactions.

    Args:
        num_users: Number of users :math:`N_u`.
        num_items: Number of items :math:`N_i`.
        in_channels: Width of every modality.
        embedding_dim: Width of the embeddings :math:`D`. (default: :obj:`64`)
        num_layers: Hops of the tables on the interactions. (default: :obj:`2`)
        num_modality_layers: Hops :math:`L'` of the features. (default: :obj:`2`)
        num_hyperedges: Hyperedges per modality. (default: :obj:`4`)
        num_hyper_layers: Passes over the hyperedges. (default: :obj:`1`)
        alpha: Weight :math:`\alpha` of the hyperedges. (default: :obj:`0.3`)
        dropout: Share of the assignments that a training step drops.
            (default: :obj:`0.5`)
        temperature: :math:`\tau`, also of the contrast. (default: :obj:`0.2`)
        cl_weight: Weight of the contrast. (default: :obj:`1e-4`)
        reg_weight: Weight of the norms. (default: :obj:`1e-6`)
        noise: Whether training steps draw Gumbel noise. (default: :obj:`True`)
        noise_at_inference: Whether ranking draws it as well. (default: :obj:`False`)
        edge_type: The user-item edge type that the model reads.

    Shapes:
        :meth:`encode` returns :math:`[N_u, D]` and :math:`[N_i, D]`.

    Raises:
        ValueError: If a number is out of range or there is no modality.

    .. note::
        The released code draws Gumbel noise when it ranks, too, so that no two
        evaluations agree; ``noise_at_inference=True`` does so.

    .. note::
        The contrast is a sum over the batch, as in the released code, and BPR a mean:
        with other batches than its 2048 rows, ``cl_weight`` is another weight.
    """

    training_defaults: ClassVar[dict[str, Any]] = {"lr": 1e-3, "patience": 50}

    def __init__(
        self,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        embedding_dim: int = 64,
        num_layers: int = 2,
        num_modality_layers: int = 2,
        num_hyperedges: int = 4,
        num_hyper_layers: int = 1,
        alpha: float = 0.3,
        dropout: float = 0.5,
        temperature: float = 0.2,
        cl_weight: float = 1e-4,
        reg_weight: float = 1e-6,
        noise: bool = True,
        noise_at_inference: bool = False,
        edge_type: EdgeType = RATES,
    ) -> None:
        super().__init__(num_users, num_items, edge_type)
        check_in_channels(in_channels)
        check_counts(1, embedding_dim=embedding_dim, num_hyperedges=num_hyperedges)
        check_counts(1, num_hyper_layers=num_hyper_layers)
        check_counts(0, num_modality_layers=num_modality_layers)
        check_interval(
            "[0, inf)", alpha=alpha, reg_weight=reg_weight, cl_weight=cl_weight
        )
        check_interval("[0, 1)", dropout=dropout)
        check_interval("(0, inf)", temperature=temperature)
        self.in_channels = dict(in_channels)
        self.embedding_dim = embedding_dim
        self.num_hyper_layers = num_hyper_layers
        self.alpha = alpha
        self.temperature = temperature
        self.cl_weight = cl_weight
        self.reg_weight = reg_weight
        self.noise = noise
        self.noise_at_inference = noise_at_inference
        self.user_embedding = Parameter(torch.empty(num_users, embedding_dim))
        self.item_embedding = Parameter(torch.empty(num_items, embedding_dim))
        self.map = ParameterDict(
            {
                n: Parameter(torch.empty(d, embedding_dim))
                for n, d in in_channels.items()
            }
        )
        self.hyperedge = ParameterDict(
            {
                n: Parameter(torch.empty(d, num_hyperedges))
                for n, d in in_channels.items()
            }
        )
        self.propagation = BipartitePropagation(num_layers, readout="mean")
        self.modality_propagation = BipartitePropagation(num_modality_layers, "last")
        self.dropout = torch.nn.Dropout(dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for parameter in self.parameters():
            torch.nn.init.xavier_uniform_(parameter)

    @property
    def modality_channels(self) -> dict[str, int]:
        """Width of each of :meth:`modality_features`."""
        return dict.fromkeys(self.in_channels, self.embedding_dim)

    def modality_features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        return {name: x @ self.map[name] for name, x in self._inputs(data).items()}

    def _inputs(self, data: HeteroData) -> dict[str, Tensor]:
        dtype = self.user_embedding.dtype
        return modality_inputs(data, self.in_channels, self.edge_type[2], dtype)

    def encode(self, data: HeteroData) -> Embeddings:
        """Add what graph and hypergraphs tell."""
        return self._views(data, self.modality_features(data)).embeddings

    def _views(self, data: HeteroData, features: Mapping[str, Tensor]) -> _Views:
        edge_index = self.interactions(data)
        tables = (self.user_embedding, self.item_embedding)
        content = self.propagation(*tables, edge_index)
        local = torch.cat(content)
        to_users = reverse_edges(edge_index)
        for mapped in features.values():
            user = mean_of_sources(to_users, mapped, self.num_users)
            propagated = self.modality_propagation(user, mapped, edge_index)
            local = local + l2_normalize(torch.cat(propagated))
        hyper = {
            name: self._through_hyperedges(data, x @ self.hyperedge[name], content.item)
            for name, x in self._inputs(data).items()
        }
        joint = torch.stack(
            [torch.cat([user.x, item.x]) for user, item in hyper.values()]
        ).sum(dim=0)
        out = local + self.alpha * l2_normalize(joint)
        parted = Embeddings(out[: self.num_users], out[self.num_users :])
        return _Views(parted, hyper)

    def _through_hyperedges(
        self, data: HeteroData, logit: Tensor, item: Tensor
    ) -> tuple[_Hyper, _Hyper]:
        # A user's logits are the sum over its items'.
        edges = reverse_edges(self.interactions(data))
        user_logit = spmm(edges, None, logit, (self.num_items, self.num_users))
        item_share = self.dropout(self._assign(logit))
        user_share = self.dropout(self._assign(user_logit))
        for _ in range(self.num_hyper_layers):
            edge = item_share.t() @ item  # [num_hyperedges, embedding_dim]
            item = item_share @ edge
        user = user_share @ edge
        return _Hyper(user_share, edge, user), _Hyper(item_share, edge, item)

    def _assign(self, logit: Tensor) -> Tensor:
        if self.noise if self.training else self.noise_at_inference:
            return F.gumbel_softmax(logit, self.temperature, dim=1)
        return (logit / self.temperature).softmax(dim=1)

    def loss(
        self, data: HeteroData, batch: Triplets, state: Any = None
    ) -> dict[str, Tensor]:
        """Return ``bpr``, ``reg`` and, of several modalities, ``contrast``."""
        embeddings, hyper = self._views(data, self.features_in(data, state))
        rows = lookup(embeddings, batch)
        parts = {
            "bpr": triplet_bpr(*rows),
            "reg": self.reg_weight * norm_penalty(*rows),
        }
        masks = modality_masks(data, hyper, self.edge_type[2])
        names = list(hyper)
        contrast = []
        for i, name in enumerate(names):
            for other in names[i + 1 :]:
                (user, item), (user_key, item_key) = hyper[name], hyper[other]
                present = _both(masks.get(name), masks.get(other))
                contrast += [
                    self._contrast(batch.user, user, user_key),
                    self._contrast(batch.positive, item, item_key, present),
                ]
        if contrast:
            parts["contrast"] = self.cl_weight * torch.stack(contrast).sum()
        return parts

    def _contrast(
        self, index: Tensor, query: _Hyper, key: _Hyper, present: OptTensor = None
    ) -> Tensor:
        """Sum InfoNCE over some rows, with all rows as candidates, or those present."""
        node, _, counts = distinct(index)
        if present is not None:
            counts = counts * present[node]
            present = present | ~present.any()  # of no candidate there is no logarithm
        # Of rank H: the cosines of all pairs are products of H channels, not of D.
        mixed = F.embedding(node, query.share) @ (query.edge @ key.edge.t())
        row = mixed / _length(F.embedding(node, query.x))
        column = key.share / _length(key.x)
        cosine = (row * F.embedding(node, column)).sum(dim=1)
        # With so few channels, what counts is that a chunk stays in the cache.
        mass = log_partition(
            row,
            column,
            self.temperature,
            chunk_size=32,
            unit=True,
            weight=counts,
            key_weight=present,
        )
        return mass - (counts * cosine).sum() / self.temperature


def _both(first: OptTensor, second: OptTensor) -> OptTensor:
    """Return the nodes that two masks have, of which one or both may be missing."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


def _length(x: Tensor) -> Tensor:
    """Return what makes the rows unit vectors, as their divisor."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    norm: Tensor = x.norm(dim=1, keepdim=True)
    return norm.masked_fill(norm <= 1e-12, 1)  # dropped rows are zero
