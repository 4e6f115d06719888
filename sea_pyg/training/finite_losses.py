"""Stop a run whose loss is not a number any more."""

from pathlib import Path

import lightning.pytorch as L
import torch
from torch import Tensor

from sea_pyg.training.recommender_module import RecommenderModule
from sea_pyg.training.training_state import TrainingState
from sea_pyg.utils import NonFiniteError


class FiniteLosses(L.Callback):
    """Raise when a loss part is NaN or infinite, before any checkpoint keeps it.

    On a CPU every step is checked before the main parameters change; elsewhere, where
    a look at a value would halt the device, all steps are checked after each epoch.

    Args:
        state: Knows the steps that were taken.
        checkpoint: The file that the message names as the last good one.
    """

    def __init__(self, state: TrainingState, checkpoint: Path | None = None) -> None:
        self.state = state
        self.checkpoint = checkpoint

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at every step if that is free."""
        assert isinstance(pl_module, RecommenderModule)
        if pl_module.device.type == "cpu":
            pl_module.check = self._check_step

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Count the step."""
        self.state.step += 1

    def on_validation_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> None:
        """Look at the epoch's steps before they are judged."""
        self._check_epoch(pl_module)

    def on_train_epoch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> None:
        """Look at the epoch's steps where there was no validation."""
        self._check_epoch(pl_module)

    def _check_step(self, parts: dict[str, Tensor]) -> None:
        if not bool(torch.isfinite(torch.stack(list(parts.values()))).all()):
            for name, value in parts.items():
                if not bool(torch.isfinite(value)):
                    self._fail(name, float(value), self.state.step + 1)

    def _check_epoch(self, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, RecommenderModule)
        if pl_module.check is not None:
            return
        first: tuple[int, str, float] | None = None
        for name, values in pl_module.parts.items():
            wrong = (~torch.isfinite(torch.stack(values))).nonzero()
            if wrong.numel():
                at = int(wrong[0])
                found = (
                    self.state.step - len(values) + at + 1,
                    name,
                    float(values[at]),
                )
                first = found if first is None else min(first, found)
        if first is not None:
            self._fail(first[1], first[2], first[0])

    def _fail(self, name: str, value: float, step: int) -> None:
        if self.checkpoint is not None and self.checkpoint.is_file():
            last = f"the last good checkpoint is {str(self.checkpoint)!r}, of epoch "
            last += str(self.state.epoch)
        else:
            last = "there is no checkpoint before it"
        raise NonFiniteError(
            f"the loss part {name!r} became {value} in step {step} (epoch "
            f"{self.state.epoch + 1}); {last}; lower the learning rate or check the "
            "features' scale"
        )
