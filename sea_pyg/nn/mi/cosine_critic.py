"""A critic without parameters."""

from torch import Tensor

from sea_pyg.nn.functional import l2_normalize
from sea_pyg.nn.mi.critic import Critic
from sea_pyg.utils import check_temperature


class CosineCritic(Critic):
    r"""Score pairs by their cosine, as in `"A Simple Framework for Contrastive Learning
    of Visual Representations" <https://arxiv.org/abs/2002.05709>`_.

    .. math::
        f(x, y) = \cos(x, y) / \tau

    With :class:`InfoNCE` it gives :math:`\log N` less :class:`SoloSimLoss`.

    Args:
        x_channels: Width of x.
        y_channels: Width of y, the same.
        temperature: :math:`\tau`. (default: :obj:`0.1`)

    Shapes:
        - **input:** ``x`` :math:`(N, d)`, ``y`` :math:`(M, d)`
        - **output:** scores :math:`(N, M)`

    Raises:
        ValueError: If the widths differ, or a width or ``temperature`` is not positive.
    """

    def __init__(
        self, x_channels: int, y_channels: int, temperature: float = 0.1
    ) -> None:
        super().__init__(x_channels, y_channels)
        if x_channels != y_channels:
            raise ValueError(
                "a cosine needs x and y of one width (got "
                f"{x_channels} and {y_channels})"
            )
        check_temperature(temperature)
        self.temperature = temperature

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score every x with every y."""
        return l2_normalize(x) @ l2_normalize(y).t() / self.temperature

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.x_channels}, {self.y_channels}, "
            f"temperature={self.temperature})"
        )
