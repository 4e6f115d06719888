"""The options of a training run."""

from dataclasses import dataclass, fields
from typing import Any

from sea_pyg.nn.models import Recommender
from sea_pyg.utils import check_choice, check_counts, check_interval, closest

PRECISIONS = ("32", "bf16-mixed")
_POSITIVE = ("batch_size", "max_epochs", "patience", "eval_every")
_WHOLE = (*_POSITIVE, "inner_steps", "seed")
_REAL = ("lr", "lr_decay", "estimator_lr", "weight_decay", "max_grad_norm")


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained and selected.

    Raises:
        ValueError: If an option is out of its range.
    """

    lr: float = 1e-3
    """Learning rate of Adam."""
    lr_decay: float = 1.0
    """Factor of the main parameters' learning rate per epoch; MMRec's
    ``learning_rate_scheduler: [f, n]`` is ``f ** (1 / n)``."""
    batch_size: int = 2048
    """Interactions per step."""
    weight_decay: float = 0.0
    """Weight of the squared norm of the main parameters in Adam's gradient."""
    max_grad_norm: float | None = None
    """Norm that the gradient of all main parameters together has at most; any by
    default."""
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
        object.__setattr__(self, "eval_k", tuple(self.eval_k))
        self._check()
        # NumPy's numbers become plain ones, which JSON takes.
        object.__setattr__(self, "eval_k", tuple(int(k) for k in self.eval_k))
        for name in _WHOLE:
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in _REAL:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))

    def _check(self) -> None:
        check_counts(1, **{name: getattr(self, name) for name in _POSITIVE})
        check_counts(0, inner_steps=self.inner_steps, seed=self.seed)
        if self.seed >= 2**63:
            raise ValueError(f"seed must be below 2**63 (got {self.seed!r})")
        check_interval("(0, inf)", lr=self.lr)
        if self.estimator_lr is not None:
            check_interval("(0, inf)", estimator_lr=self.estimator_lr)
        check_interval("[0, inf)", weight_decay=self.weight_decay)
        check_interval("(0, 1]", lr_decay=self.lr_decay)
        if self.max_grad_norm is not None:
            check_interval("(0, inf)", max_grad_norm=self.max_grad_norm)
        check_choice(PRECISIONS, precision=self.precision)
        if not self.eval_k:
            raise ValueError("eval_k must hold at least one length (got none)")
        for k in self.eval_k:
            check_counts(1, eval_k=k)
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
