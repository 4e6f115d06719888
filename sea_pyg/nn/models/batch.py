"""What the losses on triplets share."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.nn.functional import bpr_loss
from sea_pyg.typing import Embeddings, OptTensor, Triplets


def lookup(embeddings: Embeddings, batch: Triplets) -> tuple[Tensor, Tensor, Tensor]:
    """Return the rows of the users, the positive and the negative items.

    The gradient adds up in the same order every time, on many threads or a GPU too.

    Shapes:
        Returns three tensors :math:`[B, D]`.
    """
    user, item = embeddings
    return (
        F.embedding(batch.user, user),
        F.embedding(batch.positive, item),
        F.embedding(batch.negative, item),
    )


def check_not_empty(batch: Triplets) -> None:
    """Check that a batch has interactions, whose mean a loss is.

    Raises:
        ValueError: If it has none.
    """
    if batch.user.numel() == 0:
        raise ValueError(
            "a batch must hold interactions (got none); leave empty batches out"
        )


class Distinct(NamedTuple):
    """The nodes of a batch's rows, each once."""

    node: Tensor
    """The nodes, :math:`[N]`."""
    position: Tensor
    """Where among them is that of each row, :math:`[B]`."""
    counts: Tensor
    """How many rows are of each, :math:`[N]`."""


def distinct(index: Tensor) -> Distinct:
    r"""Find the different nodes of some rows.

    A contrast of :math:`B` rows is one of their :math:`N` nodes, if each of these
    counts as often as it occurs; it takes :math:`N^2 / B^2` of the time.

    Shapes:
        ``index`` :math:`[B]`.
    """
    return Distinct(*index.unique(return_inverse=True, return_counts=True))


def batch_nodes(batch: Triplets, num_users: int) -> tuple[Tensor, Triplets]:
    """Find the different nodes of a batch in the stacked graph, users above items.

    Returns:
        The nodes, :math:`[N]`, and where among them those of the triplets are.
    """
    user, positive, negative = batch
    stacked = torch.cat([user, positive + num_users, negative + num_users])
    node, position, _ = distinct(stacked)
    return node, Triplets(*position.chunk(3))


def with_modality(batch: Triplets, mask: OptTensor) -> Triplets:
    """Keep the triplets of which both items have a modality.

    Args:
        batch: The triplets.
        mask: Which items have it, :math:`[N_i]`. (default: all)
    """
    if mask is None:
        return batch
    kept = mask[batch.positive] & mask[batch.negative]
    return Triplets(*(index[kept] for index in batch))


def rows_with_modality(
    mask: OptTensor, item: Tensor, *rows: Tensor
) -> tuple[Tensor, ...]:
    """Keep the rows of several matrices whose item has a modality.

    Args:
        mask: Which items have it, :math:`[N_i]`. (default: all)
        item: The item of each row, :math:`[B]`.
        *rows: The matrices, :math:`[B, C]` each.
    """
    if mask is None:
        return rows
    kept = mask[item]
    return tuple(x[kept] for x in rows)


def total(losses: Sequence[Tensor], like: Tensor) -> Tensor:
    """Add losses up, which may be none; a zero is of the type of ``like``."""
    return torch.stack(list(losses)).sum() if losses else like.new_zeros(())


def triplet_bpr(
    user: Tensor, positive: Tensor, negative: Tensor, log_base: float | None = None
) -> Tensor:
    """Compute the BPR loss of the dot products of the rows.

    The logarithm is natural by default.

    Shapes:
        All rows :math:`[B, D]`; returns a scalar.
    """
    pos_score = (user * positive).sum(dim=-1)
    return bpr_loss(pos_score, (user * negative).sum(dim=-1), log_base)


def norm_penalty(*embeddings: Tensor, power: int = 1) -> Tensor:
    r"""Compute the regulariser on the embeddings of a batch.

    .. math::
        \frac{1}{B} \sum_E \| E \|_F \quad \text{(power 1)} \qquad
        \frac{1}{2 B} \sum_E \| E \|_F^2 \quad \text{(power 2)}

    Args:
        *embeddings: Matrices :math:`E`; :math:`B` is the last one's number of rows.
        power: 1, as the MMRec and RecBole toolboxes have it, or 2, as the papers have
            it. (default: :obj:`1`)

    Shapes:
        Each :math:`[B, D]`; returns a scalar.

    Raises:
        ValueError: If ``power`` is neither 1 nor 2.
    """
    batch_size = embeddings[-1].size(0)
    if power == 1:
        return torch.stack([e.norm() for e in embeddings]).sum() / batch_size
    if power == 2:
        total = torch.stack([e.square().sum() for e in embeddings]).sum()
        return total / (2 * batch_size)
    raise ValueError(f"power must be 1 or 2 (got {power})")
