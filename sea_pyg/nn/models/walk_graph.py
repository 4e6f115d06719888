"""Where random walks from the items that a user has seen lead to."""

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models.derived_graph import with_graph
from sea_pyg.nn.models.item_graph import graph_of
from sea_pyg.transforms import ItemWalkGraph
from sea_pyg.typing import LEADS_TO, EdgeType
from sea_pyg.utils import EdgeMembership, memoize
from sea_pyg.utils.sparse import WeightedRows


def leads_to_type(item_type: str) -> EdgeType:
    """Name the edge type of the graph of walks."""
    return (item_type, LEADS_TO[1], item_type)


def with_walk_graph(
    data: HeteroData, k: int, similar_type: EdgeType, edge_type: EdgeType
) -> HeteroData:
    """Return ``data`` with the graph of walks, see :func:`with_graph`.

    Args:
        data: A graph with edges between similar items.
        k: Most edges per item.
        similar_type: Edge type of the similar items.
        edge_type: The interactions.
    """
    out_type = leads_to_type(edge_type[2])
    transform = ItemWalkGraph(k, similar_type, edge_type, out_type)

    def edges() -> list[Tensor]:
        found = [data[edge_type].edge_index, *graph_of(data, similar_type)]
        return [tensor for tensor in found if tensor is not None]

    return with_graph(data, transform, out_type, edges)


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

    def build() -> WeightedRows:
        start, end = edge_index
        return WeightedRows.of(start, end, weight, num_items)

    walks = memoize(edge_index, ("walks by start", num_items), build, weight)
    row, item = seen.seen(user_index)
    degree = torch.bincount(row, minlength=user_index.numel())
    row, end, value = walks.follow(row, item, 1 / degree[row].to(weight.dtype))
    out = value.new_zeros(user_index.numel(), num_items)
    return out.index_put_((row, end), value, accumulate=True)
