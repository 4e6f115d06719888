"""The listwise ranking loss."""

import torch
from torch import Tensor


class SampledSoftmaxLoss(torch.nn.Module):
    r"""Pick the seen item among many, as in `"On the Effectiveness of Sampled Softmax
    Loss for Item Recommendation" <https://arxiv.org/abs/2201.02327>`_.

    .. math::
        -\frac{1}{B} \sum_b \log \frac{\exp(s^+_b / \tau)}
        {\exp(s^+_b / \tau) + \sum_{c \notin \mathcal{E}_b} \exp(s_{bc} / \tau)}

    All rows share the candidates :math:`c`; :math:`\mathcal{E}_b` are those that row
    :math:`b` must not be told from, such as the items that its user has seen.

    Args:
        temperature: :math:`\tau`. (default: :obj:`0.2`)

    Shapes:
        - **input:** scores of seen items :math:`(B)`, scores of the candidates
          :math:`(B, C)`, and the excluded (row, candidate) pairs :math:`(2, P)`
        - **output:** a scalar

    Raises:
        ValueError: If ``temperature`` is not positive.
    """

    def __init__(self, temperature: float = 0.2) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be positive (got {temperature})")
        self.temperature = temperature

    def forward(
        self, pos_score: Tensor, score: Tensor, excluded: Tensor | None = None
    ) -> Tensor:
        """Compute the loss."""
        positive = pos_score / self.temperature
        logits = score / self.temperature
        if excluded is not None:
            lowest = logits.new_tensor(-torch.inf)
            logits = logits.index_put((excluded[0], excluded[1]), lowest)
        every = torch.cat([positive.unsqueeze(-1), logits], dim=1)  # [B, 1 + C]
        return (every.logsumexp(dim=1) - positive).mean()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(temperature={self.temperature})"
