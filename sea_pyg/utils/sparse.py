"""Sparse-dense products over edge lists, without a message per edge."""

import warnings
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.typing import OptTensor
from sea_pyg.utils.checks import check_floating
from sea_pyg.utils.memo import memoize


def product_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return what is computed in where tensors of ``dtype`` meet edges.

    Half precision has no sparse product on a CPU, nor room for degrees beyond 2048.
    """
    return torch.float64 if dtype == torch.float64 else torch.float32


class CSRStructure(NamedTuple):
    """Where the edges of a COO list stand in compressed rows."""

    rowptr: Tensor
    """Shape :math:`[R + 1]`."""
    col: Tensor
    """Shape :math:`[E]`."""
    perm: Tensor
    """Shape :math:`[E]`: edge number of each entry."""
    num_rows: int
    num_cols: int

    def matmul(self, weight: Tensor, x: Tensor) -> Tensor:
        """Multiply the matrix with these edges' ``weight`` [E] by ``x`` [num_cols, C].

        No gradient is recorded; :func:`spmm` has one. Half-precision ``x`` is
        multiplied in float32 and the result cast back.
        """
        return _cast_matmul(self.matrix(weight, product_dtype(x.dtype)), x)

    def matrix(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the matrix with these edges' ``weight`` as a ``torch.sparse_csr``."""
        value = weight[self.perm].to(dtype)
        return csr_tensor(self.rowptr, self.col, value, (self.num_rows, self.num_cols))

    def sampled_matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """Multiply ``x`` [num_rows, C] by ``y`` [num_cols, C], where the edges are.

        Returns an entry per edge, in the order of the edge list. Half precision is
        multiplied in float32 and the result cast back.
        """
        dtype = product_dtype(x.dtype)
        zero = torch.zeros(self.col.numel(), dtype=dtype, device=x.device)
        matrix = csr_tensor(self.rowptr, self.col, zero, (self.num_rows, self.num_cols))
        with torch.autocast(x.device.type, enabled=False):
            found = torch.sparse.sampled_addmm(
                matrix, x.detach().to(dtype), y.detach().to(dtype).t(), beta=0.0
            )
        out = x.new_empty(self.perm.numel())
        out[self.perm] = found.values().to(x.dtype)
        return out


def _cast_matmul(matrix: Tensor, x: Tensor) -> Tensor:
    return csr_matmul(matrix, x.to(matrix.dtype)).to(x.dtype)


def csr_matmul(matrix: Tensor, x: Tensor) -> Tensor:
    """Multiply a ``torch.sparse_csr`` matrix by a dense one of the same dtype.

    Picks the product that ``benchmarks/propagation.py`` finds the fastest. For use
    where no gradient is recorded; autocast does not change it.

    Shapes:
        ``matrix`` :math:`[R, N]`, ``x`` :math:`[N, C]`; returns :math:`[R, C]`.
    """
    with torch.autocast(x.device.type, enabled=False):
        if x.device.type != "cpu" or x.size(1) == 0:
            return matrix @ x
        # A weighted sum of rows per bag; `torch.sparse.mm` would clear `out` before.
        # Detached, it keeps no notes for a gradient that its callers compute.
        return F.embedding_bag(
            matrix.col_indices(),
            x.detach(),
            matrix.crow_indices(),
            mode="sum",
            per_sample_weights=matrix.values().detach(),
            include_last_offset=True,
        )


def csr_tensor(
    rowptr: Tensor, col: Tensor, value: Tensor, size: tuple[int, int]
) -> Tensor:
    """Build a ``torch.sparse_csr`` tensor without its beta-state warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return torch.sparse_csr_tensor(rowptr, col, value, size, check_invariants=False)


def compress(row: Tensor, col: Tensor, num_rows: int, num_cols: int) -> CSRStructure:
    """Sort edges by row (stably) into a :class:`CSRStructure`.

    Raises:
        ValueError: If an edge ends at a node that does not exist; products would read
            past the end of their operands.
    """
    for end, size in ((row, num_rows), (col, num_cols)):
        if end.numel() > 0:
            low, high = (int(bound) for bound in end.aminmax())
            if low < 0 or high >= size:
                raise ValueError(
                    f"edges must end at nodes 0 to {size - 1} (got {low} to {high})"
                )
    row_sorted, perm = torch.sort(row, stable=True)
    boundaries = torch.arange(num_rows + 1, device=row.device)
    rowptr = torch.searchsorted(row_sorted, boundaries)
    return CSRStructure(rowptr, col[perm], perm, num_rows, num_cols)


class WeightedRows(NamedTuple):
    """Weighted edges, compressed by one of their ends."""

    rowptr: Tensor
    """Shape :math:`[N + 1]`."""
    col: Tensor
    """The other ends, :math:`[E]`."""
    weight: Tensor
    """Shape :math:`[E]`."""

    @classmethod
    def of(cls, row: Tensor, col: Tensor, weight: Tensor, size: int) -> "WeightedRows":
        """Compress edges between ``size`` nodes."""
        csr = compress(row, col, size, size)
        return cls(csr.rowptr, csr.col, weight[csr.perm])

    def follow(
        self, row: Tensor, node: Tensor, value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Multiply a sparse matrix by this one, entry by entry.

        Args:
            row: Rows of the matrix, :math:`[P]`.
            node: Its columns, from which the edges are followed, :math:`[P]`.
            value: Its values, :math:`[P]`.

        Returns:
            Rows, columns and values of the product, several for one place where there
            are several ways to it.
        """
        count = self.rowptr[node + 1] - self.rowptr[node]
        before = count.cumsum(0) - count
        entry = torch.repeat_interleave(
            torch.arange(node.numel(), device=node.device), count
        )
        place = (self.rowptr[node] - before)[entry]
        place += torch.arange(place.numel(), device=place.device)
        return row[entry], self.col[place], value[entry] * self.weight[place]


class _SpMM(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        edge_index: Tensor,
        weight: Tensor,
        x: Tensor,
        num_src: int,
        num_dst: int,
    ) -> Tensor:
        ctx.save_for_backward(edge_index, weight, x)
        ctx.sizes = (num_src, num_dst)
        return _product(edge_index, weight, x, ctx.sizes, False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[OptTensor, ...]:
        edge_index, weight, x = ctx.saved_tensors
        num_src, num_dst = ctx.sizes
        if torch.is_grad_enabled():  # it is differentiated again
            back = spmm(edge_index.flip(0), weight, grad, (num_dst, num_src))
            along = edge_dot(edge_index, x, grad).to(weight.dtype)
            return None, along, back, None, None
        grad_weight: OptTensor = None
        grad_x: OptTensor = None
        if ctx.needs_input_grad[1]:
            grad_weight = _edge_dot(edge_index, x, grad).to(weight.dtype)
        if ctx.needs_input_grad[2]:
            grad_x = _product(edge_index, weight, grad.contiguous(), ctx.sizes, True)
        return None, grad_weight, grad_x, None, None


def _product(
    edge_index: Tensor,
    weight: Tensor,
    x: Tensor,
    sizes: tuple[int, int],
    transpose: bool,
) -> Tensor:
    """Multiply by the weighted edges; what is not trained is compressed once."""
    structure = _structure(edge_index, *sizes, transpose)
    if weight.requires_grad:
        return structure.matmul(weight, x)
    dtype = product_dtype(x.dtype)
    matrix = memoize(
        weight,
        ("matrix", *sizes, transpose, dtype),
        lambda: structure.matrix(weight, dtype),
        edge_index,
    )
    return _cast_matmul(matrix, x)


def _structure(
    edge_index: Tensor, num_src: int, num_dst: int, transpose: bool
) -> CSRStructure:
    def build() -> CSRStructure:
        src, dst = edge_index[0], edge_index[1]
        if transpose:
            return compress(src, dst, num_src, num_dst)
        return compress(dst, src, num_dst, num_src)

    return memoize(edge_index, ("csr", num_src, num_dst, transpose), build)


def spmm(
    edge_index: Tensor,
    edge_weight: OptTensor,
    x: Tensor,
    size: tuple[int, int] | None = None,
) -> Tensor:
    r"""Aggregate weighted neighbours: :math:`y_j = \sum_{(i, j)} w_{ij} x_i`.

    The compressed rows are built once per ``edge_index`` tensor and kept as long as
    it lives, as are values that require no gradient as long as ``edge_weight`` lives,
    so that a frozen graph costs one sparse product a call. Differentiable
    in ``x`` and in ``edge_weight``.

    Args:
        edge_index: Edges as (source, destination).
        edge_weight: Weight per edge; ones by default.
        x: Source node features.
        size: Number of source and of destination nodes; the number of rows of ``x``
            for both by default.

    Shapes:
        ``edge_index`` :math:`[2, E]`, ``edge_weight`` :math:`[E]`, ``x``
        :math:`[N_{src}, C]`; returns :math:`[N_{dst}, C]`.

    Raises:
        ValueError: If ``x`` has not as many rows as there are source nodes or is of
            integers, there is not one weight per edge, or an edge ends at a node that
            does not exist.
    """
    num_src, num_dst = size if size is not None else (x.size(0), x.size(0))
    if x.dim() != 2 or x.size(0) != num_src:
        raise ValueError(
            f"spmm expects x of shape [{num_src}, channels] (got {list(x.shape)})"
        )
    check_floating(x)
    if edge_weight is None:
        edge_weight = torch.ones(
            edge_index.size(1), dtype=x.dtype, device=edge_index.device
        )
    elif edge_weight.shape != edge_index.shape[1:]:
        raise ValueError(
            f"spmm expects a weight per edge, [{edge_index.size(1)}] (got "
            f"{list(edge_weight.shape)})"
        )
    arguments = (edge_index, edge_weight, x, num_src, num_dst)
    out: Tensor = _SpMM.apply(*arguments)  # type: ignore[no-untyped-call]
    return out


def edge_dot(edge_index: Tensor, x: Tensor, y: Tensor) -> Tensor:
    r"""Compute the inner products of the edges' ends, :math:`z_{ij} = x_i^\top y_j`.

    No row per edge is held: the gradient is a sparse product, with the compressed rows
    that :func:`spmm` keeps. Differentiable in ``x`` and in ``y``.

    Args:
        edge_index: Edges as (source, destination).
        x: Source node features.
        y: Destination node features.

    Shapes:
        ``edge_index`` :math:`[2, E]`, ``x`` :math:`[N_{src}, C]`, ``y``
        :math:`[N_{dst}, C]`; returns :math:`[E]`.

    Raises:
        ValueError: If ``x`` and ``y`` are not matrices of one width, or an edge ends at
            a node that does not exist.
    """
    if x.dim() != 2 or y.dim() != 2 or x.size(1) != y.size(1):
        raise ValueError(
            "edge_dot expects x and y of shapes [num_src, channels] and "
            f"[num_dst, channels] (got {list(x.shape)} and {list(y.shape)})"
        )
    out: Tensor = _EdgeDot.apply(edge_index, x, y)  # type: ignore[no-untyped-call]
    return out


class _EdgeDot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, edge_index: Tensor, x: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(edge_index, x, y)
        return _edge_dot(edge_index, x, y)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[OptTensor, ...]:
        edge_index, x, y = ctx.saved_tensors
        sizes = (x.size(0), y.size(0))
        if torch.is_grad_enabled():  # it is differentiated again
            to_source = spmm(edge_index.flip(0), grad, y, sizes[::-1])
            return None, to_source, spmm(edge_index, grad, x, sizes)
        grad_x: OptTensor = None
        grad_y: OptTensor = None
        if ctx.needs_input_grad[1]:
            grad_x = _structure(edge_index, *sizes, True).matmul(grad, y)
        if ctx.needs_input_grad[2]:
            grad_y = _structure(edge_index, *sizes, False).matmul(grad, x)
        return None, grad_x, grad_y


def _edge_dot(edge_index: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Take the edges' entries of a product of matrices, and no others."""
    structure = _structure(edge_index, x.size(0), y.size(0), False)
    return structure.sampled_matmul(y, x)
