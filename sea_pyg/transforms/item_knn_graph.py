"""The frozen item-item graph of nearest neighbours in every modality."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from sea_pyg.typing import SIMILAR, EdgeType
from sea_pyg.utils import (
    check_choice,
    check_counts,
    check_mixture,
    chunked_topk,
    feature_digests,
    graph_note,
    modality_input,
    modality_names,
    modality_present,
)


class ItemKNNGraph(BaseTransform):
    r"""Link every item to its nearest items by cosine similarity.

    The frozen item-item graph of `"Learning Cross-modality Separated and Aligned
    Representations for Multimodal Recommendation"
    <https://arxiv.org/abs/2406.08270>`_, first used so by `"A Tale of Two Graphs"
    <https://arxiv.org/abs/2211.06924>`_ (FREEDOM). Per modality :math:`m`,

    .. math::
        w^{(m)}_{ij} = \frac{a_{ij}}{\sqrt{d_i d_j}}, \qquad
        d_i = \sum_{j \in \mathcal{N}_k(i)} a_{ij},

    where :math:`a_{ij}` is 1 or the cosine of the features of :math:`i` and
    :math:`j`, and the graph is the weighted sum over modalities. With binary values
    every :math:`w^{(m)}_{ij}` is :math:`1 / k`.

    The search is exact and works on chunks of rows, so that no :math:`N \times N`
    matrix is ever held.

    Args:
        k: Number of neighbours per item and modality, the item itself included.
            (default: :obj:`10`)
        weights: Weight of every modality; they sum to 1. Its keys are the modalities
            taken. (default: equal weights)
        modalities: Modalities to take. (default: those of ``weights``, else all)
        edge_value: ``'binary'`` or ``'cosine'``. (default: :obj:`"binary"`)
        loop: Whether an item is its own neighbour (and counts among the ``k``).
            (default: :obj:`True`)
        edge_type: The edge type to write.
        chunk_size: Rows per search step. (default: :obj:`1024`)

    Shapes:
        Reads ``data['item'].x_<modality>`` :math:`[N_i, d]` and, where it exists,
        ``mask_<modality>`` :math:`[N_i]`. Writes ``edge_index`` :math:`[2, E]` as
        (neighbour, item), sorted by item, and ``edge_weight`` :math:`[E]`, so that
        ``spmm(edge_index, edge_weight, x)`` aggregates neighbours into each item, and
        what made them as ``made_by`` (see :meth:`note`).

    Raises:
        ValueError: If ``k`` exceeds the number of items that have the modality, a
            feature is not finite, a modality is unknown, or the weights do not fit.

    .. note::
        An item without a modality (``mask_<modality>`` False, or a row of zeros,
        which has no direction) is neither linked nor linked to in that modality, and
        its other modalities share its weight. The released code links such
        items to arbitrary ones.
    """

    def __init__(
        self,
        k: int = 10,
        weights: dict[str, float] | None = None,
        modalities: list[str] | None = None,
        edge_value: str = "binary",
        loop: bool = True,
        edge_type: EdgeType = SIMILAR,
        chunk_size: int = 1024,
    ) -> None:
        check_counts(1, k=k, chunk_size=chunk_size)
        if weights is not None:
            taken = list(weights) if modalities is None else modalities
            check_mixture(taken, weights=weights)
        check_choice(("binary", "cosine"), edge_value=edge_value)
        if edge_type[0] != edge_type[2]:
            raise ValueError(
                f"edge_type must link a node type to itself (got {edge_type!r})"
            )
        self.k = k
        self.weights = weights
        self.modalities = modalities
        self.edge_value = edge_value
        self.loop = loop
        self.edge_type = edge_type
        self.chunk_size = chunk_size

    def forward(self, data: HeteroData) -> HeteroData:
        """Add the graph to ``data``."""
        node_type = self.edge_type[0]
        names = modality_names(data, node_type, self.names(data))
        if not names:
            raise ValueError(
                f"ItemKNNGraph needs at least one modality, but node type "
                f"{node_type!r} has no attribute x_<modality>"
            )
        weights = self._modality_weights(names)
        features = {name: modality_input(data, name, node_type) for name in names}
        num_items = features[names[0]].size(0)
        present = modality_present(data, names, node_type)

        # Items that miss a modality spread its weight over those they have.
        total = sum(weights[name] * present[name].double() for name in names)
        assert isinstance(total, Tensor)
        keys, values = [], []
        for name in names:
            if weights[name] == 0:
                continue
            item = present[name].nonzero().flatten()
            row, col, value = self._neighbours(features[name][item], name)
            row, col = item[row], item[col]
            keys.append(row * num_items + col)
            values.append(value * (weights[name] / total[row]))
        key, index = torch.unique(torch.cat(keys), return_inverse=True)
        weight = torch.zeros(key.numel(), dtype=torch.double, device=key.device)
        weight.index_add_(0, index, torch.cat(values))

        row = torch.div(key, num_items, rounding_mode="floor")
        out = data[self.edge_type]
        out.edge_index = torch.stack([key % num_items, row])
        out.edge_weight = weight.float()
        out.made_by = self.note(data)
        return data

    def note(self, data: HeteroData) -> str:
        """Return what tells this graph of ``data`` from one made otherwise."""
        weights = self._modality_weights(self.names(data))
        weights = {name: float(weight) for name, weight in weights.items() if weight}
        return graph_note(
            type(self).__name__,
            feature_digests(data, weights, self.edge_type[0]),
            k=self.k,
            edge_value=self.edge_value,
            loop=bool(self.loop),
            weights=weights,
        )

    def names(self, data: HeteroData) -> list[str]:
        """Return the modalities: those that the arguments name, or else all."""
        named = self.weights if self.modalities is None else self.modalities
        return modality_names(data, self.edge_type[0]) if named is None else [*named]

    def _modality_weights(self, names: list[str]) -> dict[str, float]:
        if self.weights is None:
            return {name: 1 / len(names) for name in names}
        return self.weights

    def _neighbours(self, x: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """Return the normalised graph of one modality as (row, col, value)."""
        num_items, k = x.size(0), self.k
        if k > num_items - (not self.loop):
            raise ValueError(
                f"ItemKNNGraph(k={k}) needs at least {k + (not self.loop)} nodes of "
                f"type {self.edge_type[0]!r} with the modality {name!r} (got "
                f"{num_items}); lower k, or leave the modality out: rows of zeros lack "
                "it"
            )
        x = torch.nn.functional.normalize(x.float(), dim=-1)
        # The item itself is put first instead of searched: among equal features, the
        # search could return any k of them.
        cosine = x.new_ones(num_items, int(self.loop))
        index = torch.arange(num_items, device=x.device).view(-1, 1)[:, : self.loop]
        if k > self.loop:
            others = chunked_topk(
                x,
                x,
                k - self.loop,
                self.chunk_size,
                exclude=lambda row: (row - row[0], row),
            )
            cosine = torch.cat([cosine, others[0]], dim=1)  # [num_items, k]
            index = torch.cat([index, others[1]], dim=1)
        value = cosine.double()
        if self.edge_value == "binary":
            value = torch.ones_like(value)
        inverse = value.sum(dim=1).clamp(min=0).rsqrt()  # [num_items]
        inverse = inverse.masked_fill(inverse.isinf(), 0)
        value = inverse.view(-1, 1) * value * inverse[index]
        row = torch.arange(num_items, device=x.device).repeat_interleave(k)
        return row, index.flatten(), value.flatten()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k})"
