"""The items' features as models with one linear map per modality read them."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import Linear, Parameter
from torch_geometric.data import HeteroData

from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.nn.modality.parameter_dict import ParameterDict
from sea_pyg.utils import check_counts, check_in_channels, modality_inputs


class ItemFeatures(torch.nn.Module):
    r"""Map every modality of the items linearly to a common width.

    .. math::
        H_m = (X_m + \Delta_m) W_m^\top + b_m

    Args:
        num_items: Number of items :math:`N_i`.
        in_channels: Width :math:`d_m` of every modality.
        out_channels: Common width :math:`C`.
        bias: Whether there are :math:`b_m`. (default: :obj:`True`)
        finetune: Whether the features themselves are trained, as an offset
            :math:`\Delta_m` that starts at zero. (default: :obj:`False`)
        node_type: The item node type. (default: :obj:`"item"`)

    Shapes:
        :meth:`forward` returns :math:`[N_i, C]` per modality, :meth:`raw`
        :math:`[N_i, d_m]`.

    Raises:
        ValueError: If there is no modality, or a width is not positive.
    """

    def __init__(
        self,
        num_items: int,
        in_channels: Mapping[str, int],
        out_channels: int,
        bias: bool = True,
        finetune: bool = False,
        node_type: str = "item",
    ) -> None:
        super().__init__()
        check_in_channels(in_channels)
        check_counts(1, out_channels=out_channels)
        self.in_channels = dict(in_channels)
        self.out_channels = out_channels
        self.node_type = node_type
        self.linear = ModuleDict(
            {
                name: Linear(channels, out_channels, bias=bias)
                for name, channels in in_channels.items()
            }
        )
        self.offset = ParameterDict(
            {
                name: Parameter(torch.empty(num_items, channels))
                for name, channels in in_channels.items()
                if finetune
            }
        )
        self.reset_parameters()

    @property
    def channels(self) -> dict[str, int]:
        """Width of every modality's result."""
        return dict.fromkeys(self.in_channels, self.out_channels)

    def reset_parameters(self) -> None:
        """Draw the maps anew and set the offsets to zero."""
        for linear in self.linear.values():
            assert isinstance(linear, Linear)
            linear.reset_parameters()
        for offset in self.offset.values():
            torch.nn.init.zeros_(offset)

    def raw(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the features before the maps.

        Raises:
            ValueError: If a modality is absent or of another width than at
                construction.
        """
        dtype = next(self.linear.parameters()).dtype
        inputs = modality_inputs(data, self.in_channels, self.node_type, dtype)
        return {
            name: x + self.offset[name] if name in self.offset else x
            for name, x in inputs.items()
        }

    def forward(self, data: HeteroData) -> dict[str, Tensor]:
        """Return the mapped features."""
        return {name: self.linear[name](x) for name, x in self.raw(data).items()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.out_channels})"
