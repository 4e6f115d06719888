"""The options of a training run."""

import math
import operator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sea_pyg.nn.models import Recommender
from sea_pyg.utils import closest

PRECISIONS = ("32", "bf16-mixed")
_WHOLE = ("batch_size", "inner_steps", "max_epochs", "patience", "eval_every", "seed")


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained and selected.

    Raises:
        ValueError: If an option is out of its range.
    """

    lr: float = 1e-3
    """Learning rate of Adam."""
    batch_size: int = 2048
    """Interactions per step."""
    weight_decay: float = 0.0
    """Weight of the squared norm of the main parameters in Adam's gradient."""
    inner_steps: int = 50
    """Steps of the mutual-information estimators in every training step."""
    estimator_lr: float | None = None
    """Learning rate of the estimators' Adam; ``lr`` by default."""
    max_epochs: int = 1000
    """Passes over the interactions at most."""
    patience: int = 20
    """Evaluations without a new best value after which training stops."""
    eval_every: int = 1
    """Epochs between two evaluations."""
    metric: str = "recall@20"
    """The validation metric that selects the model; higher is better."""
    eval_k: tuple[int, ...] = (10, 20)
    """Lengths of the rankings that are evaluated."""
    precision: str = "32"
    """``'32'`` or ``'bf16-mixed'``; evaluation is in float32 either way."""
    device: str = "auto"
    """``'cpu'``, ``'cuda'``, or ``'auto'``: the GPU if there is one."""
    seed: int = 0
    """Seed of the batches and of whatever the model draws."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "eval_k", tuple(int(k) for k in self.eval_k))
        for name in _WHOLE:  # plain numbers, which JSON takes
            try:
                whole = operator.index(getattr(self, name))
            except TypeError as error:
                raise ValueError(
                    f"{name} must be a whole number (got {getattr(self, name)!r})"
                ) from error
            object.__setattr__(self, name, whole)
        for name in ("lr", "estimator_lr", "weight_decay"):
            if isinstance(getattr(self, name), np.floating):
                object.__setattr__(self, name, float(getattr(self, name)))
        for name in ("lr", "estimator_lr"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be a positive number (got {value!r})")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise ValueError(
                f"weight_decay must not be negative (got {self.weight_decay!r})"
            )
        for name in ("batch_size", "max_epochs", "patience", "eval_every"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1 (got {getattr(self, name)!r})"
                )
        for name in ("inner_steps", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(
                    f"{name} must not be negative (got {getattr(self, name)!r})"
                )
        if self.seed >= 2**63:
            raise ValueError(f"seed must be below 2**63 (got {self.seed!r})")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {', '.join(PRECISIONS)} "
                f"(got {self.precision!r})"
            )
        if not self.eval_k or min(self.eval_k) < 1:
            raise ValueError(
                f"eval_k must hold lengths of at least 1 (got {self.eval_k!r})"
            )
        options = [f"{name}@{k}" for k in self.eval_k for name in VALIDATION_METRICS]
        if self.metric not in options:
            raise ValueError(
                f"metric must be one of {', '.join(options)} (got {self.metric!r}); "
                "choose one of them or change eval_k"
            )

    def check_catalogue(self, num_items: int) -> None:
        """Check that rankings as long as asked for can be made.

        Raises:
            ValueError: If there are fewer items.
        """
        if max(self.eval_k) > num_items:
            raise ValueError(
                f"eval_k asks for rankings of {max(self.eval_k)} of {num_items} items; "
                f"take shorter ones, and a metric of theirs, such as eval_k=[1] and "
                f"metric='recall@1' (got {list(self.eval_k)} and {self.metric!r})"
            )

    @classmethod
    def for_model(
        cls, model: Recommender | type[Recommender], **options: Any
    ) -> "TrainingConfig":
        """Return the model's published settings, overridden by ``options``.

        Args:
            model: The model, or its class. A model that wraps another one knows its
                settings only when it is built.
            **options: Options by name.

        Raises:
            ValueError: If there is no such option.
        """
        names = [field.name for field in fields(cls)]
        for name in options:
            if name not in names:
                raise ValueError(f"no training option {name!r}; {closest(name, names)}")
        return cls(**{**model.training_defaults, **options})


VALIDATION_METRICS = ("recall", "ndcg")
"""What is computed on the validation graph while training."""
