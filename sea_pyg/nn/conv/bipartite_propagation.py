"""A stack of hops on the user-item graph."""

import torch
from torch import Tensor

from sea_pyg.typing import Embeddings
from sea_pyg.utils import (
    SymmetricAdjacency,
    bipartite_adjacency,
    check_choice,
    check_counts,
)


class BipartitePropagation(torch.nn.Module):
    r"""Propagate user and item features over the interactions, as `"LightGCN"
    <https://arxiv.org/abs/2002.02126>`_ does.

    With :math:`\mathbf{A}` the symmetrically normalised adjacency of the stacked
    graph and :math:`\mathbf{X}` the users' rows above the items', the layers are
    :math:`\mathbf{X}, \mathbf{A}\mathbf{X}, \dots, \mathbf{A}^L\mathbf{X}`. The same
    as ``num_layers`` times :class:`SEAConv` in both directions, but the
    graph is normalised and compressed once, not per layer.

    Args:
        num_layers: Number of hops :math:`L`. (default: :obj:`2`)
        readout: How the :math:`L + 1` layers become one: :obj:`"sum"` (SEA),
            :obj:`"mean"` (LightGCN) or :obj:`"last"`. (default: :obj:`"sum"`)

    Shapes:
        - **input:** user features :math:`(N_u, F)`, item features :math:`(N_i, F)`,
          interactions (user, item) :math:`(2, |\mathcal{E}|)` or their adjacency
        - **output:** user and item features of the same shapes

    Raises:
        ValueError: If ``num_layers`` is negative or ``readout`` unknown.
    """

    def __init__(self, num_layers: int = 2, readout: str = "sum") -> None:
        super().__init__()
        check_counts(0, num_layers=num_layers)
        check_choice(("sum", "mean", "last"), readout=readout)
        self.num_layers = num_layers
        self.readout = readout

    def forward(
        self,
        x_user: Tensor,
        x_item: Tensor,
        edge_index: Tensor | SymmetricAdjacency,
    ) -> Embeddings:
        """Propagate and combine the layers.

        Args:
            x_user: User features.
            x_item: Item features.
            edge_index: Interactions, or their adjacency.
        """
        num_users, num_items = x_user.size(0), x_item.size(0)
        adjacency = edge_index
        if not isinstance(adjacency, SymmetricAdjacency):
            adjacency = bipartite_adjacency(adjacency, num_users, num_items)
        out = x = torch.cat([x_user, x_item])  # [num_users + num_items, channels]
        for _ in range(self.num_layers):
            x = adjacency.matmul(x)
            out = x if self.readout == "last" else out + x
        if self.readout == "mean":
            out = out / (self.num_layers + 1)
        user, item = out.split([num_users, num_items])
        return Embeddings(user, item)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(num_layers={self.num_layers}, "
            f"readout={self.readout!r})"
        )
