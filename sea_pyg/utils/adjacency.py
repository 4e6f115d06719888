"""The normalised user-item adjacency, built once per graph."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sea_pyg.utils.checks import check_floating
from sea_pyg.utils.interactions import check_ends
from sea_pyg.utils.memo import memoize
from sea_pyg.utils.norm import symmetric_norm
from sea_pyg.utils.sparse import compress, csr_matmul, csr_tensor, product_dtype


class SymmetricAdjacency:
    r"""A frozen symmetric sparse matrix :math:`A = A^\top`.

    Symmetry makes the backward product the forward one, so no transpose is stored.

    Args:
        rowptr: Compressed row pointers, :math:`[N + 1]`.
        col: Column of each entry, :math:`[E]`.
        value: Value of each entry, :math:`[E]`.
        num_nodes: :math:`N`.
    """

    def __init__(
        self, rowptr: Tensor, col: Tensor, value: Tensor, num_nodes: int
    ) -> None:
        self.rowptr = rowptr
        self.col = col
        self.value = value
        self.num_nodes = num_nodes
        self._matrix: dict[torch.dtype, Tensor] = {}

    def to_csr(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the matrix as a ``torch.sparse_csr`` tensor (built once a dtype)."""
        if dtype not in self._matrix:
            self._matrix[dtype] = csr_tensor(
                self.rowptr,
                self.col,
                self.value.to(dtype),
                (self.num_nodes, self.num_nodes),
            )
        return self._matrix[dtype]

    def matmul(self, x: Tensor) -> Tensor:
        """Compute ``A @ x``, differentiable in ``x`` to any order.

        Half-precision ``x`` is multiplied in float32 and the result cast back.

        Shapes:
            ``x`` :math:`[N, C]`; returns :math:`[N, C]`.
        """
        if x.dim() != 2 or x.size(0) != self.num_nodes:
            raise ValueError(
                f"the graph has {self.num_nodes} nodes, so x must be of shape "
                f"[{self.num_nodes}, channels] (got {list(x.shape)})"
            )
        check_floating(x)
        out: Tensor = _SymmetricMatmul.apply(self, x)  # type: ignore[no-untyped-call]
        return out

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_nodes={self.num_nodes}, "
            f"num_entries={self.col.numel()})"
        )


class _SymmetricMatmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, adjacency: SymmetricAdjacency, x: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        dtype = product_dtype(x.dtype)
        return csr_matmul(adjacency.to_csr(dtype), x.to(dtype)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, ctx.adjacency.matmul(grad.contiguous())


def bipartite_adjacency(
    edge_index: Tensor, num_users: int, num_items: int
) -> SymmetricAdjacency:
    r"""Build :math:`D^{-1/2} A D^{-1/2}` of the stacked user-item graph.

    Users are nodes :math:`0, \dots, N_u - 1`, items follow. There are no self-loops,
    and an isolated node has an empty row. The result is kept as long as the
    ``edge_index`` tensor lives unchanged, so every layer, model, step and evaluation
    on a graph shares one normalisation.

    Args:
        edge_index: Interactions as (user, item).
        num_users: :math:`N_u`.
        num_items: :math:`N_i`.

    Shapes:
        ``edge_index`` :math:`[2, E]`.

    Raises:
        ValueError: If ``edge_index`` is something else, as a sparse matrix, or ends at
            nodes that there are not.
    """
    given: object = edge_index  # callers pass what their graphs hold
    if (
        not isinstance(given, Tensor)
        or given.layout != torch.strided
        or given.is_floating_point()
        or given.dim() != 2
        or given.size(0) != 2
    ):
        what = type(given).__name__
        if isinstance(given, Tensor):
            what = f"{given.layout} {given.dtype} {list(given.shape)}"
        raise ValueError(
            "interactions must be an integer tensor edge_index of shape [2, E], users "
            f"above items (got {what}); of a sparse matrix, stack its rows and columns"
        )

    def build() -> SymmetricAdjacency:
        check_ends(edge_index, num_users, num_items)
        user, item = edge_index[0], edge_index[1] + num_users
        num_nodes = num_users + num_items
        # float64: the values are computed once, and serve float64 checks as well.
        one = torch.ones(user.numel(), dtype=torch.float64, device=user.device)
        weight = symmetric_norm(edge_index, num_users, num_items, one)
        row, col = torch.cat([user, item]), torch.cat([item, user])
        csr = compress(row, col, num_nodes, num_nodes)
        value = torch.cat([weight, weight])[csr.perm]
        return SymmetricAdjacency(csr.rowptr, csr.col, value, num_nodes)

    return memoize(edge_index, ("bipartite", num_users, num_items), build)


def pruned_adjacency(
    edge_index: Tensor, kept: Tensor, num_users: int, num_items: int
) -> SymmetricAdjacency:
    """Build the :func:`bipartite_adjacency` of ``edge_index[:, kept]``.

    For parts that are drawn anew in every step: the entries are picked out of those of
    the whole graph, without sorting them again and without waiting for a GPU.

    Args:
        edge_index: Interactions as (user, item).
        kept: Numbers of the edges that stay, each once.
        num_users: :math:`N_u`.
        num_items: :math:`N_i`.

    Shapes:
        ``edge_index`` :math:`[2, E]`, ``kept`` :math:`[K]`.
    """
    whole = bipartite_adjacency(edge_index, num_users, num_items)

    def build() -> Tensor:
        row = torch.cat([edge_index[0], edge_index[1] + num_users])
        return row.argsort(stable=True) % edge_index.size(1)  # as compress sorts them

    edge = memoize(edge_index, ("edges of entries", num_users), build)
    stays = torch.zeros(edge_index.size(1), dtype=torch.bool, device=edge.device)
    stays = stays.index_fill_(0, kept, True)[edge]
    before = F.pad(stays.cumsum(0), (1, 0))
    rowptr, size = before[whole.rowptr], 2 * kept.numel()
    # The entries that go share the last place. A boolean index would wait for its sum.
    place = torch.where(stays, before[:-1], size)
    col = whole.col.new_empty(size + 1).scatter_(0, place, whole.col)[:-1]
    degree = rowptr.diff()
    scale = degree.double().rsqrt()  # infinite where no entry is left to read it
    value = scale.repeat_interleave(degree, output_size=size) * scale[col]
    return SymmetricAdjacency(rowptr, col, value, whole.num_nodes)
