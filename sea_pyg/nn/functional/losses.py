"""Pure maths of the losses and maps; modules that hold parameters build on it."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.typing import OptTensor

SAFE_BITS = 60
"""Logits to base 2 within which sums of their powers neither overflow nor vanish."""


def l2_normalize(x: Tensor, eps: float = 1e-12) -> Tensor:
    """Scale every row to unit length; a row of zeros stays zero."""
    out: Tensor = _L2Normalize.apply(x, eps)  # type: ignore[no-untyped-call]
    return out


class _L2Normalize(torch.autograd.Function):
    """Normalise with a backward of few passes over the memory.

    Autograd would send the gradient through the division and the norm one by one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        scale = x.norm(dim=-1, keepdim=True).clamp_min(eps)
        out: Tensor = x / scale
        ctx.save_for_backward(x, out, scale)
        ctx.eps = eps
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x, out, scale = ctx.saved_tensors
        if torch.is_grad_enabled():  # it is differentiated again
            scale = x.norm(dim=-1, keepdim=True).clamp_min(ctx.eps)
            out = x / scale
        along = (grad * out).sum(dim=-1, keepdim=True)
        along = along.masked_fill(scale <= ctx.eps, 0)  # its length is held there
        return torch.addcmul(grad, out, along, value=-1) / scale, None


def bpr_loss(
    pos_score: Tensor, neg_score: Tensor, log_base: float | None = None
) -> Tensor:
    r"""Compute the loss of `"BPR: Bayesian Personalized Ranking from Implicit
    Feedback" <https://arxiv.org/abs/1205.2618>`_.

    .. math::
        -\frac{1}{B} \sum_b \log \sigma(s^+_b - s^-_b)

    Args:
        pos_score: Scores of seen items.
        neg_score: Scores of unseen items.
        log_base: Base of the logarithm; natural by default.

    Shapes:
        Both scores :math:`[B]`; returns a scalar.

    Raises:
        ValueError: If the shapes differ or ``log_base`` is not above 1.
    """
    if pos_score.shape != neg_score.shape:
        raise ValueError(
            "pos_score and neg_score must have one shape (got "
            f"{list(pos_score.shape)} and {list(neg_score.shape)})"
        )
    loss = F.softplus(neg_score - pos_score).mean()
    if log_base is None:
        return loss
    if not log_base > 1:
        raise ValueError(f"log_base must be above 1 (got {log_base})")
    return loss / math.log(log_base)


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
    if not temperature > 0:
        raise ValueError(f"temperature must be positive (got {temperature})")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size must be positive (got {chunk_size})")
    if query.dtype in (torch.float16, torch.bfloat16):
        query, key = query.float(), key.float()
    count = None if index is None else _multiplicity(index).to(query.dtype)
    # Logits of up to 1 / temperature lose too much in half precision.
    with torch.autocast(query.device.type, enabled=False):
        if chunk_size is None or chunk_size >= query.size(0):
            return _whole_info_nce(query, key, temperature, count)
        bounded = unit and math.log2(math.e) / temperature < SAFE_BITS
        out: Tensor = _ChunkedInfoNCE.apply(  # type: ignore[no-untyped-call]
            query, key, temperature, chunk_size, count, bounded
        )
        return out


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


class _ChunkedInfoNCE(torch.autograd.Function):
    """Exact InfoNCE that computes the gradient together with the value.

    The logits are needed for both, so each chunk is formed once; the gradient with
    respect to the inputs is as small as they are and waits for ``backward``.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        temperature: float,
        chunk_size: int,
        count: OptTensor,
        bounded: bool,
    ) -> Tensor:
        num_rows = query.size(0)
        needs_grad = any(ctx.needs_input_grad)
        # Logits in bits: powers of two are cheaper than those of e.
        scaled = query * (math.log2(math.e) / temperature)
        positive = (scaled * key).sum(dim=1)
        # Of rows that stand for the same, each has its share.
        part = torch.ones_like(positive) if count is None else count.reciprocal()
        part = part / part.sum()
        total = torch.zeros((), dtype=torch.float64, device=query.device)
        grad_query, grad_key = torch.empty_like(query), torch.zeros_like(key)
        columns = key.t().contiguous()  # [C, num_rows], read once per chunk
        once = None if count is None else count.reciprocal()
        counted = key if once is None else once.unsqueeze(1) * key
        for start in range(0, num_rows, chunk_size):
            rows = slice(start, min(start + chunk_size, num_rows))
            logits = scaled[rows] @ columns  # [chunk, num_rows]
            loss = -positive[rows]
            if not bounded:
                shift = logits.amax(dim=1)
                logits.sub_(shift.unsqueeze(1))
                loss += shift
            weight = logits.exp2_()
            mass = weight.sum(dim=1) if once is None else weight @ once
            loss += mass.log2()
            total += (part[rows] * loss).sum()
            if needs_grad:
                # d loss / d logits: softmax, minus one at the positive.
                share = (part[rows] / mass).unsqueeze(1)
                grad_query[rows] = (weight @ counted).mul_(share)
                grad_key.addmm_(weight.t(), scaled[rows] * share)
        if needs_grad:
            if once is not None:
                grad_key.mul_(once.unsqueeze(1))
            part = part.unsqueeze(1)
            grads = (
                grad_query.sub_(part * key).div_(temperature),
                grad_key.sub_(part * scaled).mul_(math.log(2)),
            )
            ctx.save_for_backward(*grads)
        return (total * math.log(2)).to(query.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[OptTensor, ...]:
        grad_query, grad_key = ctx.saved_tensors
        return (
            grad * grad_query if ctx.needs_input_grad[0] else None,
            grad * grad_key if ctx.needs_input_grad[1] else None,
            None,
            None,
            None,
            None,
        )


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    r"""Compute :math:`\frac{1}{N} \sum_i \lVert x_i - y_i \rVert^2`.

    Shapes:
        Both :math:`[N, C]`; returns a scalar.
    """
    return (x - y).square().sum(dim=-1).mean()


def squared_cosine(x: Tensor, y: Tensor) -> Tensor:
    r"""Compute :math:`\frac{1}{N} \sum_i \cos^2(x_i, y_i)`.

    Shapes:
        Both :math:`[N, C]`; returns a scalar.
    """
    return (l2_normalize(x) * l2_normalize(y)).sum(dim=-1).square().mean()
