"""The best columns of a score matrix, in an order that is always the same."""

import torch
from torch import Tensor

from sea_pyg.utils.non_finite_error import NonFiniteError


def rank_scores(score: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the ``k`` largest scores of every row, best first.

    Equal scores are ranked by column number, so that the result does not depend on the
    device or on how the rows are batched.

    Args:
        score: Scores; ``-inf`` is not to be ranked.
        k: Number of columns, at most as many as there are.

    Shapes:
        ``score`` :math:`[B, N]`; returns scores and columns, each :math:`[B, k]`;
        ``-inf`` and -1 where fewer than ``k`` columns can be ranked.

    Raises:
        NonFiniteError: If a score is NaN.
    """
    # One more than asked for shows whether the last place is shared.
    value, index = score.topk(min(k + 1, score.size(1)), dim=1)
    if value[:, 0].isnan().any():  # NaN sorts above everything.
        raise NonFiniteError(
            "the model's scores contain NaN, so that items cannot be ranked; check its "
            "training (learning rate, features)"
        )
    tie = (value[:, 1:] == value[:, :-1]) & (value[:, 1:] > -torch.inf)
    if tie.any():
        if value.size(1) > k:
            _share_last_place(score, value, index, k, tie[:, k - 1])
        row = tie.any(dim=1).nonzero().view(-1)
        by_index = index[row, :k].sort(dim=1)
        ordered = value[row, :k].gather(1, by_index.indices)
        order = ordered.argsort(dim=1, descending=True, stable=True)
        index[row, :k] = by_index.values.gather(1, order)
    value, index = value[:, :k], index[:, :k]
    return value, index.masked_fill(value == -torch.inf, -1)


def _share_last_place(
    score: Tensor, value: Tensor, index: Tensor, k: int, shared: Tensor
) -> None:
    """Give the places that tie with place ``k + 1`` to the smallest columns."""
    row = shared.nonzero().view(-1)
    last = value[row, k - 1 : k]  # [num_shared, 1]
    place = value[row, :k] == last  # [num_shared, k]
    candidate = score[row] == last  # [num_shared, num_columns]
    order = candidate.cumsum(dim=1, dtype=torch.int32)
    chosen = candidate & (order <= place.sum(dim=1, keepdim=True))
    ranked = index[row, :k]
    ranked[place] = chosen.nonzero()[:, 1]  # both row by row, equally many in each
    index[row, :k] = ranked
