"""Unit rows, BPR, and the squared distance and cosine of rows."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def l2_normalize(x: Tensor, eps: float = 1e-12) -> Tensor:
    """Scale every row to unit length; a row of zeros stays zero, without gradient."""
    if x.dtype == torch.float16:  # which has no 1e-12, and no squares above 65504
        return l2_normalize(x.float(), eps).half()
    out: Tensor = _L2Normalize.apply(x, eps)  # type: ignore[no-untyped-call]
    return out


class _L2Normalize(torch.autograd.Function):
    """Normalise with a backward of few passes over the memory.

    Autograd would send the gradient through the division and the norm one by one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> Tensor:
        scale = _scale(x, eps)
        out: Tensor = x / scale
        ctx.save_for_backward(x, out, scale)
        ctx.eps = eps
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x, out, scale = ctx.saved_tensors
        if torch.is_grad_enabled():  # it is differentiated again
            scale = _scale(x, ctx.eps)
            out = x / scale
        along = (grad * out).sum(dim=-1, keepdim=True)
        along = along.masked_fill(scale <= ctx.eps, 0)  # its length is held there
        return torch.addcmul(grad, out, along, value=-1) / scale, None


def _scale(x: Tensor, eps: float) -> Tensor:
    """Return the length of every row, at least ``eps``.

    A row of zeros has no direction: its length is infinite, which leaves it zero, and
    without the gradient of 1 / eps, which half precision does not hold.
    """
    norm: Tensor = x.norm(dim=-1, keepdim=True)
    return norm.clamp_min(eps).masked_fill(norm == 0, math.inf)


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
        ValueError: If the shapes differ, there is no score or ``log_base`` is not
            above 1.
    """
    if pos_score.shape != neg_score.shape or pos_score.numel() == 0:
        raise ValueError(
            "pos_score and neg_score must have one shape [B] with B > 0 (got "
            f"{list(pos_score.shape)} and {list(neg_score.shape)})"
        )
    loss = F.softplus(neg_score - pos_score).mean()
    if log_base is None:
        return loss
    if not log_base > 1:
        raise ValueError(f"log_base must be above 1 (got {log_base})")
    return loss / math.log(log_base)


def squared_distance(x: Tensor, y: Tensor) -> Tensor:
    r"""Compute :math:`\frac{1}{N} \sum_i \lVert x_i - y_i \rVert^2`.

    Shapes:
        Both :math:`[N, C]`; returns a scalar.

    Raises:
        ValueError: If the shapes differ or there is no row.
    """
    _check_rows(x, y)
    return (x - y).square().sum(dim=-1).mean()


def row_cosine(x: Tensor, y: Tensor) -> Tensor:
    r"""Compute the cosine of every two rows; 0 where one is zero, in any precision.

    Shapes:
        Both :math:`[N, C]`; returns :math:`[N]`.
    """
    return (l2_normalize(x) * l2_normalize(y)).sum(dim=-1)


def squared_cosine(x: Tensor, y: Tensor) -> Tensor:
    r"""Compute :math:`\frac{1}{N} \sum_i \cos^2(x_i, y_i)`.

    Shapes:
        Both :math:`[N, C]`; returns a scalar.

    Raises:
        ValueError: If the shapes differ or there is no row.
    """
    _check_rows(x, y)
    return row_cosine(x, y).square().mean()


def _check_rows(x: Tensor, y: Tensor) -> None:
    if x.dim() != 2 or x.shape != y.shape or x.size(0) == 0:
        raise ValueError(
            "x and y must have one shape [N, C] with N > 0 (got "
            f"{list(x.shape)} and {list(y.shape)})"
        )
