"""The split of a modality's features into what it shares and what is its own."""

import torch
from torch import Tensor

from sea_pyg.typing import SplitFeatures


class UniqueGenericSplit(torch.nn.Module):
    r"""Split features into their generic and unique part, as in `"It is Never Too Late
    to Mend: Separate Learning for Multimedia Recommendation"
    <https://arxiv.org/abs/2406.08270>`_.

    .. math::
        [\mathbf{g} \,\Vert\, \mathbf{u}] = \mathbf{y}

    The first half of the columns is the generic part, which the alignment between
    modalities makes shared, and the second half is the unique part, which the distance
    keeps apart from it. What makes them so are the losses of
    :class:`SeparateLearning`; the split itself has no parameters.

    Args:
        subtract: Whether to take the generic half off the unique one, the separation
            by subtraction that the paper compares with. (default: :obj:`False`)

    Shapes:
        - **input:** features :math:`(N, C)`, :math:`C` even
        - **output:** generic and unique part, each :math:`(N, C / 2)`
    """

    def __init__(self, subtract: bool = False) -> None:
        super().__init__()
        if not isinstance(subtract, bool):
            raise ValueError(
                f"subtract must be true or false (got {subtract!r}); the split takes "
                "features of any even width, which is not given"
            )
        self.subtract = subtract

    def forward(self, x: Tensor) -> SplitFeatures:
        """Split the columns.

        Raises:
            ValueError: If the number of columns is odd.
        """
        half = half_width(x.size(-1))
        generic, unique = x[..., :half], x[..., half:]
        return SplitFeatures(generic, unique - generic if self.subtract else unique)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'subtract=True' if self.subtract else ''})"


def half_width(channels: int, name: str | None = None) -> int:
    """Return half of an even width.

    Raises:
        ValueError: If the width is odd or zero.
    """
    if channels < 2 or channels % 2:
        of = "" if name is None else f" of modality {name!r}"
        raise ValueError(
            f"the features{of} must have an even number of columns to be split into "
            f"a generic and a unique half (got {channels}); append a column of zeros, "
            "or project to an even width with ModalityProjection(out_channels=...) "
            "or SEA(projection_channels=...)"
        )
    return channels // 2
