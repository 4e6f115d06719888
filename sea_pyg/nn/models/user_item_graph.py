"""Products with the interactions that ``BipartitePropagation`` does not cover."""

from collections.abc import Callable

import torch
from torch import Tensor

from sea_pyg.typing import Embeddings
from sea_pyg.utils import memoize, product_dtype, spmm, symmetric_norm


def reverse_edges(edge_index: Tensor) -> Tensor:
    """Return the interactions as (item, user).

    Shapes:
        ``edge_index`` :math:`[2, E]` as (user, item); returns :math:`[2, E]`.
    """
    return memoize(edge_index, ("reverse",), lambda: edge_index.flip(0))


def interaction_norm(
    edge_index: Tensor,
    num_users: int,
    num_items: int,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    r"""Return :math:`1 / \sqrt{d_u d_i}` of every interaction, computed once a dtype.

    Shapes:
        ``edge_index`` :math:`[2, E]` as (user, item); returns :math:`[E]`.
    """

    def build() -> Tensor:
        one = torch.ones(edge_index.size(1), dtype=dtype, device=edge_index.device)
        return symmetric_norm(edge_index, num_users, num_items, one)

    key = ("interaction norm", num_users, num_items, dtype)
    return memoize(edge_index, key, build)


def to_users(edge_index: Tensor, x_item: Tensor, num_users: int) -> Tensor:
    r"""Aggregate items into users: :math:`\sum_i x_i / \sqrt{d_u d_i}`.

    Shapes:
        ``edge_index`` :math:`[2, E]` as (user, item), ``x_item`` :math:`[N_i, C]`;
        returns :math:`[N_u, C]`.
    """
    num_items = x_item.size(0)
    dtype = product_dtype(x_item.dtype)
    weight = interaction_norm(edge_index, num_users, num_items, dtype)
    return spmm(reverse_edges(edge_index), weight, x_item, (num_items, num_users))


def stacked_edges(edge_index: Tensor, num_users: int) -> Tensor:
    """Return the edges of the stacked graph, users above items, in both directions.

    Those from users to items come first.

    Shapes:
        ``edge_index`` :math:`[2, E]` as (user, item); returns :math:`[2, 2 E]`.
    """

    def build() -> Tensor:
        user, item = edge_index[0], edge_index[1] + num_users
        return torch.stack([torch.cat([user, item]), torch.cat([item, user])])

    return memoize(edge_index, ("stacked", num_users), build)


def root_degree_sums(edge_index: Tensor, x_item: Tensor, num_users: int) -> Embeddings:
    r"""Sum items into users, and these sums into items, each over the root of a degree.

    .. math::
        y_u = \frac{1}{\sqrt{d_u}} \sum_{i \in \mathcal{N}_u} x_i, \qquad
        z_i = \frac{1}{\sqrt{d_i}} \sum_{u \in \mathcal{N}_i} y_u

    Shapes:
        ``edge_index`` :math:`[2, E]` as (user, item), ``x_item`` :math:`[N_i, C]`;
        returns :math:`[N_u, C]` and :math:`[N_i, C]`.
    """
    num_items = x_item.size(0)
    user = sum_over_root_degree(reverse_edges(edge_index), x_item, num_users)
    return Embeddings(user, sum_over_root_degree(edge_index, user, num_items))


def sum_over_root_degree(edge_index: Tensor, x: Tensor, num_targets: int) -> Tensor:
    r"""Sum sources into targets: :math:`y_j = \sum_i x_i / \sqrt{d_j}`.

    Shapes:
        ``edge_index`` :math:`[2, E]` as (source, target), ``x`` :math:`[N, C]`;
        returns :math:`[M, C]` for :math:`M` targets.
    """
    weight = _of_degree(edge_index, num_targets, x.dtype, Tensor.rsqrt)
    return spmm(edge_index, weight, x, (x.size(0), num_targets))


def mean_of_sources(edge_index: Tensor, x: Tensor, num_targets: int) -> Tensor:
    """Average the sources of every target; zero if it has none.

    Shapes:
        Those of :func:`sum_over_root_degree`.
    """
    weight = _of_degree(edge_index, num_targets, x.dtype, Tensor.reciprocal)
    return spmm(edge_index, weight, x, (x.size(0), num_targets))


def _of_degree(
    edge_index: Tensor,
    num_targets: int,
    dtype: torch.dtype,
    weigh: Callable[[Tensor], Tensor],
) -> Tensor:
    """Weigh every edge by its target's degree, as precisely as ``dtype`` is summed."""
    dtype = product_dtype(dtype)

    def build() -> Tensor:
        target = edge_index[1]
        degree = torch.bincount(target, minlength=num_targets)
        return weigh(degree.to(dtype))[target]

    return memoize(edge_index, ("of degree", weigh, num_targets, dtype), build)


def alternating_hops(
    edge_index: Tensor, x_user: Tensor, x_item: Tensor, num_layers: int
) -> Embeddings:
    """Average over hops of :func:`root_degree_sums`, the last through a softmax.

    As released with `"Multi-Modal Self-Supervised Learning for Recommendation"
    <https://arxiv.org/abs/2302.10632>`_: in a hop, items read the users of the same
    hop; the softmax is over the channels.

    Shapes:
        ``edge_index`` :math:`[2, E]` as (user, item), ``x_user`` :math:`[N_u, C]`,
        ``x_item`` :math:`[N_i, C]`; returns both shapes.
    """
    layers = [Embeddings(x_user, x_item)]
    num_users, num_items = x_user.size(0), x_item.size(0)
    for layer in range(num_layers):
        user, item = root_degree_sums(edge_index, layers[-1].item, num_users)
        if layer == num_layers - 1:
            user = user.softmax(dim=1)
            item = sum_over_root_degree(edge_index, user, num_items).softmax(dim=1)
        layers.append(Embeddings(user, item))
    user, item = (torch.stack(x).mean(dim=0) for x in zip(*layers, strict=True))
    return Embeddings(user, item)


def random_walk(
    edge_index: Tensor, x_user: Tensor, x_item: Tensor, num_layers: int
) -> Embeddings:
    r"""Average over hops of the mean of a node and its neighbours.

    LightGCN's propagation with :math:`D^{-1} (A + I)` in place of
    :math:`D^{-1/2} A D^{-1/2}`.

    Shapes:
        ``edge_index`` :math:`[2, E]` as (user, item), ``x_user`` :math:`[N_u, C]`,
        ``x_item`` :math:`[N_i, C]`; returns both shapes.
    """
    num_users, num_items = x_user.size(0), x_item.size(0)
    num_nodes = num_users + num_items

    def build() -> Tensor:
        user, item = edge_index[0], edge_index[1] + num_users
        node = torch.arange(num_nodes, device=edge_index.device)
        source = torch.cat([user, item, node])
        target = torch.cat([item, user, node])
        return torch.stack([source, target])

    graph = memoize(edge_index, ("random_walk", num_users, num_items), build)
    weight = _of_degree(graph, num_nodes, x_user.dtype, Tensor.reciprocal)
    x = torch.cat([x_user, x_item])  # [num_nodes, C]
    x = sum_of_hops(graph, weight, x, num_layers) / (num_layers + 1)
    user, item = x.split([num_users, num_items])
    return Embeddings(user, item)


def sum_of_hops(
    edge_index: Tensor, edge_weight: Tensor, x: Tensor, num_layers: int
) -> Tensor:
    r"""Sum up a stack of nodes and its hops: :math:`\sum_{l=0}^{L} W^l x`.

    Unlike :class:`~sea_pyg.nn.conv.BipartitePropagation` it takes the edges' weights,
    which may be learned.

    Shapes:
        ``edge_index`` :math:`[2, E]` as (source, destination), ``edge_weight``
        :math:`[E]`, ``x`` :math:`[N, C]`; returns :math:`[N, C]`.
    """
    layers = [x]
    for _ in range(num_layers):
        layers.append(spmm(edge_index, edge_weight, layers[-1]))
    return torch.stack(layers).sum(dim=0)
