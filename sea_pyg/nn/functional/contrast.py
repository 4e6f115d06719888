"""Contrasts of rows with many candidates."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.nn.functional.log_partition import check_options, in_full, log_partition
from sea_pyg.nn.functional.losses import l2_normalize
from sea_pyg.typing import OptTensor


def info_nce(
    query: Tensor,
    key: Tensor,
    temperature: float,
    chunk_size: int | None = None,
    index: OptTensor = None,
    unit: bool = False,
    weight: OptTensor = None,
) -> Tensor:
    r"""Compute the one-directional InfoNCE loss of `"Representation Learning with
    Contrastive Predictive Coding" <https://arxiv.org/abs/1807.03748>`_.

    .. math::
        -\frac{1}{N} \sum_i \log
        \frac{\exp(q_i^\top k_i / \tau)}{\sum_j \exp(q_i^\top k_j / \tau)}

    Args:
        query: Queries, usually of unit length.
        key: Keys; the one in the query's own row is its positive.
        temperature: :math:`\tau`.
        chunk_size: Queries whose logits are held at a time. Value and gradient are
            exact at any chunk size, and memory is ``chunk_size * N`` floats. All
            :math:`N^2` logits are held by default.
        index: What each row stands for. Rows that stand for the same count once, as a
            query and as a key. (default: all differ)
        unit: Whether all rows are known to be of unit length at most. Their logits are
            bounded, so that no maximum is sought where they cannot overflow.
            (default: :obj:`False`)
        weight: How many rows each one stands for, as a query and as a key, without
            gradient. Rows that repeat can be given once. (default: one)

    Shapes:
        ``query`` and ``key`` :math:`[N, C]`, ``index`` and ``weight`` :math:`[N]`;
        returns a scalar.

    Raises:
        ValueError: If the shapes differ, there is no row, or ``temperature`` or
            ``chunk_size`` is not positive.
    """
    if query.dim() != 2 or query.shape != key.shape or query.size(0) == 0:
        raise ValueError(
            "query and key must have one shape [N, C] with N > 0 (got "
            f"{list(query.shape)} and {list(key.shape)})"
        )
    for name, given in (("index", index), ("weight", weight)):
        if given is not None and given.shape != query.shape[:1]:
            raise ValueError(
                f"{name} must have one entry per row, [{query.size(0)}] (got "
                f"{list(given.shape)})"
            )
    check_options(temperature, chunk_size)
    query, key = in_full(query, key)
    if weight is not None:
        weight = weight.to(query.dtype)
    if index is not None:
        # Rows that stand for the same have a share each, as a query and as a key.
        once = _multiplicity(index).to(query.dtype).reciprocal()
        weight = once if weight is None else weight * once
    if chunk_size is None or chunk_size >= query.size(0):
        with torch.autocast(query.device.type, enabled=False):
            return _whole_info_nce(query, key, temperature, weight)
    part = query.new_ones(query.size(0)) if weight is None else weight
    part = part / part.sum()
    mass = log_partition(
        query, key, temperature, None, chunk_size, unit, weight=part, key_weight=weight
    )
    return mass - ((query * key).sum(dim=1) * part).sum() / temperature


def _multiplicity(index: Tensor) -> Tensor:
    """Return how often each entry's value occurs."""
    ordered = index.sort().values
    before = torch.searchsorted(ordered, index)
    after = torch.searchsorted(ordered, index, right=True)
    count: Tensor = after - before
    return count


def _whole_info_nce(
    query: Tensor, key: Tensor, temperature: float, weight: OptTensor
) -> Tensor:
    logits = query @ key.t() / temperature
    if weight is None:
        target = torch.arange(query.size(0), device=query.device)
        return F.cross_entropy(logits, target)
    loss = (logits + weight.log()).logsumexp(dim=1) - logits.diagonal()
    mean: Tensor = (weight * loss).sum() / weight.sum()
    return mean


def two_view_contrast(
    x: Tensor, y: Tensor, temperature: float, chunk_size: int = 512
) -> Tensor:
    r"""Compute InfoNCE with the other rows of both views as negatives.

    .. math::
        -\frac{1}{N} \sum_i \log \frac{e^{\cos(x_i, y_i) / \tau}}
        {\sum_j e^{\cos(x_i, y_j) / \tau} + \sum_{j \ne i} e^{\cos(x_i, x_j) / \tau}}

    From `"Deep Graph Contrastive Representation Learning"
    <https://arxiv.org/abs/2006.04131>`_.

    Args:
        x: One view.
        y: The other view.
        temperature: :math:`\tau`.
        chunk_size: Rows of logits that are held at a time; the result does not depend
            on it. (default: :obj:`512`)

    Shapes:
        Both :math:`[N, C]`; returns a scalar.
    """
    x, y = l2_normalize(x), l2_normalize(y)
    num_rows = x.size(0)
    row = torch.arange(num_rows, device=x.device)
    itself = torch.stack([row, row + num_rows])
    candidates = torch.cat([y, x])  # [2 N, C]
    mass = log_partition(x, candidates, temperature, itself, chunk_size, unit=True)
    return (mass - (x * y).sum() / temperature) / num_rows
