"""Hops on the user-item graph under either of two normalisations."""

import torch
from torch import Tensor

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.models.user_item_graph import random_walk
from sea_pyg.typing import Embeddings
from sea_pyg.utils import check_choice


class NormalizedPropagation(torch.nn.Module):
    r"""Propagate over the interactions and average the hops.

    Args:
        num_layers: Number of hops :math:`L`.
        normalization: ``'random_walk'``, :math:`D^{-1} (A + I)`, or ``'symmetric'``,
            LightGCN's :math:`D^{-1/2} A D^{-1/2}`.

    Shapes:
        - **input:** user features :math:`(N_u, C)`, item features :math:`(N_i, C)`,
          interactions (user, item) :math:`(2, |\mathcal{E}|)`
        - **output:** user and item features of the same shapes

    Raises:
        ValueError: If ``num_layers`` is negative or ``normalization`` unknown.
    """

    def __init__(self, num_layers: int, normalization: str) -> None:
        super().__init__()
        check_choice(("random_walk", "symmetric"), normalization=normalization)
        self.num_layers = num_layers
        self.normalization = normalization
        self.symmetric = BipartitePropagation(num_layers, readout="mean")

    def forward(self, x_user: Tensor, x_item: Tensor, edge_index: Tensor) -> Embeddings:
        """Propagate and average."""
        if self.normalization == "random_walk":
            return random_walk(edge_index, x_user, x_item, self.num_layers)
        out: Embeddings = self.symmetric(x_user, x_item, edge_index)
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_layers}, {self.normalization!r})"
