"""The contrastive log-ratio upper bound."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from sea_pyg.nn.functional import club
from sea_pyg.nn.mi.conditional_estimator import Conditional, ConditionalEstimator
from sea_pyg.nn.mi.own_precision import own_precision
from sea_pyg.typing import OptTensor
from sea_pyg.utils import check_choice, check_interval


class CLUB(ConditionalEstimator):
    r"""Bound mutual information from above, as in `"CLUB: A Contrastive Log-ratio Upper
    Bound of Mutual Information" <https://arxiv.org/abs/2006.12013>`_.

    .. math::
        \hat{I}(X; Y) = \frac{1}{N} \sum_i \log q(y_i | x_i)
        - \frac{1}{N^2} \sum_{i, j} \log q(y_j | x_i)

    It is an upper bound where :math:`q(y|x)` is near enough to :math:`p(y|x)`, so fit q
    to the very pairs that the bound is evaluated on.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        hidden_channels: Hidden width of q. (default: :obj:`8`)
        num_negatives: :obj:`"all"` averages over all pairs, at no extra cost, since a
            Gaussian's average over the samples of y follows from their first two
            moments; :obj:`"sampled"` draws one other sample per row, never its own.
            (default: :obj:`"all"`)
        log_variance: Range of q's log-variance, see :class:`GaussianMLP`.
            (default: :obj:`"wide"`)
        clamp: Whether to cut the estimate off at zero, where it then has no gradient.
            (default: :obj:`False`)
        scale: Factor on the estimate. (default: :obj:`1.0`)
        conditional: The model q: :obj:`"mlp"` (:class:`GaussianMLP`), :obj:`"linear"`
            (:class:`LinearGaussian`, which needs no training), a module, or a callable
            that makes one from both widths. (default: :obj:`"mlp"`)

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)`, ``y`` :math:`(N, d_y)`, :math:`N \geq 2`
        - **output:** a scalar in nats

    Raises:
        ValueError: If an option is unknown, or the widths of ``conditional`` differ.

    .. note::
        SEA's released code returns half of the bound, cut off at zero:
        ``scale=0.5, clamp=True``, with ``num_negatives="sampled"`` and
        ``log_variance="tanh"``. Its permutation may pair a row with itself.
    """

    bound: ClassVar[Literal["upper", "lower", "none"]] = "upper"

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        hidden_channels: int = 8,
        num_negatives: Literal["all", "sampled"] = "all",
        log_variance: Literal["wide", "tanh"] = "wide",
        clamp: bool = False,
        scale: float = 1.0,
        conditional: Conditional = "mlp",
    ) -> None:
        super().__init__(
            x_channels, y_channels, hidden_channels, log_variance, conditional
        )
        check_choice(("all", "sampled"), num_negatives=num_negatives)
        check_interval("(0, inf)", scale=scale)
        self.num_negatives = num_negatives
        self.clamp = clamp
        self.scale = scale

    def forward(
        self,
        x: Tensor,
        y: Tensor,
        permutation: OptTensor = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Estimate the mutual information in nats.

        Args:
            x: First variable.
            y: Second variable.
            permutation: The row of y that each row of x is compared with, :math:`(N)`,
                for sampled negatives; a random one without fixed point by default.
            generator: Draws that permutation.
        """
        self.check(x, y, finite=self.validate)
        if self.num_negatives == "all":
            if permutation is not None:
                raise ValueError("permutation needs num_negatives='sampled'")
        elif permutation is None:
            permutation = derangement(x.size(0), generator, x.device)
        elif permutation.shape != x.shape[:1]:
            raise ValueError(
                f"permutation must name a row of y per row of x, [{x.size(0)}] (got "
                f"{list(permutation.shape)})"
            )
        with own_precision(self, x, y) as (x, y):
            mean, log_variance = self.conditional.predict(x, y)
            estimate = self.scale * club(y, mean, log_variance, permutation)
        return estimate.clamp(min=0) if self.clamp else estimate

    def __repr__(self) -> str:
        options: dict[str, Any] = {"num_negatives": self.num_negatives}
        if self.clamp:
            options["clamp"] = True
        if self.scale != 1:
            options["scale"] = self.scale
        text = ", ".join(f"{key}={value!r}" for key, value in options.items())
        return f"{type(self).__name__}({self.conditional!r}, {text})"


def derangement(
    size: int, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Draw a permutation without a fixed point: one random cycle through all."""
    order = torch.randperm(size, generator=generator, device=device)
    permutation = torch.empty_like(order)
    permutation[order] = order.roll(1)
    return permutation
