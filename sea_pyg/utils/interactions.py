"""Checks of a graph's interactions."""

import torch
from torch_geometric.data import HeteroData

from sea_pyg.typing import EdgeType
from sea_pyg.utils.checks import check_edge_type, node_count


def check_interactions(data: HeteroData, edge_type: EdgeType) -> tuple[int, int]:
    """Check a graph's interactions and return the numbers of users and items.

    Raises:
        ValueError: If there are none, they are not int64 of shape [2, E], or an id
            is negative or not below the number of nodes.
    """
    check_edge_type(data, edge_type)
    edge_index = data[edge_type].edge_index
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise ValueError(
            f"edge_index of {edge_type!r} must be of shape [2, E] (got "
            f"{list(edge_index.shape)})"
        )
    if edge_index.dtype != torch.long:
        raise ValueError(
            f"edge_index of {edge_type!r} must hold integer ids, torch.long (got "
            f"{edge_index.dtype})"
        )
    if edge_index.size(1) == 0:
        raise ValueError(f"the graph has no interactions of type {edge_type!r}")
    sizes = []
    for row, node_type in enumerate((edge_type[0], edge_type[2])):
        num_nodes = node_count(data, node_type)
        outside = (edge_index[row] < 0) | (edge_index[row] >= num_nodes)
        if bool(outside.any()):
            edge = int(outside.nonzero()[0])
            raise ValueError(
                f"edge_index[{row}, {edge}] of {edge_type!r} must lie in "
                f"[0, {num_nodes}), as there are {num_nodes} nodes of type "
                f"{node_type!r} (got {int(edge_index[row, edge])})"
            )
        sizes.append(num_nodes)
    return sizes[0], sizes[1]
