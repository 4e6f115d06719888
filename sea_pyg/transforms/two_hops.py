"""Paths of two edges over the interactions, counted or weighed, in blocks."""

import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from sea_pyg.typing import OptTensor
from sea_pyg.utils import EdgeMembership


def hop_rows(
    pairs: EdgeMembership,
    weight: OptTensor = None,
    dtype: torch.dtype = torch.float32,
) -> Callable[[int, int], Tensor]:
    r"""Return what computes rows of the sparse product
    :math:`X \, \mathrm{diag}(w) X^\top` of the pairs.

    Args:
        pairs: The matrix :math:`X` of ones, of shape :math:`[N, M]`.
        weight: The weight :math:`w` of every column, :math:`[M]`; ones if absent.
        dtype: Data type of the product. (default: :obj:`torch.float32`)

    Returns:
        A function of the first row and the one after the last, which returns these
        rows, sparse and coalesced :math:`[B, N]`.
    """
    num_rows, num_middle = pairs.num_users, pairs.num_items
    row = torch.div(pairs.key, num_middle, rounding_mode="floor")
    one = torch.ones(row.numel(), dtype=dtype, device=row.device)
    transposed = torch.sparse_coo_tensor(
        torch.stack([pairs.item, row]),
        one if weight is None else weight[pairs.item].to(dtype),
        (num_middle, num_rows),
        check_invariants=False,
    ).coalesce()

    def rows(start: int, stop: int) -> Tensor:
        part = slice(int(pairs.rowptr[start]), int(pairs.rowptr[stop]))
        block = torch.sparse_coo_tensor(
            torch.stack([row[part] - start, pairs.item[part]]),
            one[part],
            (stop - start, num_middle),
            is_coalesced=True,
            check_invariants=False,
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
            product: Tensor = torch.sparse.mm(block, transposed)
        return product.coalesce()

    return rows


def two_hops(
    pairs: EdgeMembership, weight: OptTensor, block_size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    r"""Compute the product of :func:`hop_rows` in blocks of rows.

    So memory stays bounded, and no dense matrix is ever held.

    Args:
        pairs: The matrix :math:`X` of ones, of shape :math:`[N, M]`.
        weight: The weight :math:`w` of every column, :math:`[M]`; ones if absent.
        block_size: Most paths of two edges held at a time (one row's are never parted).

    Yields:
        Rows, columns and values of what is not zero, ascending by row.
    """
    num_rows = pairs.num_users
    rows = hop_rows(pairs, weight)
    # Paths row -> middle -> row that start before each row.
    count = torch.bincount(pairs.item, minlength=pairs.num_items)[pairs.item]
    paths = torch.cat([count.new_zeros(1), count.cumsum(0)])[pairs.rowptr]
    start = 0
    while start < num_rows:
        limit = paths[start] + block_size
        stop = int(torch.searchsorted(paths, limit, right=True)) - 1
        stop = min(max(stop, start + 1), num_rows)
        product = rows(start, stop)
        first, second = product.indices()
        yield first + start, second, product.values()
        start = stop


def largest_of_each(row: Tensor, count: Tensor, k: int) -> Tensor:
    """Return which entries are among the ``k`` of largest count of their row (bool).

    Equal counts are taken in the order of the entries. Nothing is sorted: a histogram
    of counts per row tells where the ``k``-th lies.

    Args:
        row: Rows, ascending.
        count: Whole numbers, at least 1.
        k: Entries per row.
    """
    row = row - row[0]
    largest = count.new_zeros(int(row[-1]) + 1).scatter_reduce(0, row, count, "amax")
    # A row's counts as consecutive places, its largest first.
    end = largest.cumsum(0)
    place = end[row] - count
    number = torch.bincount(place, minlength=int(end[-1]))
    upto = number.cumsum(0)
    upto = upto - torch.cat([upto.new_zeros(1), upto])[end - largest].repeat_interleave(
        largest
    )
    kept = (upto <= k)[place]
    before = upto - number
    parted = ((before < k) & (upto > k))[place].nonzero().flatten()
    kept[parted] = _number_in_row(row[parted]) < k - before[place[parted]]
    return kept


def first_of_each(row: Tensor, k: int) -> Tensor:
    """Return which entries are among the first ``k`` of their row (bool).

    Args:
        row: Rows, ascending.
        k: Entries per row.
    """
    return _number_in_row(row) < k


def _number_in_row(row: Tensor) -> Tensor:
    """Number the entries of every row from 0."""
    degree = torch.bincount(row)
    start = degree.cumsum(0) - degree
    return torch.arange(row.numel(), device=row.device) - start[row]
