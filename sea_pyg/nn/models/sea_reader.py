"""How SEA reads the features of its items."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import Linear

from sea_pyg.nn.functional import Readout
from sea_pyg.nn.modality import ModalityProjection
from sea_pyg.nn.modality.modality_projection import readout_of
from sea_pyg.nn.modality.module_dict import ModuleDict


def collapsed_channels(
    in_channels: Mapping[str, int],
    projection_channels: int | Mapping[str, int] | None,
    hidden_channels: int,
) -> dict[str, int]:
    """Return the widths of projections that are no wider than what reads them.

    Args:
        in_channels: Width of every modality, by name.
        projection_channels: What was asked for; nothing can be.
        hidden_channels: Width of the item MLP's first layer.

    Raises:
        ValueError: If a width was asked for, too.
    """
    if projection_channels is not None:
        raise ValueError(
            "collapsed=True chooses the projection's width (got projection_channels="
            f"{projection_channels!r}); leave one of them out"
        )
    # The halves are of one width, so that an odd one is rounded up.
    return {n: -(-min(c, hidden_channels) // 2) * 2 for n, c in in_channels.items()}


class SEAReader(torch.nn.Module):
    """Project every modality, and apply the linear maps that read the projection.

    They are the item MLP's first layer, and further ones, which their owners hand in.
    All of them read one projection, so that the gradient of separate learning's losses
    reaches the ranking.

    Args:
        projection: The projection.
        hidden_channels: Width of the item MLP's first layer.
        subtract: Whether the item MLP reads the second half less the first one.
            (default: :obj:`False`)
    """

    def __init__(
        self,
        projection: ModalityProjection,
        hidden_channels: int,
        subtract: bool = False,
    ) -> None:
        super().__init__()
        self.subtract = subtract
        self.projection = projection
        self.hidden = ModuleDict(
            {
                name: Linear(width, hidden_channels)
                for name, width in projection.out_channels.items()
            }
        )

    @property
    def modalities(self) -> list[str]:
        """The modalities' names."""
        return self.projection.modalities

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.projection.reset_parameters()
        for linear in self.hidden.values():
            linear.reset_parameters()

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Apply the item MLP's first layer to the projected features.

        Shapes:
            Each input :math:`(N, d_m)`; returns :math:`(N, H)` each.
        """
        found = self.further(inputs, {n: [self.first(n)] for n in self.modalities})
        return {name: out for name, (out,) in found.items()}

    def further(
        self, inputs: Mapping[str, Tensor], maps: Mapping[str, Sequence[Readout]]
    ) -> dict[str, list[Tensor]]:
        """Apply other linear maps to the projected features.

        Args:
            inputs: The features by name.
            maps: The maps by name.

        Shapes:
            Each input :math:`(N, d_m)`; returns :math:`(N, C)` for every map.
        """
        return self.projection.readouts(inputs, maps)

    def both(
        self, inputs: Mapping[str, Tensor], maps: Mapping[str, Sequence[Readout]]
    ) -> tuple[dict[str, Tensor], dict[str, list[Tensor]]]:
        """Return :meth:`forward` and :meth:`further`, computed in one product."""
        joint = {n: [self.first(n), *maps.get(n, ())] for n in self.modalities}
        found = self.further(inputs, joint)
        hidden = {name: out for name, (out, *_) in found.items()}
        return hidden, {name: out for name, (_, *out) in found.items()}

    def first(self, name: str) -> Readout:
        """Return the item MLP's first layer as a map of the projected features."""
        width = self.projection.out_channels[name]
        found = readout_of(self.hidden[name], 0, width)
        if not self.subtract:
            return found
        if found.call is not None:
            return found._replace(call=lambda x: self.hidden[name](_subtracted(x)))
        # On [g, u - g], written as a map of [g, u].
        generic, unique = found.weight.chunk(2, dim=1)
        weight = torch.cat([generic - unique, unique], dim=1)
        return found._replace(weight=weight)


def _subtracted(x: Tensor) -> Tensor:
    generic, unique = x.chunk(2, dim=1)
    return torch.cat([generic, unique - generic], dim=1)
