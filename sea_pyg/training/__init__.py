"""Training on Lightning, which is imported when the first of its classes is used."""

import importlib
from typing import TYPE_CHECKING, Any

from sea_pyg.training.fit import FitResult, fit
from sea_pyg.training.fit_setting import FittedSetting, build_setting, fit_setting
from sea_pyg.training.gradients import count_gradients
from sea_pyg.training.log_uniform import LogUniform
from sea_pyg.training.provenance import data_fingerprint, environment
from sea_pyg.training.read_json import read_json
from sea_pyg.training.run_cell import finished_cell, run_cell
from sea_pyg.training.run_config import RunConfig
from sea_pyg.training.search_spaces import SEARCH_SPACES, search_space
from sea_pyg.training.step import training_step
from sea_pyg.training.tensor_file import load_tensors, save_tensors
from sea_pyg.training.training_config import TrainingConfig
from sea_pyg.training.training_state import TrainingState
from sea_pyg.training.tune import Trial, best_trial, tune

if TYPE_CHECKING:
    from sea_pyg.training.early_stopping import EarlyStopping
    from sea_pyg.training.history_logger import HistoryLogger
    from sea_pyg.training.interaction_data_module import InteractionDataModule
    from sea_pyg.training.loss_progress_bar import LossProgressBar
    from sea_pyg.training.recommender_module import RecommenderModule
    from sea_pyg.training.run_checkpoint import RunCheckpoint

_LIGHTNING = {
    "EarlyStopping": "early_stopping",
    "HistoryLogger": "history_logger",
    "InteractionDataModule": "interaction_data_module",
    "LossProgressBar": "loss_progress_bar",
    "RecommenderModule": "recommender_module",
    "RunCheckpoint": "run_checkpoint",
}

__all__ = [
    "SEARCH_SPACES",
    "EarlyStopping",
    "FitResult",
    "FittedSetting",
    "HistoryLogger",
    "InteractionDataModule",
    "LogUniform",
    "LossProgressBar",
    "RecommenderModule",
    "RunCheckpoint",
    "RunConfig",
    "TrainingConfig",
    "TrainingState",
    "Trial",
    "best_trial",
    "build_setting",
    "count_gradients",
    "data_fingerprint",
    "environment",
    "finished_cell",
    "fit",
    "fit_setting",
    "load_tensors",
    "read_json",
    "run_cell",
    "save_tensors",
    "search_space",
    "training_step",
    "tune",
]
classes = [name for name in __all__ if name[0].isupper() and not name.isupper()]


def __getattr__(name: str) -> Any:
    if name not in _LIGHTNING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_LIGHTNING[name]}")
    return getattr(module, name)
