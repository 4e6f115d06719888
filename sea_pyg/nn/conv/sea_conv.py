"""One parameter-free hop with symmetric normalisation."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.typing import SparseTensor
from torch_geometric.utils import is_torch_sparse_tensor, spmm, to_edge_index
from torch_geometric.utils.sparse import set_sparse_value

from sea_pyg.typing import Adj, OptTensor, PairTensor, Size
from sea_pyg.utils import (
    check_ends,
    check_floating,
    check_weights,
    product_dtype,
    symmetric_norm,
)


class SEAConv(MessagePassing):
    r"""The light graph convolution of `"It is Never Too Late to Mend: Separate Learning
    for Multimedia Recommendation" <https://arxiv.org/abs/2406.08270>`_.

    .. math::
        \mathbf{x}^{\prime}_i = \sum_{j \in \mathcal{N}(i)}
        \frac{e_{j,i}}{\sqrt{d_j d_i}} \mathbf{x}_j, \qquad
        d_j = \sum_{i} e_{j,i}, \quad d_i = \sum_{j} e_{j,i}

    There are no parameters, no self-loops and no non-linearity. On an undirected
    homogeneous graph this is :class:`torch_geometric.nn.conv.LGConv`, which counts the
    edges that point to a node at both ends. On a bipartite graph the degrees of either
    side are counted on that side, so that the two directions of a user-item graph
    together equal one hop on the stacked homogeneous graph.

    Args:
        normalize: Whether to normalise symmetrically; otherwise the weights are used
            as they are. (default: :obj:`True`)
        aggr: The aggregation. (default: :obj:`"sum"`)
        **kwargs: Further arguments of
            :class:`torch_geometric.nn.conv.MessagePassing`.

    Shapes:
        - **input:** node features :math:`(|\mathcal{V}|, F)` or
          :math:`((|\mathcal{V}_s|, F), (|\mathcal{V}_t|, F))` if bipartite, of which
          only the first is read; edge indices :math:`(2, |\mathcal{E}|)` or a
          transposed sparse matrix :math:`(|\mathcal{V}_t|, |\mathcal{V}_s|)`;
          edge weights :math:`(|\mathcal{E}|)` *(optional)*
        - **output:** node features :math:`(|\mathcal{V}|, F)` or
          :math:`(|\mathcal{V}_t|, F)`; zero for nodes without incoming edges

    .. note::
        The weights are normalised in every call. :class:`BipartitePropagation`
        normalises once per graph.

    .. note::
        Degrees are those of the edges that are given. Of a sampled neighbourhood, as
        :class:`~torch_geometric.loader.NeighborLoader` returns it, they are smaller
        than the graph's: store the weights of
        :func:`~sea_pyg.utils.symmetric_norm` as ``edge_weight`` before sampling, and
        pass the batch's to ``SEAConv(normalize=False)``.
    """

    def __init__(
        self, normalize: bool = True, aggr: str = "sum", **kwargs: Any
    ) -> None:
        if not isinstance(aggr, str):
            raise ValueError(f"aggr must be the name of an aggregation (got {aggr!r})")
        super().__init__(aggr=aggr, **kwargs)
        self.normalize = normalize

    def forward(
        self,
        x: Tensor | PairTensor,
        edge_index: Adj,
        edge_weight: OptTensor = None,
        size: Size = None,
    ) -> Tensor:
        """Aggregate the neighbours.

        Args:
            x: Node features, or a pair of source and destination features of a
                bipartite graph; the second may be :obj:`None` if ``size`` is given.
            edge_index: Edges (source, destination), an ``EdgeIndex``, or a transposed
                ``torch.sparse`` or ``torch_sparse.SparseTensor`` matrix.
            edge_weight: Weight per edge; with a sparse matrix, its values count.
            size: Number of source and destination nodes.

        Raises:
            ValueError: If the number of destination nodes is unknown, ``x`` is of
                integers, which normalised weights would round to zero, it is a pair
                and ``flow`` is not the default, there is not one weight per edge, or,
                on a CPU, an edge ends at a node that does not exist.
        """
        if isinstance(x, Tensor):
            x = (x, x)
        elif self.flow != "source_to_target":
            raise ValueError(
                "a pair of features is of (source, destination), which PyG does not "
                f"tell apart with flow={self.flow!r}; leave flow out and pass "
                "edge_index.flip(0)"
            )
        if self.normalize:
            check_floating(x[0])
        sparse = isinstance(edge_index, SparseTensor) or is_torch_sparse_tensor(
            edge_index
        )
        if x[1] is None and not sparse and (size is None or size[1] is None):
            raise ValueError(
                "the number of destination nodes is unknown; pass "
                "x=(x_src, x_dst) or size=(num_src, num_dst)"
            )
        if self.normalize:
            edge_index, edge_weight = self._normalize(x, edge_index, edge_weight, size)
        elif not sparse and edge_weight is not None:
            check_weights(edge_weight, edge_index.size(1))
        # propagate_type: (x: PairTensor, edge_weight: OptTensor)
        out: Tensor = self.propagate(
            edge_index, x=x, edge_weight=edge_weight, size=size
        )
        return out

    def _normalize(
        self, x: PairTensor, edge_index: Adj, edge_weight: OptTensor, size: Size
    ) -> tuple[Adj, OptTensor]:
        dtype = x[0].dtype
        exact = product_dtype(dtype)  # degrees beyond 2048 do not fit half precision
        if isinstance(edge_index, SparseTensor):
            row, col, value = edge_index.coo()
            if value is None:
                value = torch.ones(row.numel(), dtype=exact, device=row.device)
            index = torch.stack([col, row])
            num_dst, num_src = edge_index.sparse_sizes()
            value = symmetric_norm(index, num_src, num_dst, value.to(exact))
            return edge_index.set_value(value.to(dtype), layout="coo"), None
        if is_torch_sparse_tensor(edge_index):
            if edge_index.layout == torch.sparse_coo:
                # PyG would call the caller's own matrix coalesced, which it may not be.
                edge_index = edge_index.coalesce()
                index, value = edge_index.indices(), edge_index.values()
            else:
                index, value = to_edge_index(edge_index)
            num_dst, num_src = edge_index.size()
            value = symmetric_norm(index.flip(0), num_src, num_dst, value.to(exact))
            with _quiet():
                return set_sparse_value(edge_index, value.to(dtype)), None

        num_src = x[0].size(self.node_dim)
        if x[1] is not None:
            num_dst = x[1].size(self.node_dim)
        else:
            assert size is not None
            assert size[1] is not None
            num_dst = size[1]
        if edge_weight is None:
            edge_weight = torch.ones(
                edge_index.size(1), dtype=exact, device=edge_index.device
            )
        try:
            edge_weight = symmetric_norm(
                edge_index, num_src, num_dst, edge_weight.to(exact)
            )
        except (IndexError, RuntimeError):  # looked at only now: it takes time
            check_ends(edge_index, num_src, num_dst)
            raise
        return edge_index, edge_weight.to(dtype)

    def message(self, x_j: Tensor, edge_weight: OptTensor) -> Tensor:
        """Weigh the neighbours' features."""
        if edge_weight is None:
            return x_j
        shape = [1] * x_j.dim()
        shape[self.node_dim] = -1
        weighted: Tensor = edge_weight.view(shape) * x_j
        return weighted

    def message_and_aggregate(self, adj_t: Adj, x: PairTensor) -> Tensor:
        """Multiply by a sparse matrix without forming messages."""
        assert isinstance(self.aggr, str)
        x_src = x[0]
        if is_torch_sparse_tensor(adj_t):
            if adj_t.layout == torch.sparse_coo:
                with _quiet():
                    adj_t = adj_t.to_sparse_csr()
            if x_src.dtype in (torch.float16, torch.bfloat16):
                # A CPU has no sparse product in half precision.
                with _quiet():
                    x_src, adj_t = x_src.float(), adj_t.float()
        with torch.autocast(x_src.device.type, enabled=False):
            out: Tensor = spmm(adj_t, x_src, reduce=self.aggr)
        return out.to(x[0].dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(normalize={self.normalize})"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from announcing, once a process, what sparse tensors are."""
    with warnings.catch_warnings():
        for message in ("Sparse CSR tensor support", "Sparse invariant checks"):
            warnings.filterwarnings("ignore", message=message)
        yield
