"""The listwise ranking loss."""

import torch
from torch import Tensor

from sea_pyg.nn.functional import l2_normalize, sampled_softmax
from sea_pyg.typing import OptTensor
from sea_pyg.utils import check_temperature


class SampledSoftmaxLoss(torch.nn.Module):
    r"""Pick the seen item among many by its cosine, as in `"On the Effectiveness of
    Sampled Softmax Loss for Item Recommendation" <https://arxiv.org/abs/2201.02327>`_.

    .. math::
        -\frac{1}{B} \sum_b \log \frac{\exp(\cos(q_b, p_b) / \tau)}
        {\exp(\cos(q_b, p_b) / \tau) + \sum_{c \notin \mathcal{E}_b}
        \exp(\cos(q_b, k_c) / \tau)}

    All rows share the candidates :math:`k`; :math:`\mathcal{E}_b` are those that row
    :math:`b` must not be told from, such as the items that its user has seen. The
    scores are held a chunk of rows at a time. :func:`~sea_pyg.loader.shared_candidates`
    chooses the candidates of a batch:

    .. code-block:: python

        softmax = SampledSoftmaxLoss(temperature=0.2)
        seen = EdgeMembership(train[RATES].edge_index, num_users, num_items)
        for batch in InteractionLoader(train):
            user, item = model.encode(train)
            candidate, excluded = shared_candidates(batch, seen, limit=1024)
            loss = softmax(
                user[batch.user], item[batch.positive], item[candidate], excluded
            )

    Args:
        temperature: :math:`\tau`. (default: :obj:`0.2`)
        chunk_size: Rows whose scores a CPU holds at a time; the result is exact at any.
            (default: :obj:`512`)

    Shapes:
        - **input:** users :math:`(B, D)`, the seen item of each :math:`(B, D)`, the
          candidates :math:`(C, D)`, all of any length, and the excluded (row,
          candidate) pairs :math:`(2, P)` *(optional)*
        - **output:** a scalar

    Raises:
        ValueError: If ``temperature`` is not positive.

    .. note::
        What is learned is how likely a row picks an item over how likely the item is to
        be a candidate. Where popular items are candidates more often, a score has to
        give that back, as ``sampling_correction`` of :class:`~sea_pyg.nn.models.SEA`
        does.
    """

    def __init__(self, temperature: float = 0.2, chunk_size: int | None = 512) -> None:
        super().__init__()
        check_temperature(temperature)
        self.temperature = temperature
        self.chunk_size = chunk_size

    def forward(
        self,
        query: Tensor,
        positive: Tensor,
        candidate: Tensor,
        excluded: OptTensor = None,
    ) -> Tensor:
        """Compute the loss."""
        return sampled_softmax(
            l2_normalize(query),
            l2_normalize(positive),
            l2_normalize(candidate),
            self.temperature,
            excluded,
            self.chunk_size,
            unit=True,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(temperature={self.temperature})"
