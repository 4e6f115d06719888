"""Full ranking of the catalogue, some users at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.typing import Embeddings
from sea_pyg.utils import (
    EdgeMembership,
    check_counts,
    check_users,
    device_of,
    rank_scores,
    row_buffer,
)

if TYPE_CHECKING:
    from sea_pyg.nn.models.recommender import Recommender

_SCORES_PER_CHUNK = 2**24
"""Scores held at a time by default: 64 MB, large enough for a fast matmul."""


@contextmanager
def evaluation_mode(model: "Recommender | Embeddings") -> Iterator[None]:
    """Have a model in evaluation mode in a block.

    Each of its modules has its own mode back afterwards; embeddings have none.
    """
    if isinstance(model, Embeddings):
        yield
        return
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _scorer(
    model: "Recommender | Embeddings", data: HeteroData, chunk: int
) -> Callable[[Tensor], Tensor]:
    """Return a function from users to scores that may be overwritten."""
    embeddings = model if isinstance(model, Embeddings) else model.encode(data)
    if not isinstance(model, Embeddings) and not model.scores_by_embeddings:
        recommender = model

        def own_score(users: Tensor) -> Tensor:
            found = recommender.score(data, users, embeddings)
            expected = [users.numel(), recommender.num_items]
            if list(found.shape) != expected or not found.is_floating_point():
                raise ValueError(
                    f"score of {type(recommender).__name__} must return numbers of "
                    f"shape {expected} (got {list(found.shape)}, {found.dtype})"
                )
            return found.clone()  # a model may return a view of its own state

        return own_score
    user, item = embeddings
    if not isinstance(model, Embeddings):
        sizes = [model.num_users, model.num_items]
        if [user.size(0), item.size(0)] != sizes:
            raise ValueError(
                f"encode of {type(model).__name__} must return one row per user and "
                f"item, {sizes} (got {[user.size(0), item.size(0)]})"
            )
    key = item.t()
    buffer = row_buffer(user, chunk, item.size(0))

    def score(users: Tensor) -> Tensor:
        return torch.mm(user[users], key, out=buffer[: users.numel()])

    return score


def rank_items(
    model: "Recommender | Embeddings",
    data: HeteroData,
    user_index: Tensor,
    k: int,
    seen: EdgeMembership | None,
    num_items: int,
    batch_size: int | None = None,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rank the whole catalogue for some users without a users x items matrix.

    The model is encoded once; call it without gradient and in evaluation mode.

    Args:
        model: The recommender, or embeddings whose dot product is the score.
        data: The graph that the model encodes.
        user_index: Users to rank for.
        k: Length of the rankings.
        seen: Pairs that must not be ranked.
        num_items: Size of the catalogue.
        batch_size: Users scored at a time; 64 MB of scores by default.

    Yields:
        Users :math:`[B]`, their rankings :math:`[B, k]`, and the scores.

    Raises:
        ValueError: If ``k`` is not between 1 and the number of items, ``user_index`` is
            no vector of numbers, a user does not exist, or ``batch_size`` is not
            positive.
    """
    if isinstance(k, bool) or not hasattr(k, "__index__") or not 1 <= k <= num_items:
        raise ValueError(
            f"k must lie between 1 and the number of items {num_items} (got {k!r})"
        )
    num_users = model.user.size(0) if isinstance(model, Embeddings) else model.num_users
    check_users(user_index, num_users)
    if not isinstance(model, Embeddings):
        user_index = user_index.to(device_of(model) or user_index.device)
    if batch_size is not None:
        check_counts(1, batch_size=batch_size)
        batch_size = int(batch_size)
    chunk = batch_size or max(1, _SCORES_PER_CHUNK // num_items)
    score_of = _scorer(model, data, min(chunk, user_index.numel()))
    for users in torch.split(user_index, chunk):
        score = score_of(users)
        if seen is not None:
            row, item = seen.seen(users)
            score[row, item] = -torch.inf
        value, index = rank_scores(score, int(k))
        yield users, index, value
