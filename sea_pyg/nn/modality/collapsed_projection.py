"""A projection and the maps that read it, as one linear map."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter

from sea_pyg.nn.functional import wide_linear
from sea_pyg.nn.modality.parameter_dict import ParameterDict
from sea_pyg.utils import check_features


class CollapsedProjection(torch.nn.Module):
    r"""Map every modality's features to the outputs of the maps that would read its
    projection.

    .. math::
        \mathbf{Z}_m = \mathbf{X}_m \mathbf{C}_m^\top + \mathbf{c}_m

    A linear map of a :class:`ModalityProjection` is a linear map of the features. Here
    the composed map :math:`\mathbf{C}_m` is the parameter itself: the functions that it
    can express are the same, as long as the projection is not narrower than its input,
    but gradient descent takes other steps.

    Args:
        in_channels: Width of every modality, by name.
        out_channels: Widths of the outputs of every modality, by name.

    Shapes:
        - **input:** features by name, each :math:`(N, d_m)`
        - **output:** for each name, one :math:`(N, C)` per width :math:`C`

    .. note::
        The weights are drawn with the variance that composed linear maps of PyTorch
        have, :math:`1 / (9 d_m)`.
    """

    def __init__(
        self, in_channels: Mapping[str, int], out_channels: Mapping[str, Sequence[int]]
    ) -> None:
        super().__init__()
        if not in_channels:
            raise ValueError("in_channels must name at least one modality (got none)")
        if set(in_channels) != set(out_channels):
            raise ValueError(
                f"out_channels must name the modalities {sorted(in_channels)} (got "
                f"{sorted(out_channels)})"
            )
        self.in_channels = dict(in_channels)
        self.out_channels = {name: list(out_channels[name]) for name in in_channels}
        self.weight, self.bias = ParameterDict(), ParameterDict()
        for name, width in self.in_channels.items():
            total = sum(self.out_channels[name])
            self.weight[name] = Parameter(torch.empty(total, width))
            self.bias[name] = Parameter(torch.empty(total))
        self.reset_parameters()

    @property
    def modalities(self) -> list[str]:
        """The modalities' names, in the order of ``in_channels``."""
        return list(self.in_channels)

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for name, width in self.in_channels.items():
            std = 1 / (3 * width**0.5)
            torch.nn.init.normal_(self.weight[name], std=std)
            torch.nn.init.normal_(self.bias[name], std=std)

    def forward(
        self, features: Mapping[str, Tensor], outputs: slice = slice(None)
    ) -> dict[str, list[Tensor]]:
        """Compute all outputs of every modality, or some consecutive ones.

        Raises:
            ValueError: If features are missing, or of another shape.
        """
        check_features(features, None, self.in_channels)
        out = {}
        for name in self.modalities:
            sizes = self.out_channels[name][outputs]
            first = sum(self.out_channels[name][: outputs.start or 0])
            rows = slice(first, first + sum(sizes))
            weight, bias = self.weight[name][rows], self.bias[name][rows]
            z = wide_linear(features[name], weight, bias)
            out[name] = list(z.split(sizes, dim=1))
        return out

    def __repr__(self) -> str:
        widths = ", ".join(
            f"{name}: {width} -> {self.out_channels[name]}"
            for name, width in self.in_channels.items()
        )
        return f"{type(self).__name__}({widths})"
