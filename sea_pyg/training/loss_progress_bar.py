"""Lightning's progress bar with our numbers."""

import sys
from typing import Any

import lightning.pytorch as L
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm

from sea_pyg.training.recommender_module import RecommenderModule
from sea_pyg.training.training_state import TrainingState


class LossProgressBar(TQDMProgressBar):
    """Show the last step's loss parts and the best validation metric.

    It is written to the standard error, so that the standard output stays clean.

    Args:
        state: Knows the epoch and the best metric.
        metric: The name of the metric.
        refresh_rate: Steps between two refreshments. (default: :obj:`10`)
    """

    def __init__(
        self, state: TrainingState, metric: str, refresh_rate: int = 10
    ) -> None:
        super().__init__(refresh_rate=refresh_rate)
        self.state = state
        self.metric = metric

    def init_train_tqdm(self) -> Tqdm:
        """Make the bar of an epoch's steps."""
        return Tqdm(
            desc="epoch", file=sys.stderr, dynamic_ncols=True, smoothing=0, leave=True
        )

    def init_validation_tqdm(self) -> Tqdm:
        """Make no visible bar: the validation is one step."""
        return Tqdm(disable=True)

    def on_train_epoch_start(self, trainer: L.Trainer, *args: Any) -> None:
        """Name the epoch as it is counted over all resumptions."""
        super().on_train_epoch_start(trainer, *args)
        self.train_progress_bar.set_description(f"epoch {self.state.epoch + 1}")

    def get_metrics(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Return what stands behind the bar."""
        assert isinstance(pl_module, RecommenderModule)
        shown: dict[str, int | str | float | dict[str, float]] = {
            name: f"{float(values[-1]):.4f}" for name, values in pl_module.parts.items()
        }
        if self.metric in pl_module.metrics:
            shown[self.metric] = f"{pl_module.metrics[self.metric]:.4f}"
        if self.state.best is not None:
            shown["best"] = f"{self.state.best:.4f}"
        return shown
