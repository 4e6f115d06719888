"""The pairwise ranking loss."""

import torch
from torch import Tensor

from sea_pyg.nn.functional import bpr_loss
from sea_pyg.utils import check_interval


class BPRLoss(torch.nn.Module):
    r"""Rank seen items above unseen ones, as in `"BPR: Bayesian Personalized Ranking
    from Implicit Feedback" <https://arxiv.org/abs/1205.2618>`_.

    .. math::
        -\frac{1}{B} \sum_b \log \sigma(s^+_b - s^-_b)

    Args:
        log_base: Base of the logarithm. (default: natural)

    Shapes:
        - **input:** scores of seen and of unseen items, each :math:`(B)`
        - **output:** a scalar

    .. note::
        SEA's released code takes the logarithm to base 2, which weighs this loss 1.44
        times as much against the others; ``log_base=2`` does so here.
    """

    def __init__(self, log_base: float | None = None) -> None:
        super().__init__()
        if log_base is not None:
            check_interval("(1, inf)", log_base=log_base)
        self.log_base = log_base

    def forward(self, pos_score: Tensor, neg_score: Tensor) -> Tensor:
        """Compute the loss."""
        return bpr_loss(pos_score, neg_score, self.log_base)

    def __repr__(self) -> str:
        base = "" if self.log_base is None else f"log_base={self.log_base}"
        return f"{type(self).__name__}({base})"
