"""Contrasts of rows with many candidates, whose logits are never held at once."""

import math
from typing import Any

import torch
from torch import Tensor

from sea_pyg.nn.functional.losses import SAFE_BITS, l2_normalize
from sea_pyg.typing import OptTensor


def log_partition(
    query: Tensor,
    key: Tensor,
    temperature: float,
    excluded: OptTensor = None,
    chunk_size: int = 512,
) -> Tensor:
    r"""Sum the logarithms of the queries' partition functions.

    .. math::
        \sum_i \log \sum_{j \ne x_i} \exp(q_i^\top k_j / \tau)

    A contrast is this less the logits of its positives. Logits are formed in chunks of
    rows, once: the gradient is computed together with the value, and is exact.

    Args:
        query: Queries of unit length at most.
        key: Keys of unit length at most.
        temperature: :math:`\tau`.
        excluded: The key :math:`x_i` that each query leaves out. (default: none)
        chunk_size: Rows of logits that are held at a time.

    Shapes:
        ``query`` :math:`[B, C]`, ``key`` :math:`[N, C]`, ``excluded`` :math:`[B]`;
        returns a scalar.

    Raises:
        ValueError: If ``temperature`` or ``chunk_size`` is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive (got {temperature})")
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be positive (got {chunk_size})")
    if query.dtype in (torch.float16, torch.bfloat16):
        query, key = query.float(), key.float()
    # Logits of up to 1 / temperature lose too much in half precision.
    with torch.autocast(query.device.type, enabled=False):
        out: Tensor = _LogPartition.apply(  # type: ignore[no-untyped-call]
            query, key, temperature, excluded, chunk_size
        )
    return out


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        temperature: float,
        excluded: OptTensor,
        chunk_size: int,
    ) -> Tensor:
        needs_grad = any(ctx.needs_input_grad)
        # Logits in bits: powers of two are cheaper than those of e.
        bits = math.log2(math.e) / temperature
        scaled = query * bits
        columns = key.t().contiguous()  # [C, num_keys], read once per chunk
        total = torch.zeros((), dtype=torch.float64, device=query.device)
        grad_query, grad_key = torch.empty_like(query), torch.zeros_like(key)
        buffer = query.new_empty(min(chunk_size, query.size(0)), key.size(0))
        for start in range(0, query.size(0), chunk_size):
            rows = slice(start, min(start + chunk_size, query.size(0)))
            chunk = scaled[rows]
            logits = torch.mm(chunk, columns, out=buffer[: chunk.size(0)])
            if excluded is not None:
                row = torch.arange(chunk.size(0), device=query.device)
                logits[row, excluded[rows]] = -torch.inf
            if bits >= SAFE_BITS:
                shift = logits.amax(dim=1)
                logits.sub_(shift.unsqueeze(1))
                total += shift.sum()
            weight = logits.exp2_()
            mass = weight.sum(dim=1)
            total += mass.log2().sum()
            if needs_grad:
                share = mass.reciprocal_().unsqueeze(1)
                grad_query[rows] = (weight @ key).mul_(share)
                grad_key.addmm_(weight.t(), chunk * share)
        if needs_grad:
            ctx.save_for_backward(
                grad_query.div_(temperature), grad_key.mul_(math.log(2))
            )
        return (total * math.log(2)).to(query.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[OptTensor, ...]:
        grad_query, grad_key = ctx.saved_tensors
        return grad * grad_query, grad * grad_key, None, None, None


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
            on it.

    Shapes:
        Both :math:`[N, C]`; returns a scalar.
    """
    x, y = l2_normalize(x), l2_normalize(y)
    num_rows = x.size(0)
    own = torch.arange(num_rows, 2 * num_rows, device=x.device)
    candidates = torch.cat([y, x])  # [2 N, C]
    mass = log_partition(x, candidates, temperature, own, chunk_size)
    return (mass - (x * y).sum() / temperature) / num_rows
