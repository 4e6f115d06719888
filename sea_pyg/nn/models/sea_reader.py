"""How SEA reads the features of its items."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import Linear

from sea_pyg.nn.functional import Readout
from sea_pyg.nn.modality import CollapsedProjection, ModalityProjection
from sea_pyg.nn.modality.module_dict import ModuleDict

FIRST, FURTHER = slice(1), slice(1, None)
"""Of a modality's maps, that of the item MLP, and those of others."""


class SEAReader(torch.nn.Module):
    """Project every modality, and apply the linear maps that read the projection.

    They are the item MLP's first layer, and further ones, which their owners hand in.

    Args:
        projection: The projection.
        hidden_channels: Width of the item MLP's first layer.
        collapsed: Widths of the further maps by name, which are then composed with the
            projection for good, see :class:`~sea_pyg.nn.modality.CollapsedProjection`.
            (default: nothing is)
        subtract: Whether the item MLP reads the second half less the first one.
            (default: :obj:`False`)
    """

    def __init__(
        self,
        projection: ModalityProjection,
        hidden_channels: int,
        collapsed: Mapping[str, Sequence[int]] | None = None,
        subtract: bool = False,
    ) -> None:
        super().__init__()
        self.subtract = subtract
        self.projection: ModalityProjection | CollapsedProjection = projection
        self.hidden = ModuleDict()
        if collapsed is None:
            for name, width in projection.out_channels.items():
                self.hidden[name] = Linear(width, hidden_channels)
            return
        outputs = {
            name: [hidden_channels, *collapsed.get(name, ())]
            for name in projection.modalities
        }
        self.projection = CollapsedProjection(projection.in_channels, outputs)

    @property
    def modalities(self) -> list[str]:
        """The modalities' names."""
        return self.projection.modalities

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.projection.reset_parameters()
        for linear in self.hidden.values():
            linear.reset_parameters()

    @property
    def channels(self) -> dict[str, int]:
        """Width of each of :meth:`features`.

        Raises:
            ValueError: If they do not exist.
        """
        return self._uncollapsed().out_channels

    def features(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Project the features.

        Raises:
            ValueError: If their projection does not exist.
        """
        features: dict[str, Tensor] = self._uncollapsed()(inputs)
        return features

    def _uncollapsed(self) -> ModalityProjection:
        if isinstance(self.projection, CollapsedProjection):
            raise ValueError(
                "a collapsed SEA has no projected features; build it with "
                "collapsed=False"
            )
        return self.projection

    def readouts(
        self, further: Mapping[str, Sequence[Readout]]
    ) -> dict[str, list[Readout]]:
        """List the maps of every modality, the item MLP's first."""
        return {
            name: [self._hidden_readout(name), *further.get(name, ())]
            for name in self.modalities
        }

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        further: Mapping[str, Sequence[Readout]],
        outputs: slice = slice(None),
    ) -> dict[str, list[Tensor]]:
        """Apply the maps to the features.

        Args:
            inputs: The features by name.
            further: The further maps, which a collapsed projection has itself.
            outputs: Which of a modality's maps, :data:`FIRST` or :data:`FURTHER`.
                (default: all)

        Shapes:
            Each input :math:`(N, d_m)`; returns :math:`(N, C)` for every map.
        """
        if isinstance(self.projection, CollapsedProjection):
            found: dict[str, list[Tensor]] = self.projection(inputs, outputs)
            return found
        readouts = self.readouts(further)
        chosen = {name: maps[outputs] for name, maps in readouts.items()}
        return self.projection.readouts(inputs, chosen)

    def _hidden_readout(self, name: str) -> Readout:
        linear = self.hidden[name]
        weight = linear.weight
        if self.subtract:
            # On [g, u - g], written as a map of [g, u].
            generic, unique = weight.chunk(2, dim=1)
            weight = torch.cat([generic - unique, unique], dim=1)
        return Readout(weight, linear.bias, 0, linear.in_features)
