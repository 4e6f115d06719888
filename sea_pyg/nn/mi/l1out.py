"""The leave-one-out upper bound."""

from typing import ClassVar, Literal

from torch import Tensor

from sea_pyg.nn.functional import l1out
from sea_pyg.nn.mi.conditional_estimator import Conditional, ConditionalEstimator
from sea_pyg.nn.mi.own_precision import own_precision
from sea_pyg.utils import check_counts


class L1Out(ConditionalEstimator):
    r"""Bound mutual information from above by leaving each sample's own condition out,
    as in `"On Variational Bounds of Mutual Information"
    <https://arxiv.org/abs/1905.06922>`_.

    .. math::
        \hat{I}(X; Y) = \frac{1}{N} \sum_i \left[ \log q(y_i | x_i)
        - \log \frac{1}{N - 1} \sum_{j \neq i} q(y_i | x_j) \right]

    It is an upper bound where :math:`q(y|x)` is near enough to :math:`p(y|x)`, and
    tighter than :class:`CLUB`.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        hidden_channels: Hidden width of q. (default: :obj:`8`)
        log_variance: Range of q's log-variance, see :class:`GaussianMLP`.
            (default: :obj:`"wide"`)
        conditional: The model q: :obj:`"mlp"` (:class:`GaussianMLP`), :obj:`"linear"`
            (:class:`LinearGaussian`, which needs no training), a module, or a callable
            that makes one from both widths. (default: :obj:`"mlp"`)
        chunk_size: Rows whose pairs are held at a time; value and gradient are exact
            at any. All at once if :obj:`None`. (default: :obj:`1024`)

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(N, d_y)`, :math:`N \geq 2`
        - **output:** a scalar in nats

    Raises:
        ValueError: If an option is unknown, or the widths of ``conditional`` differ.

    .. note::
        In CLUB's released code the two terms broadcast against each other, which turns
        this bound into another one.
    """

    bound: ClassVar[Literal["upper", "lower", "none"]] = "upper"

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        hidden_channels: int = 8,
        log_variance: Literal["wide", "tanh"] = "wide",
        conditional: Conditional = "mlp",
        chunk_size: int | None = 1024,
    ) -> None:
        super().__init__(
            x_channels, y_channels, hidden_channels, log_variance, conditional
        )
        if chunk_size is not None:
            check_counts(1, chunk_size=chunk_size)
        self.chunk_size = chunk_size

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Estimate the mutual information in nats."""
        self.check(x, y, finite=self.validate)
        with own_precision(self, x, y) as (x, y):
            mean, log_variance = self.conditional.predict(x, y)
            return l1out(y, mean, log_variance, self.chunk_size)
