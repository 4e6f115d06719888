"""Contrasts of rows with many candidates, whose logits are never held at once."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.nn.functional.losses import l2_normalize
from sea_pyg.typing import OptTensor
from sea_pyg.utils import once_differentiable, row_buffer

SAFE_BITS = 60
"""Logits to base 2 within which sums of their powers neither overflow nor vanish."""


def log_partition(
    query: Tensor,
    key: Tensor,
    temperature: float,
    excluded: OptTensor = None,
    chunk_size: int = 512,
    unit: bool = False,
    weight: OptTensor = None,
    key_weight: OptTensor = None,
    positive: OptTensor = None,
) -> Tensor:
    r"""Sum the logarithms of the queries' partition functions.

    .. math::
        \sum_i w_i \log \sum_{j : (i, j) \notin \mathcal{E}}
        v_j \exp(q_i^\top k_j / \tau)

    A contrast is this less the logits of its positives. Where a positive is none of the
    keys, its logit :math:`p_i` joins the sum and is taken from the logarithm. That is a
    cross entropy, whose gradient keeps its digits where the positive is certain:

    .. math::
        \sum_i w_i \log \Big( 1 + \sum_{j : (i, j) \notin \mathcal{E}}
        v_j \exp(q_i^\top k_j / \tau - p_i) \Big)

    Logits are formed in chunks of rows, once: the gradient is computed together with
    the value, and is exact.

    Args:
        query: Queries.
        key: Keys.
        temperature: :math:`\tau`.
        excluded: The (query, key) pairs :math:`\mathcal{E}` that are left out.
            (default: none)
        chunk_size: Rows of logits that are held at a time. (default: :obj:`512`)
        unit: Whether all rows are known to be of unit length at most, and ``positive``
            to be within :math:`1 / \tau`. Logits are bounded then, so that no maximum
            is sought where they cannot overflow. (default: :obj:`False`)
        weight: Weight :math:`w` of each query, without gradient. (default: ones)
        key_weight: Weight :math:`v` of each key, without gradient. (default: ones)
        positive: Logits :math:`p` of positives that are no keys. (default: none)

    Shapes:
        ``query`` :math:`[B, C]`, ``key`` :math:`[N, C]`, ``excluded`` :math:`[2, P]`,
        ``weight`` and ``positive`` :math:`[B]`, ``key_weight`` :math:`[N]`; returns a
        scalar.

    Raises:
        ValueError: If ``temperature`` or ``chunk_size`` is not positive.
    """
    check_options(temperature, chunk_size)
    query, key = in_full(query, key)
    if positive is not None:
        positive = positive.to(query.dtype)
    with torch.autocast(query.device.type, enabled=False):
        out: Tensor = _LogPartition.apply(  # type: ignore[no-untyped-call]
            query,
            key,
            positive,
            temperature,
            _by_chunk(excluded, query.size(0), chunk_size),
            chunk_size,
            unit and math.log2(math.e) / temperature < SAFE_BITS,
            weight,
            key_weight,
        )
    return out


class _LogPartition(torch.autograd.Function):
    """The value and its gradient, computed together.

    Both need the logits, so each chunk is formed once; the gradient with respect to the
    inputs is as small as they are and waits for ``backward``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        positive: OptTensor,
        temperature: float,
        excluded: list[tuple[Tensor, Tensor]],
        chunk_size: int,
        bounded: bool,
        weight: OptTensor,
        key_weight: OptTensor,
    ) -> Tensor:
        num_rows = query.size(0)
        needs_grad = any(ctx.needs_input_grad)
        # Logits in bits: powers of two are cheaper than those of e.
        scaled = query * (math.log2(math.e) / temperature)
        own = None if positive is None else positive * math.log2(math.e)
        columns = key.t().contiguous()  # [C, N], read once per chunk
        counted = key if key_weight is None else key_weight.unsqueeze(1) * key
        total = torch.zeros((), dtype=torch.float64, device=query.device)
        grad_query, grad_key = torch.empty_like(query), torch.zeros_like(key)
        grad_own = None if own is None else torch.empty_like(own)
        buffer = row_buffer(query, min(chunk_size, num_rows), key.size(0))
        for number, start in enumerate(range(0, num_rows, chunk_size)):
            rows = slice(start, min(start + chunk_size, num_rows))
            chunk = scaled[rows]
            logits = torch.mm(chunk, columns, out=buffer[: chunk.size(0)])
            if excluded:
                logits[excluded[number]] = -torch.inf
            shift = None if bounded else _largest(logits, own, rows)
            if shift is not None:
                logits.sub_(shift.unsqueeze(1))
            power = logits.exp2_()
            mass = power.sum(dim=1) if key_weight is None else power @ key_weight
            others, offset = mass, shift
            if own is not None:
                alone = own[rows] if shift is None else own[rows] - shift
                mass, offset = mass + alone.exp2(), -alone
            value = mass.log2() if offset is None else mass.log2() + offset
            share = mass.reciprocal()
            if weight is not None:
                value, share = value * weight[rows], share * weight[rows]
            total += value.sum()
            if needs_grad:
                if grad_own is not None:
                    # The positive's probability less one is the others', negative.
                    grad_own[rows] = -others * share
                share = share.unsqueeze(1)
                grad_query[rows] = (power @ counted).mul_(share)
                grad_key.addmm_(power.t(), chunk * share)
        if needs_grad:
            if key_weight is not None:
                grad_key.mul_(key_weight.unsqueeze(1))
            grads = grad_query.div_(temperature), grad_key.mul_(math.log(2)), grad_own
            ctx.save_for_backward(*grads)
        return (total * math.log(2)).to(query.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[OptTensor, ...]:
        needed = ctx.needs_input_grad[:3]
        found = [
            grad * saved if need else None
            for need, saved in zip(needed, ctx.saved_tensors, strict=True)
        ]
        return *found, *[None] * 6


def _largest(logits: Tensor, own: OptTensor, rows: slice) -> Tensor:
    """Return the largest logit of every row, that of the positive included."""
    if own is None:
        return torch.amax(logits, dim=1)
    if logits.size(1) > 0:
        return torch.maximum(own[rows], torch.amax(logits, dim=1))
    return torch.clone(own[rows])


def _by_chunk(
    pairs: OptTensor, num_rows: int, chunk_size: int
) -> list[tuple[Tensor, Tensor]]:
    """Return the (row, column) pairs of every chunk, rows counted from its first."""
    if pairs is None or pairs.size(1) == 0:
        return []
    row, order = pairs[0].sort(stable=True)
    column = pairs[1][order]
    if chunk_size >= num_rows:
        return [(row, column)]
    starts = torch.arange(0, num_rows, chunk_size, device=row.device)
    chunk = torch.bucketize(row, starts, right=True).sub_(1)
    counts = torch.bincount(chunk, minlength=starts.numel()).tolist()
    row = row % chunk_size
    return list(zip(row.split(counts), column.split(counts), strict=True))


def info_nce(
    query: Tensor,
    key: Tensor,
    temperature: float,
    chunk_size: int | None = None,
    index: OptTensor = None,
    unit: bool = False,
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

    Shapes:
        ``query`` and ``key`` :math:`[N, C]`, ``index`` :math:`[N]`; returns a scalar.

    Raises:
        ValueError: If the shapes differ, there is no row, or ``temperature`` or
            ``chunk_size`` is not positive.
    """
    if query.dim() != 2 or query.shape != key.shape or query.size(0) == 0:
        raise ValueError(
            "query and key must have one shape [N, C] with N > 0 (got "
            f"{list(query.shape)} and {list(key.shape)})"
        )
    if index is not None and index.shape != query.shape[:1]:
        raise ValueError(
            f"index must have one entry per row, [{query.size(0)}] (got "
            f"{list(index.shape)})"
        )
    check_options(temperature, chunk_size)
    query, key = in_full(query, key)
    count = None if index is None else _multiplicity(index).to(query.dtype)
    if chunk_size is None or chunk_size >= query.size(0):
        with torch.autocast(query.device.type, enabled=False):
            return _whole_info_nce(query, key, temperature, count)
    # Rows that stand for the same have a share each, as a query and as a key.
    once = None if count is None else count.reciprocal()
    part = query.new_ones(query.size(0)) if once is None else once
    part = part / part.sum()
    mass = log_partition(
        query, key, temperature, None, chunk_size, unit, weight=part, key_weight=once
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
    query: Tensor, key: Tensor, temperature: float, count: OptTensor
) -> Tensor:
    logits = query @ key.t() / temperature
    if count is None:
        target = torch.arange(query.size(0), device=query.device)
        return F.cross_entropy(logits, target)
    loss = (logits - count.log()).logsumexp(dim=1) - logits.diagonal()
    weight = count.reciprocal()
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


def check_options(temperature: float, chunk_size: int | None) -> None:
    """Refuse what no contrast can be computed with."""
    if not temperature > 0:
        raise ValueError(f"temperature must be positive (got {temperature})")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size must be positive (got {chunk_size})")


def in_full(*tensors: Tensor) -> list[Tensor]:
    """Give tensors their common type, at least float32: logits of up to 1 / temperature
    lose too much in half precision.
    """
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return [tensor.to(dtype) for tensor in tensors]
