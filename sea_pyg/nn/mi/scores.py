"""Reductions of a critic's scores of all pairs."""

import math

import torch.nn.functional as F
from torch import Tensor


def log_sum_exp(scores: Tensor) -> Tensor:
    """Reduce each row to the logarithm of its sum of exponentials."""
    return scores.logsumexp(dim=1)


def softplus_sum(scores: Tensor) -> Tensor:
    """Reduce each row to its sum of softplus."""
    return F.softplus(scores).sum(dim=1)


def log_mean_off_diagonal(row_log_sums: Tensor) -> Tensor:
    """Combine rows' log-sums without diagonal to the log-mean over all such pairs."""
    num_rows = row_log_sums.size(0)
    return row_log_sums.logsumexp(dim=0) - math.log(num_rows * (num_rows - 1))


def jensen_shannon_loss(positive: Tensor, softplus_sums: Tensor) -> Tensor:
    """Combine the pairs' scores and rows' sums of softplus to the objective.

    Shapes:
        Both :math:`[N]`; returns a scalar.
    """
    num_rows = positive.size(0)
    negative = softplus_sums.sum() / (num_rows * (num_rows - 1))
    return F.softplus(-positive).mean() + negative
