"""Users who interacted with the same items, and what they tell of each other."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.utils import softmax

from sea_pyg.nn.models.derived_graph import with_graph
from sea_pyg.transforms import UserCooccurrence
from sea_pyg.typing import CO_RATES, EdgeType
from sea_pyg.utils import memoize, spmm


def co_rates_type(user_type: str) -> EdgeType:
    """Name the edge type of the user-user graph."""
    return (user_type, CO_RATES[1], user_type)


def with_user_graph(data: HeteroData, k: int, edge_type: EdgeType) -> HeteroData:
    """Return ``data`` with the co-occurrence graph, see :func:`with_graph`."""
    out_type = co_rates_type(edge_type[0])
    transform = UserCooccurrence(k, edge_type, out_type)
    return with_graph(data, transform, out_type, lambda: [data[edge_type].edge_index])


def aggregate_users(data: HeteroData, x: Tensor, k: int, user_type: str) -> Tensor:
    r"""Average over each user's :math:`k` nearest, weighted by a softmax of the number
    of shared items; zero for a user who shares none.

    Shapes:
        ``x`` :math:`[N_u, C]`; returns the same.
    """
    store = data[co_rates_type(user_type)]
    edge_index = store.edge_index
    given = store.get("edge_weight")
    count = edge_index.new_ones(edge_index.size(1)).float() if given is None else given

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

    if given is not None and given.requires_grad:  # learned: a step changes it
        return spmm(*build(), x, (x.size(0), x.size(0)))
    sources = () if given is None else (given,)
    key = ("nearest users", k, given is None)
    edges, weight = memoize(edge_index, key, build, *sources)
    return spmm(edges, weight, x, (x.size(0), x.size(0)))
