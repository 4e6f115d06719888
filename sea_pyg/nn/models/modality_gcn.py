"""User preferences and item features of every modality, propagated side by side."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Linear, Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.conv import BipartitePropagation
from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.modality.parameter_dict import ParameterDict
from sea_pyg.typing import EdgeType, Embeddings
from sea_pyg.utils import check_in_channels, modality_inputs


class ModalityGCN(torch.nn.Module):
    r"""Propagate each modality over the interactions.

    .. math::
        \begin{bmatrix} U_m \\ I_m \end{bmatrix} = \sum_{l=0}^{L} A^l
        \begin{bmatrix} \mathrm{norm}(P_m) \\
        \mathrm{norm}\bigl(W'_m \phi(W_m X_m)\bigr) \end{bmatrix}

    with a table of user preferences :math:`P_m` and the leaky ReLU :math:`\phi`.

    Args:
        num_users: Number of users :math:`N_u`.
        in_channels: Width of every modality.
        out_channels: Width of the result; the hidden width is four times it.
        num_layers: Number of hops :math:`L`.
        edge_type: The user-item edge type.

    Shapes:
        :meth:`forward` returns :math:`[N_u, C]` and :math:`[N_i, C]` per modality.

    Raises:
        ValueError: If there is no modality, or one has no width.
    """

    def __init__(
        self,
        num_users: int,
        in_channels: Mapping[str, int],
        out_channels: int,
        num_layers: int,
        edge_type: EdgeType,
    ) -> None:
        super().__init__()
        check_in_channels(in_channels)
        self.in_channels = dict(in_channels)
        self.out_channels = out_channels
        self.edge_type = edge_type
        hidden = 4 * out_channels
        self.preference = ParameterDict(
            {n: Parameter(torch.empty(num_users, out_channels)) for n in in_channels}
        )
        self.hidden = ModuleDict(
            {name: Linear(width, hidden) for name, width in in_channels.items()}
        )
        self.output = ModuleDict({n: Linear(hidden, out_channels) for n in in_channels})
        self.propagation = BipartitePropagation(num_layers, readout="sum")
        self.reset_parameters()

    @property
    def modalities(self) -> list[str]:
        """The modalities' names."""
        return list(self.in_channels)

    @property
    def channels(self) -> dict[str, int]:
        """Width of every modality's result."""
        return dict.fromkeys(self.in_channels, self.out_channels)

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for table in self.preference.values():
            torch.nn.init.xavier_normal_(table)
        for linear in (*self.hidden.values(), *self.output.values()):
            assert isinstance(linear, Linear)
            linear.reset_parameters()

    def features(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features of every modality."""
        dtype = next(self.hidden.parameters()).dtype
        inputs = modality_inputs(data, self.in_channels, self.edge_type[2], dtype)
        return {
            name: self.output[name](F.leaky_relu(self.hidden[name](x)))
            for name, x in inputs.items()
        }

    def forward(
        self, edge_index: Tensor, features: Mapping[str, Tensor]
    ) -> dict[str, Embeddings]:
        """Propagate all modalities in one product per hop.

        Args:
            edge_index: The interactions, :math:`[2, E]`.
            features: What :meth:`features` returned.
        """
        items = [l2_normalize(features[name]) for name in self.modalities]
        users = [l2_normalize(self.preference[name]) for name in self.modalities]
        user, item = self.propagation(
            torch.cat(users, dim=1),
            torch.cat(items, dim=1),
            edge_index,
        )
        count = len(items)
        parts = zip(user.chunk(count, dim=1), item.chunk(count, dim=1), strict=True)
        return {
            name: Embeddings(*pair)
            for name, pair in zip(self.modalities, parts, strict=True)
        }

    def penalty(self, user_index: Tensor) -> Tensor:
        """Return the mean squares of the users' preferences, summed over modalities."""
        squares = [
            F.embedding(user_index, table).square().mean()
            for table in self.preference.values()
        ]
        return torch.stack(squares).sum()
