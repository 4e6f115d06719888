"""The log-partition function, whose logits are never held at once."""

import math
from typing import Any

import torch
from torch import Tensor

from sea_pyg.typing import OptTensor
from sea_pyg.utils import (
    check_counts,
    check_temperature,
    once_differentiable,
    row_buffer,
)

SAFE_BITS = 60
"""Logits to base 2 within which sums of their powers neither overflow nor vanish."""
NARROW = 16
"""Channels below which products with them are bound by memory."""


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
        unit: Whether all logits are known to be within :math:`\pm 1 / \tau`, as those
            of rows of unit length are. No maximum is then sought where they cannot
            overflow. (default: :obj:`False`)
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
    positive, weight, key_weight = (
        None if x is None else x.to(query.dtype) for x in (positive, weight, key_weight)
    )
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
        counted = columns if key_weight is None else columns * key_weight
        absent = None if key_weight is None or bounded else key_weight == 0
        total = torch.zeros((), dtype=torch.float64, device=query.device)
        grad_query = torch.empty_like(query)
        # Products with a few channels are fast where these are the rows.
        narrow = key.size(1) < NARROW
        grad_key = torch.zeros_like(columns).t() if narrow else torch.zeros_like(key)
        grad_own = None if own is None else torch.empty_like(own)
        buffer = row_buffer(query, min(chunk_size, num_rows), key.size(0))
        for number, start in enumerate(range(0, num_rows, chunk_size)):
            rows = slice(start, min(start + chunk_size, num_rows))
            chunk = scaled[rows]
            logits = torch.mm(chunk, columns, out=buffer[: chunk.size(0)])
            if excluded:
                logits[excluded[number]] = -torch.inf
            if absent is not None:  # the largest logit is to be one that counts
                logits.masked_fill_(absent, -torch.inf)
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
                grad_query[rows] = (counted @ power.t()).t().mul_(share)
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
    """Return the largest logit of every row, that of the positive included.

    It is finite, also where no key counts.
    """
    if own is None:
        return torch.amax(logits, dim=1).clamp_(min=torch.finfo(logits.dtype).min)
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


def check_options(temperature: float, chunk_size: int | None) -> None:
    """Refuse what no contrast can be computed with."""
    check_temperature(temperature)
    if chunk_size is not None:
        check_counts(1, chunk_size=chunk_size)


def in_full(*tensors: Tensor) -> list[Tensor]:
    """Give tensors their common type, at least float32: logits of up to 1 / temperature
    and differences of squares lose too much in half precision.
    """
    dtype = torch.float32
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    return [tensor.to(dtype) for tensor in tensors]
