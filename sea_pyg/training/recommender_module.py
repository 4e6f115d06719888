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
from sea_pyg.training.training_config import VALIDATION_METRICS, TrainingConfig
from sea_pyg.typing import Triplets


class RecommenderModule(L.LightningModule):
    """Train a recommender, and its mutual-information estimators beside it.

    In every step the graph is encoded once; then the estimators take
    ``config.inner_steps`` steps of their own on what was encoded, detached; then the
    main parameters take one step on the sum of the loss parts, for which the
    estimators are constants.

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

    def training_step(self, batch: Triplets, batch_idx: int) -> None:
        """Take one step of the main parameters and all inner steps before it."""
        optimizers: Any = self.optimizers(use_pl_optimizer=False)
        if not isinstance(optimizers, list):
            optimizers = [optimizers]
        state = self.model.representations(self.data)
        parts: dict[str, Tensor] = {}
        if len(optimizers) > 1:
            fitted = self.model.fit_estimators(
                self.data, state, optimizers[1], self.config.inner_steps
            )
            if fitted is not None:
                parts["estimator"] = fitted

        estimator = self.model.estimator_parameters()
        for parameter in estimator:  # constants of the main objective
            parameter.requires_grad_(False)
        try:
            losses = self.model.loss(self.data, batch, state)
            parts |= {name: value.detach() for name, value in losses.items()}
            if self.check is not None:
                self.check(parts)
            # Only now: the new gradients then find the room that the old ones had.
            del state
            optimizers[0].zero_grad(set_to_none=True)
            self.manual_backward(torch.stack(list(losses.values())).sum())
        finally:
            for parameter in estimator:
                parameter.requires_grad_(True)
        optimizers[0].step()
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
