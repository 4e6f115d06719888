"""Symmetric normalisation of homogeneous and bipartite graphs."""

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from sea_pyg.typing import OptTensor


def check_weights(edge_weight: Tensor, num_edges: int) -> None:
    """Check that there is one weight per edge.

    Raises:
        ValueError: If not.
    """
    if edge_weight.numel() != num_edges:
        raise ValueError(
            f"there must be a weight per edge, {num_edges} (got {edge_weight.numel()})"
        )


def symmetric_norm(
    edge_index: Tensor,
    num_src: int,
    num_dst: int,
    edge_weight: OptTensor = None,
) -> Tensor:
    r"""Compute :math:`w_{ij} / \sqrt{d_i d_j}` for every edge.

    :math:`d_i` is the weighted out-degree of the source and :math:`d_j` the weighted
    in-degree of the destination. For a user-item graph these are the degrees that
    LightGCN uses; for an undirected homogeneous graph this is
    :math:`D^{-1/2} A D^{-1/2}`. No self-loops are added. An edge at a node of degree
    zero or less (possible with zero and negative weights) gets weight zero, never NaN.

    Args:
        edge_index: Edges as (source, destination).
        num_src: Number of source nodes.
        num_dst: Number of destination nodes.
        edge_weight: Weight per edge; ones by default.

    Shapes:
        ``edge_index`` :math:`[2, E]`, ``edge_weight`` :math:`[E]`; returns :math:`[E]`.

    Raises:
        ValueError: If there is not one weight per edge.
    """
    src, dst = edge_index[0], edge_index[1]
    if edge_weight is None:
        edge_weight = torch.ones(src.numel(), device=edge_index.device)
    else:
        check_weights(edge_weight, src.numel())
    deg_src = scatter(edge_weight, src, dim=0, dim_size=num_src, reduce="sum")
    deg_dst = scatter(edge_weight, dst, dim=0, dim_size=num_dst, reduce="sum")
    inv_src = torch.where(deg_src > 0, deg_src, torch.inf).rsqrt()
    inv_dst = torch.where(deg_dst > 0, deg_dst, torch.inf).rsqrt()
    weight: Tensor = inv_src[src] * edge_weight * inv_dst[dst]
    return weight
