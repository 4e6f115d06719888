"""The alignment of two modalities' generic parts."""

import torch
from torch import Tensor

from sea_pyg.nn.functional import info_nce, l2_normalize
from sea_pyg.typing import OptTensor
from sea_pyg.utils import check_counts, check_temperature


class SoloSimLoss(torch.nn.Module):
    r"""Align the generic parts of two modalities: SoloSimLoss of `"It is Never Too
    Late to Mend: Separate Learning for Multimedia Recommendation"
    <https://arxiv.org/abs/2406.08270>`_.

    .. math::
        -\frac{1}{N} \sum_i \log
        \frac{\exp(\cos(q_i, k_i) / \tau)}{\sum_j \exp(\cos(q_i, k_j) / \tau)}

    It is one-directional: only the queries choose among the keys.

    Args:
        temperature: :math:`\tau`. (default: :obj:`0.046`)
        chunk_size: Queries whose logits are held at a time; the result is exact at
            any. All at once if :obj:`None`. (default: :obj:`512`)

    Shapes:
        - **input:** queries and keys, each :math:`(N, C)`, of any length
        - **output:** a scalar

    Raises:
        ValueError: If ``temperature`` or ``chunk_size`` is not positive.
    """

    def __init__(
        self, temperature: float = 0.046, chunk_size: int | None = 512
    ) -> None:
        super().__init__()
        check_temperature(temperature)
        if chunk_size is not None:
            check_counts(1, chunk_size=chunk_size)
        self.temperature = temperature
        self.chunk_size = chunk_size

    def forward(self, query: Tensor, key: Tensor, index: OptTensor = None) -> Tensor:
        """Compute the loss.

        Args:
            query: Queries.
            key: Keys.
            index: The item that each row stands for, :math:`(N)`; rows of one item
                count once. (default: all differ)
        """
        query, key = l2_normalize(query), l2_normalize(key)
        return info_nce(query, key, self.temperature, self.chunk_size, index, unit=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(temperature={self.temperature})"
