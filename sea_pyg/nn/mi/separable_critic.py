"""A critic that embeds x and y apart."""

from torch import Tensor

from sea_pyg.nn.mi.critic import Critic, mlp
from sea_pyg.utils import check_counts


class SeparableCritic(Critic):
    r"""Score pairs by the inner product of two networks, as in `"On Variational Bounds
    of Mutual Information" <https://arxiv.org/abs/1905.06922>`_.

    .. math::
        f(x, y) = g(x)^\top h(y)

    All :math:`N^2` pairs cost :math:`2 N` evaluations of a network.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        hidden_channels: Width of both hidden layers. (default: :obj:`128`)
        out_channels: Width of the common space. (default: :obj:`32`)

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(M, d_y)`
        - **output:** scores :math:`(N, M)`

    Raises:
        ValueError: If a width is not positive.
    """

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        hidden_channels: int = 128,
        out_channels: int = 32,
    ) -> None:
        super().__init__(x_channels, y_channels)
        check_counts(1, hidden_channels=hidden_channels, out_channels=out_channels)
        self.x_network = mlp(x_channels, hidden_channels, out_channels)
        self.y_network = mlp(y_channels, hidden_channels, out_channels)
        self.reset_parameters()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Score every x with every y."""
        scores: Tensor = self.x_network(x) @ self.y_network(y).t()
        return scores
