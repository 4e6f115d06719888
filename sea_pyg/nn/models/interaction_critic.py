"""A critic of rows over all items."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import BatchNorm1d, Linear

from sea_pyg.nn.models.critic_rows import UnseenRows

Rows: TypeAlias = Tensor | UnseenRows
SLOPE = 0.2
"""Of the leaky ReLUs, below zero."""


class InteractionCritic(torch.nn.Module):
    r"""Tell rows of interactions from rows of scores.

    Two hidden layers, each of a linear map, a leaky ReLU, batch normalisation and
    dropout, then a linear map to a scaled sigmoid, as in `"Multi-Modal Self-Supervised
    Learning for Recommendation" <https://arxiv.org/abs/2302.10632>`_.

    Args:
        num_items: Number of items :math:`N_i`.
        channels: Width of the first hidden layer; the second has half of it.
            (default: :obj:`64`)
        dropout: Of either hidden layer. (default: :obj:`(0.31, 0.5)`)
        scale: The largest judgement; the least is zero. (default: :obj:`100.0`)

    Rows are a tensor or an
    :class:`~sea_pyg.nn.models.critic_rows.UnseenRows`, a matrix by its factors.

    Shapes:
        :meth:`forward` takes :math:`[B_m, N_i]` each, and returns the judgements,
        :math:`[\sum_m B_m]`, of which there must be two at least.
    """

    def __init__(
        self,
        num_items: int,
        channels: int = 64,
        dropout: Sequence[float] = (0.31, 0.5),
        scale: float = 100.0,
    ) -> None:
        super().__init__()
        self.dropout = tuple(dropout)
        self.scale = scale
        half = channels // 2
        self.first = Linear(num_items, channels)
        self.first_norm = BatchNorm1d(channels, track_running_stats=False)
        self.second = Linear(channels, half)
        self.second_norm = BatchNorm1d(half, track_running_stats=False)
        self.last = Linear(half, 1)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for linear in (self.first, self.second, self.last):
            torch.nn.init.kaiming_normal_(linear.weight)
            torch.nn.init.zeros_(linear.bias)
        for norm in (self.first_norm, self.second_norm):
            norm.reset_parameters()

    def forward(self, *rows: Rows) -> Tensor:
        """Judge rows, those of several matrices below each other."""
        return self._judge(self._hidden(rows))

    def _hidden(self, rows: Sequence[Rows]) -> Tensor:
        weight = self.first.weight.t()
        given = [x.to(weight) if isinstance(x, Tensor) else x for x in rows]
        return torch.cat([x @ weight for x in given]) + self.first.bias

    def _judge(self, hidden: Tensor) -> Tensor:
        x = self.first_norm(F.leaky_relu(hidden, SLOPE))
        x = F.dropout(x, self.dropout[0], self.training)
        x = self.second_norm(F.leaky_relu(self.second(x), SLOPE))
        x = F.dropout(x, self.dropout[1], self.training)
        out: Tensor = self.scale * torch.sigmoid(self.last(x)).squeeze(1)
        return out

    def loss(
        self, real: Rows, fakes: Sequence[Rows], gradient_penalty: float
    ) -> Tensor:
        r"""Compute the objective of a Wasserstein critic :math:`D`.

        .. math::
            \mathrm{mean} \, D(\hat{x}) - \mathrm{mean} \, D(x) + \lambda \,
            \mathrm{mean} \big( \| \nabla_{\tilde{x}} \Sigma D(\tilde{x}) \| - 1 \big)^2

        where :math:`\tilde{x}` lies at a random place between :math:`x` and
        :math:`\hat{x}`, from `"Improved Training of Wasserstein GANs"
        <https://arxiv.org/abs/1704.00028>`_. The first map is linear, so that
        :math:`\tilde{x}` and its gradient are handled as wide as the hidden layer.

        Args:
            real: Real rows :math:`x`.
            fakes: Several fake rows :math:`\hat{x}` for each of them.
            gradient_penalty: :math:`\lambda`.

        Shapes:
            All rows :math:`[B, N_i]`; returns a scalar.
        """
        hidden = self._hidden([real])
        fake = self._hidden(fakes)  # [M B, channels]
        mix = torch.rand_like(fake[:, :1])
        between = mix * hidden.repeat(len(fakes), 1) + (1 - mix) * fake
        total = self._judge(between).sum()
        (slope,) = torch.autograd.grad(total, between, create_graph=True)
        weight = self.first.weight
        squared = ((slope @ (weight @ weight.t())) * slope).sum(dim=1)
        length = squared.clamp_min(1e-12).sqrt()  # a root has no slope at zero
        penalty = (length - 1).square().mean()
        difference = self._judge(fake).mean() - self._judge(hidden).mean()
        out: Tensor = difference + gradient_penalty * penalty
        return out
