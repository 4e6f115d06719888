"""A recommender as Lightning trains it."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch_geometric.data import HeteroData

from sea_pyg.evaluation import evaluate
from sea_pyg.nn.models import Recommender
from sea_pyg.training.check_splits import check_splits
from sea_pyg.training.refuse_test import refuse_test
from sea_pyg.training.step import training_step
from sea_pyg.training.training_config import VALIDATION_METRICS, TrainingConfig
from sea_pyg.typing import Triplets


class RecommenderModule(L.LightningModule):
    """Train a recommender, and its mutual-information estimators beside it.

    See :func:`~sea_pyg.training.step.training_step`.

    Args:
        model: The recommender.
        data: The training graph, with everything that ``model.prepare`` adds.
        config: The options.

    Raises:
        ValueError: If ``data`` is a test graph, or one that is or that is of another
            split is given for validation.
    """

    def __init__(
        self, model: Recommender, data: HeteroData, config: TrainingConfig
    ) -> None:
        super().__init__()
        refuse_test(data, "train")
        self.automatic_optimization = False
        self.model = model
        self.data = data
        self.config = config
        self.parts: dict[str, list[Tensor]] = {}
        """Loss parts of every step since they were last taken."""
        self.metrics: dict[str, float] = {}
        """Validation metrics of the last evaluation, in double precision."""
        self.check: Callable[[dict[str, Tensor]], None] | None = None
        """Called with the loss parts before the main parameters are changed."""

    def configure_optimizers(self) -> list[Optimizer]:
        """Make Adam for the main parameters, and one for the estimators if any."""
        config = self.config
        optimizers: list[Optimizer] = [
            _adam(self.model.main_parameters(), config.lr, config.weight_decay)
        ]
        estimator = self.model.estimator_parameters()
        if estimator:
            lr = config.lr if config.estimator_lr is None else config.estimator_lr
            optimizers.append(_adam(estimator, lr))
        return optimizers

    def on_train_start(self) -> None:
        """Have the model note what it is trained on."""
        self.model.note_training(self.data)

    def on_train_epoch_start(self) -> None:
        """Set the epoch's learning rate of the main parameters."""
        config = self.config
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = config.lr * config.lr_decay**self.current_epoch

    def training_step(self, batch: Triplets, batch_idx: int) -> None:
        """Take the step, and keep its loss parts."""
        found: Any = self.optimizers(use_pl_optimizer=False)
        optimizers: list[Optimizer] = found if isinstance(found, list) else [found]
        parts = training_step(
            self.model,
            self.data,
            batch,
            optimizers,
            self.config.inner_steps,
            self.check,
            self.manual_backward,
            self.config.max_grad_norm,
        )
        for name, value in parts.items():
            self.parts.setdefault(name, []).append(value)

    def take_parts(self) -> dict[str, float]:
        """Return the mean of every loss part since the last call, and forget them."""
        means = {
            name: float(torch.stack(values).double().mean())
            for name, values in self.parts.items()
        }
        self.parts = {}
        return means

    def validation_step(self, batch: HeteroData, batch_idx: int) -> None:
        """Rank the catalogue for the validation graph."""
        check_splits(self.data, batch)
        # In bfloat16 scores would tie.
        with torch.autocast(self.device.type, enabled=False):
            result = evaluate(
                self.model, batch, k=self.config.eval_k, metrics=VALIDATION_METRICS
            )
        self.metrics = result.metrics


def _adam(
    parameters: list[torch.nn.Parameter], lr: float, weight_decay: float = 0.0
) -> Adam:
    return Adam(parameters, lr=lr, weight_decay=weight_decay, fused=True)
