"""What Lightning runs, and what happens around the epochs."""

import os
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment

from sea_pyg.training.early_stopping import EarlyStopping
from sea_pyg.training.finite_losses import FiniteLosses
from sea_pyg.training.history_logger import HistoryLogger
from sea_pyg.training.loss_progress_bar import LossProgressBar
from sea_pyg.training.run_checkpoint import RunCheckpoint
from sea_pyg.training.training_config import TrainingConfig


def make_callbacks(
    config: TrainingConfig,
    checkpoint: RunCheckpoint,
    history: Path | None,
    progress: bool,
) -> list[L.Callback]:
    """List what happens around the epochs.

    The order matters. No epoch is judged or kept whose losses are not finite; the bar
    shows parts and metrics that the history takes away; and the checkpoint counts the
    epoch and saves it with all that the others have noted of it.
    """
    state = checkpoint.state
    return [
        FiniteLosses(state, checkpoint.last),
        EarlyStopping(state, config.metric, config.patience),
        *([LossProgressBar(state, config.metric)] if progress else []),
        HistoryLogger(state, history),
        checkpoint,
    ]


def make_trainer(
    config: TrainingConfig,
    device: torch.device,
    epoch: int,
    callbacks: list[L.Callback],
    folder: Path | None,
    progress: bool,
) -> L.Trainer:
    """Make a trainer that goes on after ``epoch`` epochs."""
    logger: Any = False
    if folder is not None:
        logger = TensorBoardLogger(
            folder, name="tensorboard", version="", purge_step=epoch + 1
        )
    trainer = L.Trainer(
        accelerator="gpu" if device.type == "cuda" else device.type,
        devices=[device.index or 0] if device.type == "cuda" else 1,
        # Under SLURM, Lightning would save weights in the working directory when it is
        # told to stop, and load any checkpoint found there when it starts.
        plugins=[LightningEnvironment()],
        default_root_dir=os.devnull,
        max_epochs=config.max_epochs,
        precision="bf16-mixed" if config.precision == "bf16-mixed" else "32-true",
        check_val_every_n_epoch=config.eval_every,
        num_sanity_val_steps=0,
        callbacks=callbacks,
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=progress,
        enable_model_summary=False,
        # What evaluation memoises must serve training as well.
        inference_mode=False,
        log_every_n_steps=1,
    )
    # Counted over all resumptions: which epochs are evaluated depends on it.
    progress_made: Any = trainer.fit_loop.epoch_progress.current
    progress_made.processed = progress_made.completed = epoch
    return trainer
