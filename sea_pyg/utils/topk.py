"""Inner-product search that never holds the full score matrix."""

from collections.abc import Callable

import torch
from torch import Tensor

from sea_pyg.utils.row_buffer import row_buffer


@torch.no_grad()
def chunked_topk(
    query: Tensor,
    key: Tensor,
    k: int,
    chunk_size: int = 1024,
    exclude: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None,
) -> tuple[Tensor, Tensor]:
    """Find the ``k`` keys of largest inner product with every query, without gradient.

    Args:
        query: Queries.
        key: Keys.
        k: Number of keys per query.
        chunk_size: Queries scored at a time; memory is ``chunk_size * N`` floats.
            (default: :obj:`1024`)
        exclude: Called with the query numbers of a chunk, :math:`[B]`; returns
            ``(row, key_index)`` pairs, ``row`` counting within the chunk, that must
            not be returned, *e.g.* :meth:`EdgeMembership.seen`.

    Shapes:
        ``query`` :math:`[M, C]`, ``key`` :math:`[N, C]`; returns values and indices,
        each :math:`[M, k]`, best first; ``-inf`` and -1 where fewer than ``k`` keys
        remain.

    Raises:
        ValueError: If ``k`` is not between 1 and the number of keys.
    """
    if not 1 <= k <= key.size(0):
        raise ValueError(
            f"k must lie between 1 and the number of candidates {key.size(0)} (got {k})"
        )
    num_queries, num_keys = query.size(0), key.size(0)
    values = query.new_empty(num_queries, k)
    indices = torch.empty(num_queries, k, dtype=torch.long, device=query.device)
    # One buffer for all chunks: small results allocated between large temporaries
    # would let each of these leave a hole in the heap that the next does not fit.
    buffer = row_buffer(query, min(chunk_size, num_queries), num_keys)
    for start in range(0, num_queries, chunk_size):
        chunk = query[start : start + chunk_size]
        stop = start + chunk.size(0)
        score = torch.mm(chunk, key.t(), out=buffer[: stop - start])
        if exclude is not None:
            row, column = exclude(torch.arange(start, stop, device=query.device))
            score[row, column] = -torch.inf
        value, index = score.topk(k, dim=1)
        if exclude is not None:
            index = index.masked_fill(value == -torch.inf, -1)
        values[start:stop], indices[start:stop] = value, index
    return values, indices
