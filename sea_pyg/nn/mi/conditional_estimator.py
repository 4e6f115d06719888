"""What the estimators that rest on a model q(y|x) share."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from sea_pyg.nn.functional import gaussian_nll
from sea_pyg.nn.mi.conditional_gaussian import ConditionalGaussian
from sea_pyg.nn.mi.fit_side_by_side import fit_side_by_side, fits_with
from sea_pyg.nn.mi.gaussian_mlp import GaussianMLP
from sea_pyg.nn.mi.linear_gaussian import LinearGaussian
from sea_pyg.nn.mi.mutual_information_estimator import (
    MutualInformationEstimator,
    check_fit,
)
from sea_pyg.nn.mi.own_precision import own_precision

Conditional = (
    Literal["mlp", "linear"]
    | ConditionalGaussian
    | Callable[[int, int], ConditionalGaussian]
)


class ConditionalEstimator(MutualInformationEstimator):
    """Base class of estimators that learn a model :math:`q(y|x)`.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        hidden_channels: Hidden width of q, if it is a :class:`GaussianMLP`.
            (default: :obj:`8`)
        log_variance: Range of its log-variance. (default: :obj:`"wide"`)
        conditional: The model q: :obj:`"mlp"` (:class:`GaussianMLP`), :obj:`"linear"`
            (:class:`LinearGaussian`, which needs no training), a module, or a callable
            that makes one from both widths. (default: :obj:`"mlp"`)

    Raises:
        ValueError: If an option is unknown or the widths of ``conditional`` differ.
    """

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        hidden_channels: int = 8,
        log_variance: Literal["wide", "tanh"] = "wide",
        conditional: Conditional = "mlp",
    ) -> None:
        super().__init__(x_channels, y_channels)
        if conditional == "mlp":
            conditional = GaussianMLP(
                x_channels, y_channels, hidden_channels, log_variance
            )
        elif conditional == "linear":
            conditional = LinearGaussian(x_channels, y_channels)
        elif isinstance(conditional, str):
            raise ValueError(
                "conditional must be 'mlp', 'linear', a ConditionalGaussian or a "
                f"callable that makes one (got {conditional!r})"
            )
        elif not isinstance(conditional, ConditionalGaussian):
            conditional = conditional(x_channels, y_channels)
        widths = (conditional.x_channels, conditional.y_channels)
        if widths != (x_channels, y_channels):
            raise ValueError(
                f"conditional must map width {x_channels} to {y_channels} (got "
                f"{widths[0]} to {widths[1]})"
            )
        self.conditional = conditional

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.conditional.reset_parameters()

    @property
    def kernel_model(self) -> GaussianMLP | None:
        """The model q, if its likelihood is all that is learned and has a kernel."""
        own = type(self).learning_loss is ConditionalEstimator.learning_loss
        model = self.conditional
        if own and isinstance(model, GaussianMLP) and model.has_kernel:
            return model
        return None

    def _fit_to_all(
        self, x: Tensor, y: Tensor, optimizer: torch.optim.Adam, steps: int
    ) -> Tensor:
        model = self.kernel_model
        if model is None or not fits_with([model], optimizer):
            return super()._fit_to_all(x, y, optimizer, steps)
        with torch.inference_mode(False):
            return fit_side_by_side([model], [x], [y], optimizer, steps)

    def learning_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute q's mean negative log-likelihood, without its constant."""
        self.check(x, y)
        with own_precision(self, x, y) as (x, y):
            return self.conditional.nll(x, y)

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        steps: int = 50,
        lr: float = 1e-3,
        batch_size: int | None = None,
        generator: torch.Generator | None = None,
    ) -> float:
        """Train q, or solve for it at once if it has a closed form.

        See :meth:`MutualInformationEstimator.fit`.
        """
        if not isinstance(self.conditional, LinearGaussian):
            return super().fit(x, y, steps, lr, batch_size, generator)
        check_fit(steps, lr, batch_size)
        x, y = x.detach(), y.detach()
        self.check(x, y, finite=True)
        with own_precision(self, x, y) as (x, y):
            self.conditional.fit(x, y)
            return float(gaussian_nll(y, *self.conditional(x)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.conditional!r})"
