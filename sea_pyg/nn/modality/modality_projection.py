"""A linear map per modality."""

from collections.abc import Mapping, Sequence
from numbers import Integral

import torch
from torch import Tensor
from torch.nn import Linear

from sea_pyg.nn.functional import Readout, linear_readouts, read_columns
from sea_pyg.nn.modality.module_dict import ModuleDict
from sea_pyg.utils import (
    check_counts,
    check_features,
    check_in_channels,
    check_mapping,
    fill_missing,
    is_unmodified,
)


def readout_of(linear: torch.nn.Module, start: int, stop: int) -> Readout:
    """Return a linear map as one of some columns, which is called if it has hooks.

    Raises:
        ValueError: If something else than a linear map was put in its place.
    """
    if not isinstance(linear, Linear):
        raise ValueError(
            "a linear map that is composed with others is no Linear any more (got "
            f"{type(linear).__name__}); put a subclass of Linear in its place"
        )
    call = None if is_unmodified(linear, Linear) else linear
    return Readout(linear.weight, linear.bias, start, stop, call)


class ModalityProjection(torch.nn.Module):
    r"""Project every modality's features linearly.

    .. math::
        \mathbf{Y}_m = \mathbf{X}_m \mathbf{W}_m^\top + \mathbf{b}_m

    The first step of `"It is Never Too Late to Mend: Separate Learning for Multimedia
    Recommendation" <https://arxiv.org/abs/2406.08270>`_, where :math:`\mathbf{W}_m` is
    square.

    Args:
        in_channels: Width of every modality, by name.
        out_channels: Width after projection, one for all or by name.
            (default: the width before)

    Shapes:
        - **input:** features by name, each :math:`(N, d_m)`, and masks by name, each
          :math:`(N)` *(optional)*
        - **output:** projected features by name, each :math:`(N, C_m)`

    .. note::
        A row that its mask marks as missing is projected like a row of zeros, to
        :math:`\mathbf{b}_m`: one learned default for all items without the modality.
    """

    def __init__(
        self,
        in_channels: Mapping[str, int],
        out_channels: int | Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        check_in_channels(in_channels)
        if isinstance(out_channels, int | Integral):
            out_channels = dict.fromkeys(in_channels, out_channels)
        elif out_channels is None:
            out_channels = in_channels
        check_mapping(out_channels=out_channels)
        if set(out_channels) != set(in_channels):
            raise ValueError(
                f"out_channels must name the modalities {sorted(in_channels)} (got "
                f"{sorted(out_channels)})"
            )
        check_counts(1, **{f"out_channels[{n!r}]": d for n, d in out_channels.items()})
        self.in_channels = dict(in_channels)
        self.out_channels = {name: out_channels[name] for name in in_channels}
        self.linears = ModuleDict(
            {
                name: Linear(width, self.out_channels[name])
                for name, width in self.in_channels.items()
            }
        )
        self.reset_parameters()

    @property
    def modalities(self) -> list[str]:
        """The modalities' names, in the order of ``in_channels``."""
        return list(self.in_channels)

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for linear in self.linears.values():
            linear.reset_parameters()

    def linear(self, name: str) -> Linear:
        """Return a modality's linear map.

        Raises:
            ValueError: If something else was put in its place.
        """
        linear = self.linears[name]
        if not isinstance(linear, Linear):
            raise ValueError(
                f"the projection of modality {name!r} is no Linear any more (got "
                f"{type(linear).__name__}); call it in linears[{name!r}]"
            )
        return linear

    def forward(
        self,
        features: Mapping[str, Tensor],
        masks: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Project the features.

        Raises:
            ValueError: If features or a mask are missing, or of another shape.
        """
        inputs = self._inputs(features, masks)
        return {name: self.linears[name](x) for name, x in inputs.items()}

    def readouts(
        self,
        features: Mapping[str, Tensor],
        readouts: Mapping[str, Sequence[Readout]],
        masks: Mapping[str, Tensor] | None = None,
    ) -> dict[str, list[Tensor]]:
        """Apply linear maps to the projected features without forming these.

        The same values as reading from :meth:`forward`, at the price of the cheaper
        order of multiplication; see :func:`sea_pyg.nn.functional.linear_readouts`.
        They are formed where a linear map has hooks or something else stands in its
        place, which has to be called.
        """
        out = {}
        for name, x in self._inputs(features, masks).items():
            linear, wanted = self.linears[name], readouts.get(name, ())
            if is_unmodified(linear, Linear):
                weights = linear.weight, linear.bias
                out[name] = linear_readouts(x, *weights, wanted)
            else:
                out[name] = read_columns(linear(x), wanted)
        return out

    def _inputs(
        self, features: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        check_features(features, masks, self.in_channels)
        masks = {} if masks is None else masks
        return {n: fill_missing(features[n], masks.get(n)) for n in self.modalities}

    def __repr__(self) -> str:
        widths = ", ".join(
            f"{name}: {width} -> {self.out_channels[name]}"
            for name, width in self.in_channels.items()
        )
        return f"{type(self).__name__}({widths})"
