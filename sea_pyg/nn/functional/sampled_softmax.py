"""The softmax over items that a batch shares, without holding its scores."""

import math
from typing import Any

import torch
from torch import Tensor

from sea_pyg.nn.functional.contrast import SAFE_BITS, in_full
from sea_pyg.typing import OptTensor
from sea_pyg.utils import once_differentiable, row_buffer


def sampled_softmax(
    query: Tensor,
    positive: Tensor,
    candidate: Tensor,
    temperature: float,
    excluded: OptTensor = None,
    chunk_size: int | None = 512,
    unit: bool = False,
) -> Tensor:
    r"""Compute the sampled softmax loss of `"On the Effectiveness of Sampled Softmax
    Loss for Item Recommendation" <https://arxiv.org/abs/2201.02327>`_.

    .. math::
        -\frac{1}{B} \sum_b \log \frac{\exp(q_b^\top p_b / \tau)}
        {\exp(q_b^\top p_b / \tau) + \sum_{c \notin \mathcal{E}_b}
        \exp(q_b^\top k_c / \tau)}

    Args:
        query: Users :math:`q`.
        positive: The item :math:`p` of each user.
        candidate: The items :math:`k` that all users share.
        temperature: :math:`\tau`.
        excluded: The (row, candidate) pairs :math:`\mathcal{E}` that are left out.
            (default: none)
        chunk_size: Rows whose scores a CPU holds at a time; the result is exact at any.
            All at once if :obj:`None`, and on other devices. (default: :obj:`512`)
        unit: Whether all vectors are known to be of unit length at most. Their scores
            are bounded, so that no maximum is sought where they cannot overflow.
            (default: :obj:`False`)

    Shapes:
        ``query`` and ``positive`` :math:`[B, D]`, ``candidate`` :math:`[C, D]`,
        ``excluded`` :math:`[2, P]`; returns a scalar. Memory is ``chunk_size * C``
        floats.

    Raises:
        ValueError: If the shapes differ, there is no row, or ``temperature`` or
            ``chunk_size`` is not positive.
    """
    if query.dim() != 2 or query.shape != positive.shape or query.size(0) == 0:
        raise ValueError(
            "query and positive must have one shape [B, D] with B > 0 (got "
            f"{list(query.shape)} and {list(positive.shape)})"
        )
    if candidate.dim() != 2 or candidate.size(1) != query.size(1):
        raise ValueError(
            f"candidate must be of shape [C, {query.size(1)}] (got "
            f"{list(candidate.shape)})"
        )
    if not temperature > 0:
        raise ValueError(f"temperature must be positive (got {temperature})")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size must be positive (got {chunk_size})")
    query, positive, candidate = in_full(query, positive, candidate)
    if chunk_size is None or query.device.type != "cpu":
        chunk_size = query.size(0)
    bounded = unit and math.log2(math.e) / temperature < SAFE_BITS
    with torch.autocast(query.device.type, enabled=False):
        out: Tensor = _SampledSoftmax.apply(  # type: ignore[no-untyped-call]
            query, positive, candidate, temperature, excluded, chunk_size, bounded
        )
        return out


class _SampledSoftmax(torch.autograd.Function):
    """The loss and its gradient, computed together a chunk of rows at a time."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        positive: Tensor,
        candidate: Tensor,
        temperature: float,
        excluded: OptTensor,
        chunk_size: int,
        bounded: bool,
    ) -> Tensor:
        num_rows = query.size(0)
        needs_grad = any(ctx.needs_input_grad)
        # Scores in bits: powers of two are cheaper than those of e.
        scaled = query * (math.log2(math.e) / temperature)
        own = (scaled * positive).sum(dim=1)
        columns = candidate.t().contiguous()  # [D, C], read once per chunk
        left_out = _by_chunk(excluded, num_rows, chunk_size)
        buffer = row_buffer(query, min(chunk_size, num_rows), candidate.size(0))
        total = torch.zeros((), dtype=torch.float64, device=query.device)
        grad_query = torch.empty_like(query)
        grad_candidate = torch.zeros_like(candidate)
        surplus = torch.empty_like(own)  # what the positive's share is short of one
        for number, start in enumerate(range(0, num_rows, chunk_size)):
            rows = slice(start, min(start + chunk_size, num_rows))
            chunk = scaled[rows]
            score = torch.mm(chunk, columns, out=buffer[: chunk.size(0)])
            if left_out:
                row, column = left_out[number]
                score.index_put_((row, column), score.new_tensor(-torch.inf))
            shift = torch.zeros_like(own[rows])
            if not bounded:
                shift = own[rows]
                if score.size(1) > 0:
                    shift = torch.maximum(shift, score.amax(dim=1))
                score.sub_(shift.unsqueeze(1))
            weight = score.exp2_()
            others = weight.sum(dim=1)
            mass = others + (own[rows] - shift).exp2()
            total += (shift + mass.log2() - own[rows]).sum()
            if needs_grad:
                share = mass.reciprocal().unsqueeze(1)
                grad_query[rows] = (weight @ candidate).mul_(share)
                grad_candidate.addmm_(weight.t(), chunk * share)
                surplus[rows] = others / mass
        if needs_grad:
            # The positive's probability less one is the others' mass, negative.
            less = surplus.unsqueeze(1)
            scale = math.log(2) / num_rows
            ctx.save_for_backward(
                grad_query.sub_(less * positive).div_(num_rows * temperature),
                (less * scaled).mul_(-scale),
                grad_candidate.mul_(scale),
            )
        return (total * (math.log(2) / num_rows)).to(query.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[OptTensor, ...]:
        needed = ctx.needs_input_grad[:3]
        found = [
            grad * saved if need else None
            for saved, need in zip(ctx.saved_tensors, needed, strict=True)
        ]
        return *found, None, None, None, None


def _by_chunk(
    excluded: OptTensor, num_rows: int, chunk_size: int
) -> list[tuple[Tensor, Tensor]]:
    """Return the excluded pairs of every chunk, rows counted from its first."""
    if excluded is None or excluded.size(1) == 0:
        return []
    row, order = excluded[0].sort(stable=True)
    column = excluded[1][order]
    if chunk_size >= num_rows:
        return [(row, column)]
    starts = torch.arange(0, num_rows, chunk_size, device=row.device)
    sizes = torch.bucketize(row, starts, right=True).sub_(1)
    counts = torch.bincount(sizes, minlength=starts.numel()).tolist()
    row = row % chunk_size
    return list(zip(row.split(counts), column.split(counts), strict=True))
