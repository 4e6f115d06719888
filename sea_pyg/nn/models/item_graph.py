"""Frozen item-item graphs of a HeteroData, and hops on them."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.derived_graph import with_graph
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import EdgeType, OptTensor
from sea_pyg.utils import memoize, spmm


def similar_type(item_type: str, modality: str | None = None) -> EdgeType:
    """Name the edge type of the joint graph, or of one modality's own graph."""
    relation = "similar" if modality is None else f"similar_{modality}"
    return (item_type, relation, item_type)


def cosine_graphs(item_type: str, k: Mapping[str, int]) -> dict[str, ItemKNNGraph]:
    """Give every modality of ``k`` a frozen graph of its own, valued by cosines."""
    return {
        name: ItemKNNGraph(
            number,
            modalities=[name],
            edge_value="cosine",
            edge_type=similar_type(item_type, name),
        )
        for name, number in k.items()
    }


def with_item_graph(data: HeteroData, transform: ItemKNNGraph) -> HeteroData:
    """Return ``data`` with a graph of similar items, see :func:`with_graph`."""

    def features() -> list[Tensor]:
        store = data[transform.edge_type[0]]
        names = transform.names(data)
        keys = [f"{kind}_{name}" for name in names for kind in ("x", "mask")]
        return [store[key] for key in keys if key in store]

    return with_graph(data, transform, transform.edge_type, features)


def graph_of(data: HeteroData, edge_type: EdgeType) -> tuple[Tensor, OptTensor]:
    """Return the edges and the weights of a frozen graph."""
    return data[edge_type].edge_index, data[edge_type].get("edge_weight")


def largest_of(
    graphs: Sequence[tuple[Tensor, OptTensor]], num_items: int
) -> tuple[Tensor, Tensor]:
    """Unite weighted graphs; an edge of several takes its largest weight.

    Built once for the same edges and weights, unless the weights are learned.
    """
    edges = [edge_index for edge_index, _ in graphs]
    given = [weight for _, weight in graphs if weight is not None]

    def build() -> tuple[Tensor, Tensor]:
        weights = [
            torch.ones(index.size(1), device=index.device) if weight is None else weight
            for index, weight in graphs
        ]
        joint = torch.cat(edges, dim=1)
        key, position = (joint[1] * num_items + joint[0]).unique(return_inverse=True)
        weight = torch.cat(weights)
        # By `include_self=False` the gradient counts what was there all the same.
        lowest = weight.new_full((key.numel(),), -math.inf)
        largest = lowest.scatter_reduce(0, position, weight, "amax")
        target = key.div(num_items, rounding_mode="floor")
        return torch.stack([key - target * num_items, target]), largest

    if any(weight.requires_grad for weight in given):
        return build()
    key = ("largest of", num_items, tuple(weight is None for _, weight in graphs))
    return memoize(edges[0], key, build, *edges[1:], *given)


def hops(
    edge_index: Tensor, edge_weight: OptTensor, x: Tensor, num_layers: int
) -> Tensor:
    """Aggregate weighted neighbours ``num_layers`` times.

    Shapes:
        ``x`` :math:`[N, C]`; returns :math:`[N, C]`.
    """
    for _ in range(num_layers):
        x = spmm(edge_index, edge_weight, x)
    return x


def weighed_hops(
    graphs: Sequence[tuple[tuple[Tensor, OptTensor], float | Tensor]],
    x: Tensor,
    num_layers: int,
) -> Tensor:
    r"""Propagate over a weighed sum of graphs: :math:`(\sum_g s_g W_g)^L x`.

    Args:
        graphs: Edges :math:`W_g` and share :math:`s_g` of every graph.
        x: Item features.
        num_layers: Number of hops :math:`L`.

    Shapes:
        ``x`` :math:`[N, C]`; returns :math:`[N, C]`.
    """
    for _ in range(num_layers):
        # The share is applied to the product: it costs less than to the edges.
        x = torch.stack([share * spmm(*graph, x) for graph, share in graphs]).sum(dim=0)
    return x
