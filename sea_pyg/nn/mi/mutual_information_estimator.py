"""What every estimator of mutual information can do."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor

from sea_pyg.nn.mi.minimize import minimize
from sea_pyg.utils import check_counts, check_interval


class MutualInformationEstimator(torch.nn.Module, ABC):
    r"""Base class of estimators of :math:`I(X; Y)` from paired samples.

    An estimator has parameters of its own, which :meth:`learning_loss` trains on pairs
    that it treats as data, and an estimate, :meth:`forward`, whose gradient reaches
    ``x`` and ``y``: minimise it to make them independent, or maximise it.

    Both are computed in the type of the estimator's parameters, also under autocast and
    of pairs in half precision.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.

    Shapes:
        - **input:** ``x`` :math:`(N, d_x)` and ``y`` :math:`(N, d_y)`; row :math:`i`
          of both is one pair
        - **output:** a scalar in nats
    """

    bound: ClassVar[Literal["upper", "lower", "none"]]
    """On which side of the truth the estimate lies once the parameters have learned."""

    validate: bool = True
    """Whether :meth:`forward` refuses a NaN; off, it returns a NaN for one."""

    def __init__(self, x_channels: int, y_channels: int) -> None:
        super().__init__()
        check_counts(1, x_channels=x_channels, y_channels=y_channels)
        self.x_channels = x_channels
        self.y_channels = y_channels

    @abstractmethod
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Estimate the mutual information in nats."""

    @abstractmethod
    def learning_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute the loss that trains the estimator's own parameters."""

    @abstractmethod
    def reset_parameters(self) -> None:
        """Draw all parameters anew."""

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        steps: int = 50,
        lr: float = 1e-3,
        batch_size: int | None = None,
        generator: torch.Generator | None = None,
    ) -> float:
        """Train the estimator's own parameters with Adam, if it has any.

        Args:
            x: First variable; no gradient reaches it.
            y: Second variable; no gradient reaches it.
            steps: Number of steps. (default: :obj:`50`)
            lr: Learning rate. (default: :obj:`1e-3`)
            batch_size: Pairs per step, drawn anew for each; all by default.
            generator: Draws them.

        Returns:
            The last value of :meth:`learning_loss`.

        Raises:
            ValueError: If the shapes do not fit, there are fewer than two pairs, a
                value is not finite, or ``steps`` or ``lr`` is not positive.
        """
        check_fit(steps, lr, batch_size)
        x, y = _outside_inference(x.detach()), _outside_inference(y.detach())
        self.check(x, y, finite=True)
        parameters = [p for p in self.parameters() if p.requires_grad]
        if not parameters:
            return float(self.learning_loss(x, y))

        def loss() -> Tensor:
            order = torch.randperm(x.size(0), generator=generator, device=x.device)
            rows = order[:batch_size]
            return self.learning_loss(x[rows], y[rows])

        optimizer = torch.optim.Adam(parameters, lr=lr)
        if batch_size is None or batch_size >= x.size(0):
            return float(self._fit_to_all(x, y, optimizer, steps))
        last = minimize(loss, optimizer, steps)
        assert last is not None
        return float(last)

    def _fit_to_all(
        self, x: Tensor, y: Tensor, optimizer: torch.optim.Adam, steps: int
    ) -> Tensor:
        """Take an optimizer's steps on the same pairs, and return the last loss."""
        last = minimize(lambda: self.learning_loss(x, y), optimizer, steps)
        assert last is not None
        return last

    def check(self, x: Tensor, y: Tensor, finite: bool = False) -> None:
        """Check that ``x`` and ``y`` are pairs that this estimator takes.

        Raises:
            ValueError: If they are not, there are fewer than two, a value is not
                finite and should be, or they are more precise than the parameters.
        """
        check_pairs(x, y, self.x_channels, self.y_channels, finite)
        parameter = next(self.parameters(), None)
        if parameter is not None:
            check_precision(parameter.dtype, x=x, y=y)


def _outside_inference(x: Tensor) -> Tensor:
    """Return what a gradient can be computed with, in inference mode, too."""
    if not x.is_inference():
        return x
    with torch.inference_mode(False):
        return x.clone()


def check_fit(steps: int, lr: float, batch_size: int | None) -> None:
    """Check the options of :meth:`MutualInformationEstimator.fit`.

    Raises:
        ValueError: If one is out of range.
    """
    check_counts(1, steps=steps)
    check_interval("(0, inf)", lr=lr)
    if batch_size is not None:
        check_counts(2, batch_size=batch_size)


def check_precision(dtype: torch.dtype, **values: Tensor) -> None:
    """Check that tensors, given by their names, are no more precise than ``dtype``.

    Raises:
        ValueError: If one is.
    """
    for name, value in values.items():
        if torch.promote_types(value.dtype, dtype) != dtype:
            raise ValueError(
                f"{name} is {value.dtype} and the estimator {dtype}; convert {name} by "
                f".to({dtype}), or the estimator by .to({value.dtype})"
            )


def check_pairs(
    x: Tensor, y: Tensor, x_channels: int, y_channels: int, finite: bool = False
) -> None:
    """Check that ``x`` and ``y`` are pairs of the expected widths.

    Raises:
        ValueError: If they are not, there are fewer than two, or a value is not finite
            and should be.
    """
    for name, value, width in (("x", x, x_channels), ("y", y, y_channels)):
        if not value.is_floating_point():
            raise ValueError(
                f"{name} must be of floating point (got {value.dtype}); convert it by "
                ".float()"
            )
        if value.dim() != 2 or value.size(1) != width:
            raise ValueError(
                f"{name} must be of shape [N, {width}] (got {list(value.shape)})"
            )
    if x.size(0) != y.size(0):
        raise ValueError(
            "x and y must hold the same number of samples, a pair per row (got "
            f"{x.size(0)} and {y.size(0)})"
        )
    if x.size(0) < 2:
        raise ValueError(
            "mutual information cannot be estimated from fewer than two pairs (got "
            f"{x.size(0)})"
        )
    if not finite:
        return
    for name, value in (("x", x), ("y", y)):
        bad = ~torch.isfinite(value)
        if bool(bad.any()):
            raise ValueError(
                f"{name} must be finite (got a NaN or infinite value in row "
                f"{int(bad.any(dim=1).nonzero()[0])}); drop such pairs"
            )
