"""Checks of a graph's interactions."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.typing import EdgeType
from sea_pyg.utils.checks import check_edge_type, node_count
from sea_pyg.utils.memo import memoize


def check_interactions(data: HeteroData, edge_type: EdgeType) -> tuple[int, int]:
    """Check a graph's interactions and return the numbers of users and items.

    Raises:
        ValueError: If there are none, or :func:`check_edges` finds a fault.
    """
    check_edge_type(data, edge_type)
    edge_index = data[edge_type].edge_index
    sizes = node_count(data, edge_type[0]), node_count(data, edge_type[2])
    check_edges(edge_index, edge_type, sizes)
    if edge_index.size(1) == 0:
        raise ValueError(f"the graph has no interactions of type {edge_type!r}")
    return sizes


def checked_edges(
    edge_index: Any,
    edge_type: EdgeType,
    sizes: tuple[int, int],
    name: str = "edge_index",
) -> Tensor:
    """Return edges that :func:`check_edges` has checked, once per tensor.

    Raises:
        ValueError: As it does.
    """

    def check() -> None:
        check_edges(edge_index, edge_type, sizes, name)

    if not isinstance(edge_index, Tensor):
        check()
    memoize(edge_index, ("checked", edge_type, *sizes), check)
    edges: Tensor = edge_index
    return edges


def check_edges(
    edge_index: Any,
    edge_type: EdgeType,
    sizes: tuple[int, int],
    name: str = "edge_index",
) -> None:
    """Check that edges end at nodes that there are.

    Args:
        edge_index: The edges, :math:`[2, E]`.
        edge_type: Their type.
        sizes: Number of nodes of both types.
        name: What an error calls them. (default: ``edge_index``)

    Raises:
        ValueError: If the edges are no tensor of int64 and shape [2, E], or an id is
            negative or not below the number of nodes.
    """
    if not isinstance(edge_index, Tensor):
        raise ValueError(
            f"{name} of {edge_type!r} must be a tensor (got "
            f"{type(edge_index).__name__}); convert it by torch.as_tensor"
        )
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise ValueError(
            f"{name} of {edge_type!r} must be of shape [2, E] (got "
            f"{list(edge_index.shape)})"
        )
    if edge_index.dtype != torch.long:
        raise ValueError(
            f"{name} of {edge_type!r} must hold integer ids of type int64; convert "
            f"it by .long() (got {edge_index.dtype})"
        )
    for row, (node_type, size) in enumerate(zip(edge_type[::2], sizes, strict=True)):
        outside = (edge_index[row] < 0) | (edge_index[row] >= size)
        if bool(outside.any()):
            edge = int(outside.nonzero()[0])
            raise ValueError(
                f"{name}[{row}, {edge}] of {edge_type!r} must lie in [0, {size}), "
                f"as there are {size} nodes of type {node_type!r} (got "
                f"{int(edge_index[row, edge])})"
            )


def check_ends(edge_index: Tensor, num_src: int, num_dst: int) -> None:
    """Check that edges of whatever type end at nodes that there are.

    Args:
        edge_index: Edges as (source, destination), :math:`[2, E]`.
        num_src: Number of source nodes.
        num_dst: Number of destination nodes.

    Raises:
        ValueError: If one does not.
    """
    if edge_index.size(1) == 0:
        return
    low, high = (bound.tolist() for bound in edge_index.aminmax(dim=1))
    sizes = num_src, num_dst
    for row, size in enumerate(sizes):
        if low[row] < 0 or high[row] >= size:
            swapped = min(low) >= 0 and high[0] < num_dst and high[1] < num_src
            hint = "; the rows may be swapped: pass edge_index.flip(0)"
            raise ValueError(
                f"edge_index[{row}] must lie in [0, {size}), as there are {num_src} "
                f"source and {num_dst} destination nodes (got {low[row]} to "
                f"{high[row]}){hint if swapped else ''}"
            )
