"""The items that a batch's softmax is taken over, and how often each is among them."""

import torch
from torch import Tensor

from sea_pyg.typing import Triplets
from sea_pyg.utils import EdgeMembership, memoize


def shared_candidates(
    batch: Triplets, seen: EdgeMembership, limit: int | None = None
) -> tuple[Tensor, Tensor]:
    """Choose items that all rows of a batch are contrasted with.

    :class:`~sea_pyg.nn.loss.SampledSoftmaxLoss` takes both that it returns.
    They are the batch's items, half of them positives and half negatives where
    ``limit`` leaves some out, each once: its popular and its unpopular ones.

    Args:
        batch: The batch, in random order.
        seen: Who has seen what in training.
        limit: Most items. (default: all of the batch)

    Shapes:
        Returns the items, ascending, :math:`[C]`, and the pairs of a row and a position
        among them whose item the row's user has seen, :math:`[2, P]`.
    """
    positive, negative = batch.positive, batch.negative
    if limit is not None:
        num_positive, num_negative = _halves(limit)
        positive, negative = positive[:num_positive], negative[:num_negative]
    item = torch.cat([positive, negative]).unique()
    position = item.new_full((seen.num_items,), -1)
    position[item] = torch.arange(item.numel(), device=item.device)
    row, known = seen.seen(batch.user)
    pairs = torch.stack([row, position[known]])
    return item, pairs[:, pairs[1] >= 0]


def candidate_log_probability(edge_index: Tensor, num_items: int, limit: int) -> Tensor:
    r"""Compute how likely it is that :func:`shared_candidates` chooses an item.

    Of :math:`n` draws, half meet an item as a positive, by its share of the
    interactions, and half as a negative, all alike that have any:

    .. math::
        \pi_i = 1 - \Big( 1 - \frac{|\mathcal{U}_i|}{|\mathcal{E}|}
        \Big)^{\lceil n / 2 \rceil} \Big( 1 - \frac{1}{N_i}
        \Big)^{\lfloor n / 2 \rfloor}

    An item without interactions is drawn as neither. It is given the least of the
    others' probabilities, as what was learned of it tells nothing.
    It is exact for draws with replacement, of batches with at least half of ``limit``
    rows; that a negative avoids its user's items is left out of account.

    Args:
        edge_index: The training interactions.
        num_items: Number of items; :math:`N_i` of them have interactions.
        limit: Most candidates :math:`n`.

    Shapes:
        ``edge_index`` :math:`[2, E]`; returns :math:`\log \pi`, :math:`[N_i]`.
    """

    def build() -> Tensor:
        degree = torch.bincount(edge_index[1], minlength=num_items).float()
        share = degree / max(edge_index.size(1), 1)
        num_positive, num_negative = _halves(limit)
        missed = num_positive * torch.log1p(-share)
        drawn = degree > 0
        missed += num_negative * torch.log1p(-1 / drawn.sum().clamp(min=1))
        chosen = (-torch.expm1(missed)).log()
        return chosen.where(drawn, chosen[drawn].amin() if drawn.any() else chosen)

    return memoize(edge_index, ("candidate", num_items, limit), build)


def _halves(limit: int) -> tuple[int, int]:
    return -(-limit // 2), limit // 2
