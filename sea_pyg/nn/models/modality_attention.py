"""Attention of every node's modalities to each other."""

import math

import torch
from torch import Tensor
from torch.nn import Linear


class ModalityAttention(torch.nn.Module):
    r"""Mix a node's modalities by multi-head attention, and average them.

    .. math::
        \bar{e} = \frac{1}{M} \sum_m W_O \Big\Vert_{h} \sum_{m'}
        \mathrm{softmax}_{m'} \Big( \frac{(Q_h e^{(m)})^\top K_h e^{(m')}}
        {\sqrt{C / H}} \Big) e^{(m')}

    The heads share their values, which have no map, as in `"Multi-Modal
    Self-Supervised Learning for Recommendation" <https://arxiv.org/abs/2302.10632>`_.

    Args:
        channels: Width :math:`C`, a multiple of ``num_heads``.
        num_heads: Number of heads :math:`H`.

    Shapes:
        - **input:** :math:`(N, M, C)`
        - **output:** :math:`(N, C)`
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = Linear(channels, channels, bias=False)
        self.key = Linear(channels, channels, bias=False)
        self.out = Linear(num_heads * channels, channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all maps anew."""
        for linear in (self.query, self.key, self.out):
            torch.nn.init.xavier_uniform_(linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Attend, average, and map."""
        shape = (*x.shape[:2], self.num_heads, -1)
        query, key = (
            linear(x).view(shape).transpose(1, 2) for linear in (self.query, self.key)
        )  # [N, H, M, C / H]
        # By hand: the fused kernels' backward is not deterministic everywhere.
        logit = query @ key.transpose(2, 3) / math.sqrt(query.size(-1))
        share = logit.softmax(dim=-1).mean(dim=2)  # [N, H, M]: averaged before it mixes
        out: Tensor = self.out((share.to(x.dtype) @ x).flatten(1))
        return out
