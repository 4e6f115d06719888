"""Where random walks from the items that a user has seen lead to."""

import copy

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.transforms import ItemWalkGraph
from sea_pyg.typing import EdgeType
from sea_pyg.utils import EdgeMembership, memoize
from sea_pyg.utils.sparse import compress


def leads_to_type(item_type: str) -> EdgeType:
    """Name the edge type of the graph of walks."""
    return (item_type, "leads_to", item_type)


def with_walk_graph(data: HeteroData, k: int, edge_type: EdgeType) -> HeteroData:
    """Return ``data`` with the graph of walks, unless it has it.

    The splits of a data set share their training edges, so the graph is built once for
    all of them.
    """
    out_type = leads_to_type(edge_type[2])
    if out_type in data.edge_types:
        return data

    def build() -> tuple[Tensor, Tensor]:
        graph = ItemWalkGraph(k, edge_type, out_type)(copy.copy(data))[out_type]
        return graph.edge_index, graph.edge_weight

    edge_index = data[edge_type].edge_index
    graph = memoize(edge_index, ("walks", k, edge_type), build)
    data = copy.copy(data)
    data[out_type].edge_index, data[out_type].edge_weight = graph
    return data


def walk_scores(
    data: HeteroData, seen: EdgeMembership, user_index: Tensor, item_type: str
) -> Tensor:
    r"""Average the edges that leave each user's items.

    .. math::
        r_{ui} = \frac{1}{|\mathcal{I}_u|} \sum_{j \in \mathcal{I}_u} w_{ji}

    Args:
        data: A graph that :func:`with_walk_graph` returned.
        seen: The items of every user.
        user_index: Users, :math:`[B]`.
        item_type: The items' node type.

    Shapes:
        Returns :math:`[B, N_i]`, zero for a user without items.
    """
    store = data[leads_to_type(item_type)]
    edge_index, weight = store.edge_index, store.edge_weight
    num_items = seen.num_items

    def build() -> tuple[Tensor, Tensor, Tensor]:
        csr = compress(edge_index[0], edge_index[1], num_items, num_items)
        return csr.rowptr, csr.col, weight[csr.perm]

    rowptr, end, weight = memoize(
        edge_index, ("walks by start", num_items), build, weight
    )
    row, item = seen.seen(user_index)
    count = rowptr[item + 1] - rowptr[item]
    first = count.cumsum(0) - count
    place = torch.repeat_interleave(rowptr[item] - first, count)
    place = place + torch.arange(place.numel(), device=place.device)
    degree = torch.bincount(row, minlength=user_index.numel())
    value = weight[place] / torch.repeat_interleave(degree[row], count)
    out = weight.new_zeros(user_index.numel(), num_items)
    target = (torch.repeat_interleave(row, count), end[place])
    return out.index_put_(target, value, accumulate=True)
