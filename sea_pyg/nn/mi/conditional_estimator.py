"""What the estimators that rest on a model q(y|x) share."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from sea_pyg.nn.functional import gaussian_nll
from sea_pyg.nn.mi.conditional_gaussian import ConditionalGaussian
from sea_pyg.nn.mi.gaussian_mlp import GaussianMLP
from sea_pyg.nn.mi.linear_gaussian import LinearGaussian
from sea_pyg.nn.mi.minimize import minimize
from sea_pyg.nn.mi.mutual_information_estimator import (
    MutualInformationEstimator,
    check_fit,
)

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
        conditional: Conditional | None = "mlp",
    ) -> None:
        super().__init__(x_channels, y_channels)
        if conditional is None or conditional == "mlp":
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

    def learning_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute q's mean negative log-likelihood, without its constant."""
        self.check(x, y)
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
        self.conditional.fit(x, y)
        return float(gaussian_nll(y, *self.conditional(x)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.conditional!r})"


def joint_learning_loss(
    estimators: Sequence[MutualInformationEstimator], pairs: Sequence[Sequence[Tensor]]
) -> Tensor:
    """Return the sum of the estimators' ``learning_loss``, each on a pair of its own.

    Models q of one kind are fitted side by side, in one pass over all pairs, where
    their pairs have as many samples.

    Args:
        estimators: The estimators; one may stand here for several pairs.
        pairs: x and y of every estimator.

    Shapes:
        ``pairs`` :math:`(N, d_x)` and :math:`(N, d_y)` each; returns a scalar.
    """
    models = _side_by_side(estimators, pairs)
    if models is not None:
        return GaussianMLP.joint_nll(
            models, [x for x, _ in pairs], [y for _, y in pairs]
        )
    losses = [
        e.learning_loss(x, y) for e, (x, y) in zip(estimators, pairs, strict=True)
    ]
    return torch.stack(losses).sum()


def joint_fit(
    estimators: Sequence[MutualInformationEstimator],
    pairs: Sequence[Sequence[Tensor]],
    optimizer: torch.optim.Optimizer,
    steps: int,
) -> Tensor | None:
    """Take an optimizer's steps on :func:`joint_learning_loss`.

    Its parameters are left without a gradient: what another loss has given them is not
    to add up with what it gives them next.

    Args:
        estimators: The estimators.
        pairs: x and y of every estimator.
        optimizer: That of the estimators' parameters.
        steps: Number of steps.

    Returns:
        The last value of the loss, or :obj:`None` without steps.
    """
    models = _side_by_side(estimators, pairs)
    found: Tensor | None
    if steps > 0 and models is not None and GaussianMLP.fits_with(models, optimizer):
        assert isinstance(optimizer, torch.optim.Adam)
        xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
        found = GaussianMLP.joint_fit(models, xs, ys, optimizer, steps)
    else:
        found = minimize(
            lambda: joint_learning_loss(estimators, pairs), optimizer, steps
        )
    optimizer.zero_grad(set_to_none=True)
    return found


def _side_by_side(
    estimators: Sequence[MutualInformationEstimator], pairs: Sequence[Sequence[Tensor]]
) -> list[GaussianMLP] | None:
    """Return the models q if they can be computed side by side."""
    models = [model for model in map(_joinable, estimators) if model is not None]
    samples = [x for pair in pairs for x in pair]
    if (
        len(models) < len(estimators)
        or not all(models[0].joins(model) for model in models)
        or any(x.size(0) != samples[0].size(0) for x in samples)
        or any(x.requires_grad for x in samples)
    ):
        return None
    for estimator, (x, y) in zip(estimators, pairs, strict=True):
        estimator.check(x, y)
    return models


def _joinable(estimator: MutualInformationEstimator) -> GaussianMLP | None:
    """Return the model q whose likelihood alone is the estimator's objective."""
    own = type(estimator).learning_loss is ConditionalEstimator.learning_loss
    if not (isinstance(estimator, ConditionalEstimator) and own):
        return None
    model = estimator.conditional
    return model if isinstance(model, GaussianMLP) and model.has_kernel else None
