"""The softmax over items that a batch shares, without holding its scores."""

from torch import Tensor

from sea_pyg.nn.functional.log_partition import check_options, in_full, log_partition
from sea_pyg.typing import OptTensor


def sampled_softmax(
    query: Tensor,
    positive: Tensor,
    candidate: Tensor,
    temperature: float,
    excluded: OptTensor = None,
    chunk_size: int | None = 512,
    unit: bool = False,
) -> Tensor:
    r"""Compute the sampled softmax loss of `"On the Effectiveness of Sampled Softmax
    Loss for Item Recommendation" <https://arxiv.org/abs/2201.02327>`_.

    .. math::
        -\frac{1}{B} \sum_b \log \frac{\exp(q_b^\top p_b / \tau)}
        {\exp(q_b^\top p_b / \tau) + \sum_{c \notin \mathcal{E}_b}
        \exp(q_b^\top k_c / \tau)}

    Args:
        query: Users :math:`q`.
        positive: The item :math:`p` of each user.
        candidate: The items :math:`k` that all users share.
        temperature: :math:`\tau`.
        excluded: The (row, candidate) pairs :math:`\mathcal{E}` that are left out.
            (default: none)
        chunk_size: Rows whose scores a CPU holds at a time; the result is exact at any.
            All at once if :obj:`None`, and on other devices. (default: :obj:`512`)
        unit: Whether all vectors are known to be of unit length at most. Their scores
            are bounded, so that no maximum is sought where they cannot overflow.
            (default: :obj:`False`)

    Shapes:
        ``query`` and ``positive`` :math:`[B, D]`, ``candidate`` :math:`[C, D]`,
        ``excluded`` :math:`[2, P]`; returns a scalar. Memory is ``chunk_size * C``
        floats.

    Raises:
        ValueError: If the shapes differ, there is no row, or ``temperature`` or
            ``chunk_size`` is not positive.
    """
    if query.dim() != 2 or query.shape != positive.shape or query.size(0) == 0:
        raise ValueError(
            "query and positive must have one shape [B, D] with B > 0 (got "
            f"{list(query.shape)} and {list(positive.shape)})"
        )
    if candidate.dim() != 2 or candidate.size(1) != query.size(1):
        raise ValueError(
            f"candidate must be of shape [C, {query.size(1)}] (got "
            f"{list(candidate.shape)})"
        )
    check_options(temperature, chunk_size)
    query, positive, candidate = in_full(query, positive, candidate)
    if chunk_size is None or query.device.type != "cpu":
        chunk_size = query.size(0)
    logit = (query * positive).sum(dim=1) / temperature
    loss = log_partition(
        query, candidate, temperature, excluded, chunk_size, unit, positive=logit
    )
    return loss / query.size(0)
