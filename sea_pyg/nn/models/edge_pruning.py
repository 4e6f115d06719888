"""Random subgraphs of the interactions."""

import torch
from torch import Tensor

from sea_pyg.nn.models.user_item_graph import interaction_norm
from sea_pyg.utils import SymmetricAdjacency, bipartite_adjacency, pruned_adjacency


def degree_sensitive_pruning(
    edge_index: Tensor, dropout: float, num_users: int, num_items: int
) -> SymmetricAdjacency:
    r"""Keep a share of the interactions, drawn in favour of low degrees.

    An edge is drawn without replacement with weight :math:`1 / \sqrt{d_u d_i}`, the
    "degree-sensitive edge pruning" of `"A Tale of Two Graphs: Freezing and Denoising
    Graph Structures for Multimodal Recommendation"
    <https://arxiv.org/abs/2211.06924>`_.

    Args:
        edge_index: Interactions as (user, item).
        dropout: Share of the edges that is dropped, in :math:`[0, 1)`.
        num_users: Number of users.
        num_items: Number of items.

    Shapes:
        ``edge_index`` :math:`[2, E]`; returns the adjacency of
        :math:`\lfloor (1 - p) E \rfloor` of them, at least one, or of all without
        dropout.
    """
    if dropout == 0:
        return bipartite_adjacency(edge_index, num_users, num_items)
    weight = interaction_norm(edge_index, num_users, num_items)
    return _pruned(edge_index, dropout, num_users, num_items, weight)


def uniform_pruning(
    edge_index: Tensor, dropout: float, num_users: int, num_items: int
) -> SymmetricAdjacency:
    r"""Keep a share of the interactions, every one with the same chance.

    Args:
        edge_index: Interactions as (user, item).
        dropout: Share of the edges that is dropped, in :math:`[0, 1)`.
        num_users: Number of users.
        num_items: Number of items.

    Shapes:
        Those of :func:`degree_sensitive_pruning`.
    """
    if dropout == 0:
        return bipartite_adjacency(edge_index, num_users, num_items)
    weight = torch.ones(edge_index.size(1), device=edge_index.device)
    return _pruned(edge_index, dropout, num_users, num_items, weight)


def _pruned(
    edge_index: Tensor, dropout: float, num_users: int, num_items: int, weight: Tensor
) -> SymmetricAdjacency:
    num_edges = edge_index.size(1)
    # In binary, 0.2 of 100 edges may be less than 20 of them.
    num_kept = min(num_edges, max(1, int(num_edges * (1 - dropout) + 1e-6)))
    # The smallest of exponential variables with these rates are such a draw; unlike
    # multinomial's, their number is not limited to 2**24.
    arrival = torch.empty_like(weight).exponential_() / weight
    kept = arrival.topk(num_kept, largest=False, sorted=False).indices
    return pruned_adjacency(edge_index, kept, num_users, num_items)
