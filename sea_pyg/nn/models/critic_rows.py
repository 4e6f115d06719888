"""Rows over all items that a critic of interactions compares."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.nn.functional import l2_normalize
from sea_pyg.typing import Embeddings
from sea_pyg.utils import EdgeMembership


def unseen_rows(x: Embeddings, user_index: Tensor, seen: EdgeMembership) -> Tensor:
    """Multiply users by all items; drop the items that they saw; scale to unit length.

    Shapes:
        ``user_index`` :math:`[B]`; returns :math:`[B, N_i]`.
    """
    score = F.embedding(user_index, x.user) @ x.item.t()
    score[seen.seen(user_index)] = 0
    return l2_normalize(score)


def softened_rows(
    unseen: Tensor,
    user_index: Tensor,
    seen: EdgeMembership,
    noise_scale: float,
    temperature: float,
    unseen_weight: float,
) -> Tensor:
    r"""Soften interactions by Gumbel noise, and add rows over the unseen items.

    .. math::
        \mathrm{norm} \Big( \mathrm{softmax} \Big( \frac{R_u + \sigma g}{\tau} \Big)
        + \zeta s_u \Big)

    Args:
        unseen: Rows :math:`s` over the unseen items.
        user_index: Their users.
        seen: The interactions :math:`R`.
        noise_scale: :math:`\sigma`.
        temperature: :math:`\tau`.
        unseen_weight: :math:`\zeta`.

    Shapes:
        ``unseen`` :math:`[B, N_i]`, ``user_index`` :math:`[B]`; returns
        :math:`[B, N_i]`.
    """
    # Gumbel noise is minus the logarithm of an exponential variable.
    logit = torch.empty_like(unseen).exponential_().log_().mul_(-noise_scale)
    logit[seen.seen(user_index)] += 1
    soft = logit.div_(temperature).softmax(dim=1)
    return l2_normalize(soft + unseen_weight * unseen)
