"""A linear Gaussian model q(y|x) that needs no training."""

import torch
from torch import Tensor

from sea_pyg.nn.functional import LinearSolution, solve_linear_gaussian
from sea_pyg.nn.mi.conditional_gaussian import ConditionalGaussian
from sea_pyg.nn.mi.mutual_information_estimator import check_precision
from sea_pyg.utils import check_interval


class LinearGaussian(ConditionalGaussian):
    r"""Model :math:`q(y|x) = \mathcal{N}(W^\top x + b, \mathrm{diag}\, \sigma^2)` by
    ridge least squares in closed form, which is the exact maximum-likelihood solution
    but for a small ridge and a small share of y's variance that is added.

    .. math::
        W = (\Sigma_{xx} + \lambda \bar{s} I)^{-1} \Sigma_{xy}, \quad
        b = \bar{y} - W^\top \bar{x}, \quad
        \sigma^2 = \frac{1}{N} \sum_i (y_i - W^\top x_i - b)^2
        + \epsilon \, \mathrm{Var}(y)

    where :math:`\bar{s}` is the mean variance of x. It has no parameters. In training
    mode a bound solves for it on the very pairs that it is evaluated on, and the
    gradient flows through the solution, so that no inner loop is needed. In evaluation
    mode it stays as :meth:`fit` left it, which serves held-out pairs, unless
    :attr:`in_sample` is set.

    Args:
        x_channels: Width of the condition.
        y_channels: Width of the variable.
        ridge: :math:`\lambda`, relative to the mean variance of x.
            (default: :obj:`1e-6`)
        variance_floor: :math:`\epsilon`, the share of the variance of y that is added
            to :math:`\sigma^2`, so that a bound stays finite where x determines y.
            (default: :obj:`1e-4`)

    Shapes:
        - **input:** conditions :math:`(N, d_x)`
        - **output:** means and logarithms of the variances, each :math:`(N, d_y)`

    Raises:
        ValueError: If a width is not positive, or ``ridge`` or ``variance_floor`` is
            negative.

    .. note::
        On the pairs that it was solved on, it explains about :math:`d_x / N` of each
        dimension of y by chance, so CLUB is about :math:`d_x d_y / N` too high there,
        and has no bounds as :math:`N` comes down to :math:`d_x`; below
        :attr:`fewest_samples` it should not be asked. SEA's released code has an MLP
        and 50 steps of Adam in its place.
    """

    in_sample: bool = False
    """Whether a bound solves on its own pairs in evaluation mode, too, as
    :class:`~sea_pyg.nn.loss.SeparateLearning` has it, whose pairs stay the same."""

    weight: Tensor
    bias: Tensor
    log_variance: Tensor
    fitted: Tensor

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        ridge: float = 1e-6,
        variance_floor: float = 1e-4,
    ) -> None:
        super().__init__(x_channels, y_channels)
        check_interval("[0, inf)", ridge=ridge, variance_floor=variance_floor)
        self.ridge = ridge
        self.variance_floor = variance_floor
        self.register_buffer("weight", torch.zeros(x_channels, y_channels))
        self.register_buffer("bias", torch.zeros(y_channels))
        self.register_buffer("log_variance", torch.zeros(y_channels))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))
        self.reset_parameters()

    @property
    def fewest_samples(self) -> int:
        """Pairs below which the solution fits mostly chance, :math:`2 d_x`."""
        return 2 * self.x_channels

    def reset_parameters(self) -> None:
        """Forget the solution."""
        for buffer in self.buffers():
            buffer.zero_()

    def solve(self, x: Tensor, y: Tensor) -> LinearSolution:
        """Return the solution on these pairs, differentiable in ``x`` and ``y``."""
        return solve_linear_gaussian(x, y, self.ridge, self.variance_floor)

    @torch.no_grad()
    def fit(self, x: Tensor, y: Tensor) -> None:
        """Keep the solution on these pairs for :meth:`forward`.

        Raises:
            ValueError: If they are more precise than what is kept.
        """
        check_precision(self.weight.dtype, x=x, y=y)
        weight, bias, log_variance = self.solve(x, y)
        self.weight.copy_(weight)
        self.bias.copy_(bias)
        self.log_variance.copy_(log_variance)
        self.fitted.fill_(True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of y given x, as :meth:`fit` left them."""
        if not bool(self.fitted):
            raise ValueError(
                "LinearGaussian must be fitted before it predicts (got a new one); "
                "call fit(x, y), its own or the bound's; in training mode a bound "
                "solves for it on the pairs it is given, and keeps nothing"
            )
        check_precision(self.weight.dtype, x=x)
        mean = x @ self.weight + self.bias
        return mean, self.log_variance.expand_as(mean)

    def predict(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Solve on these pairs in training mode; use the kept solution otherwise.

        With :attr:`in_sample`, solve in either.
        """
        if not (self.training or self.in_sample):
            return super().predict(x, y)
        weight, bias, log_variance = self.solve(x, y)
        mean = x @ weight + bias
        return mean, log_variance.expand_as(mean)
