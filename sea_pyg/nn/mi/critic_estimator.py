"""What the estimators that rest on a critic share."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from sea_pyg.nn.functional import reduce_rows
from sea_pyg.nn.mi.bilinear_critic import BilinearCritic
from sea_pyg.nn.mi.concatenated_critic import ConcatenatedCritic
from sea_pyg.nn.mi.cosine_critic import CosineCritic
from sea_pyg.nn.mi.critic import Critic
from sea_pyg.nn.mi.mutual_information_estimator import MutualInformationEstimator
from sea_pyg.nn.mi.own_precision import own_precision
from sea_pyg.nn.mi.scores import (
    jensen_shannon_loss,
    log_mean_off_diagonal,
    log_sum_exp,
    softplus_sum,
)
from sea_pyg.nn.mi.separable_critic import SeparableCritic
from sea_pyg.utils import check_counts

CRITICS: dict[str, Callable[[int, int], Critic]] = {
    "separable": SeparableCritic,
    "concatenated": ConcatenatedCritic,
    "bilinear": BilinearCritic,
    "cosine": CosineCritic,
}

CriticLike = (
    Literal["separable", "concatenated", "bilinear", "cosine"]
    | Critic
    | Callable[[int, int], Critic]
)


class CriticEstimator(MutualInformationEstimator):
    """Base class of estimators that learn a critic :math:`f(x, y)`.

    Args:
        x_channels: Width of x.
        y_channels: Width of y.
        critic: The critic: :obj:`"separable"`, :obj:`"concatenated"`,
            :obj:`"bilinear"`, :obj:`"cosine"`, a module, or a callable that makes one
            from both widths. (default: :obj:`"separable"`)
        chunk_size: Rows whose scores are held at a time; value and gradient are exact
            at any. All at once if :obj:`None`. (default: :obj:`1024`)

    Raises:
        ValueError: If an option is unknown or the widths of ``critic`` differ.
    """

    def __init__(
        self,
        x_channels: int,
        y_channels: int,
        critic: CriticLike = "separable",
        chunk_size: int | None = 1024,
    ) -> None:
        super().__init__(x_channels, y_channels)
        if chunk_size is not None:
            check_counts(1, chunk_size=chunk_size)
        if isinstance(critic, str):
            if critic not in CRITICS:
                raise ValueError(
                    f"critic must be one of {sorted(CRITICS)}, a Critic or a callable "
                    f"that makes one (got {critic!r})"
                )
            critic = CRITICS[critic](x_channels, y_channels)
        elif not isinstance(critic, Critic):
            critic = critic(x_channels, y_channels)
        widths = (critic.x_channels, critic.y_channels)
        if widths != (x_channels, y_channels):
            raise ValueError(
                f"critic must score widths {x_channels} and {y_channels} (got "
                f"{widths[0]} and {widths[1]})"
            )
        self.critic = critic
        self.chunk_size = chunk_size

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.critic.reset_parameters()

    def learning_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute what the critic minimises, the bound's negative if the class names
        no other; its gradient reaches ``x`` and ``y`` too.
        """
        self.check(x, y)
        with own_precision(self, x, y) as (x, y):
            return self._objective(x, y)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Estimate the mutual information in nats."""
        self.check(x, y, finite=self.validate)
        with own_precision(self, x, y) as (x, y):
            return self._bound(x, y)

    def _bound(self, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def _objective(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._bound(x, y)

    def _jensen_shannon(self, x: Tensor, y: Tensor) -> Tensor:
        return jensen_shannon_loss(*self._reduce(x, y, softplus_sum))

    def _reduce(
        self,
        x: Tensor,
        y: Tensor,
        reduction: Callable[[Tensor], Tensor],
        exclude_own: bool = True,
    ) -> tuple[Tensor, Tensor]:
        def score(rows: Tensor) -> Tensor:
            scores: Tensor = self.critic(rows, y)
            return scores

        return reduce_rows(score, x, reduction, exclude_own, self.chunk_size)

    def _positive_and_log_mean(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pairs' scores and the log-mean over all that are not pairs."""
        positive, log_sums = self._reduce(x, y, log_sum_exp)
        return positive, log_mean_off_diagonal(log_sums)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.critic!r})"
