"""Users who interacted with the same items, and what they tell of each other."""

import copy

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.utils import softmax

from sea_pyg.nn.models.item_graph import with_edges
from sea_pyg.transforms import UserCooccurrence
from sea_pyg.typing import CO_RATES, EdgeType
from sea_pyg.utils import has_graph, memoize, spmm


def co_rates_type(user_type: str) -> EdgeType:
    """Name the edge type of the user-user graph."""
    return (user_type, CO_RATES[1], user_type)


def with_user_graph(data: HeteroData, k: int, edge_type: EdgeType) -> HeteroData:
    """Return ``data`` with the co-occurrence graph, unless it has it.

    One that was made with another ``k`` or of other interactions is replaced in what is
    returned; one without a note is the user's own and kept.

    The splits of a data set share their training edges, so the graph is built once for
    all of them.
    """
    out_type = co_rates_type(edge_type[0])
    transform = UserCooccurrence(k, edge_type, out_type)
    if has_graph(data, out_type, transform.note):
        return data

    def build() -> tuple[Tensor, Tensor, str]:
        graph = transform(copy.copy(data))[out_type]
        return graph.edge_index, graph.edge_weight, graph.made_by

    edge_index = data[edge_type].edge_index
    graph = memoize(edge_index, ("co-occurrence", k, edge_type), build)
    return with_edges(data, out_type, graph)


def aggregate_users(data: HeteroData, x: Tensor, k: int, user_type: str) -> Tensor:
    r"""Average over each user's :math:`k` nearest, weighted by a softmax of the number
    of shared items; zero for a user who shares none.

    Shapes:
        ``x`` :math:`[N_u, C]`; returns the same.
    """
    store = data[co_rates_type(user_type)]
    edge_index, count = store.edge_index, store.edge_weight

    def build() -> tuple[Tensor, Tensor]:
        # Largest counts first within each user; ties by the neighbour's number.
        order = edge_index[0].argsort(stable=True)
        order = order[count[order].argsort(descending=True, stable=True)]
        order = order[edge_index[1][order].argsort(stable=True)]
        target = edge_index[1][order]
        degree = torch.bincount(target, minlength=x.size(0))
        first = degree.cumsum(0) - degree
        rank = torch.arange(order.numel(), device=order.device) - first[target]
        kept = order[rank < k]
        weight = softmax(count[kept], edge_index[1][kept], num_nodes=x.size(0))
        return edge_index[:, kept], weight

    edges, weight = memoize(edge_index, ("nearest users", k), build, count)
    return spmm(edges, weight, x, (x.size(0), x.size(0)))
