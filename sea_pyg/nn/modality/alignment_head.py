"""The map into the space in which modalities are aligned."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import BatchNorm1d, Linear

from sea_pyg.nn.functional import l2_normalize


class AlignmentHead(torch.nn.Module):
    r"""Map generic parts to unit vectors that :class:`SoloSimLoss` compares.

    Linear, batch normalisation and ReLU twice, then linear and the scaling to unit
    length: the projection head of `"It is Never Too Late to Mend: Separate Learning
    for Multimedia Recommendation" <https://arxiv.org/abs/2406.08270>`_.

    Args:
        in_channels: Width of the generic part.
        hidden_channels: Width of both hidden layers. (default: :obj:`64`)
        out_channels: Width of the result. (default: :obj:`32`)

    Shapes:
        - **input:** generic parts :math:`(N, C)`, :math:`N \geq 2`
        - **output:** unit vectors :math:`(N, C_{out})`

    .. note::
        The linear maps before a normalisation have no bias, which the normalisation
        would take off again; in the released code they have one that never learns.
        Statistics are those of the input in evaluation mode too, since all items are
        normalised together.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int = 64, out_channels: int = 32
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.input = Linear(in_channels, hidden_channels, bias=False)
        self.norm1 = BatchNorm1d(hidden_channels, track_running_stats=False)
        self.hidden = Linear(hidden_channels, hidden_channels, bias=False)
        self.norm2 = BatchNorm1d(hidden_channels, track_running_stats=False)
        self.output = Linear(hidden_channels, out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for linear in (self.input, self.hidden, self.output):
            linear.reset_parameters()
        self.norm1.reset_parameters()
        self.norm2.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Map the rows to unit vectors."""
        return self.after_input(self.input(x))

    def after_input(self, x: Tensor) -> Tensor:
        """Continue from the output of the first linear map, :math:`(N, H)`."""
        # BatchNorm on a non-contiguous slice is ten times slower.
        x = F.relu(self.norm1(x.contiguous()))
        x = F.relu(self.norm2(self.hidden(x)))
        return l2_normalize(self.output(x))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.hidden_channels}, "
            f"{self.out_channels})"
        )
