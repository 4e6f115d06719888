"""Room for matrices that are written a chunk of rows at a time."""

from torch import Tensor

_LINE_BYTES = 64
"""A cache line, and the widest vector register."""


def row_buffer(like: Tensor, num_rows: int, num_columns: int) -> Tensor:
    """Make room for a matrix each of whose rows starts on a cache line.

    A product is written to it in less time than to packed rows, whose vectors cross
    cache lines unless the number of columns happens to fit.

    Args:
        like: A tensor with the matrix's type and device.
        num_rows: Number of rows.
        num_columns: Number of columns.

    Returns:
        An uninitialised matrix :math:`[R, C]`, whose rows lie at most 64 bytes further
        apart than they are long.
    """
    unit = max(_LINE_BYTES // like.element_size(), 1)
    width = -(-num_columns // unit) * unit
    return like.new_empty(num_rows, width)[:, :num_columns]
