"""Checkpoints from which a run goes on as if it had never stopped."""

import random
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import numpy as np
import torch
from torch import Tensor

from sea_pyg.nn.models import Recommender
from sea_pyg.training.recommender_module import RecommenderModule
from sea_pyg.training.tensor_file import load_tensors, save_tensors
from sea_pyg.training.training_config import TrainingConfig
from sea_pyg.training.training_state import TrainingState


class RunCheckpoint(L.Callback):
    """Keep the last epoch's complete state, and the best epoch's weights.

    ``last.safetensors`` holds the weights, the optimizers and the
    :class:`TrainingState`; ``best.safetensors`` the weights alone, with the number of
    their epoch. Both are written atomically. Every epoch seeds the random number
    generators by ``(seed, epoch)``, so their states need not be kept.

    Args:
        state: The progress.
        config: The options; they must be the same when a run is resumed.
        folder: Where checkpoints go; without it the best weights stay in memory.
    """

    def __init__(
        self,
        state: TrainingState,
        config: dict[str, Any],
        folder: Path | None = None,
    ) -> None:
        self.state = state
        self.config = config
        self.folder = folder
        self.best_weights: dict[str, Tensor] = {}
        self._optimizers: list[dict[int, dict[str, Tensor]]] | None = None
        self._start = 0.0

    @property
    def last(self) -> Path | None:
        """The file with the state after the last complete epoch."""
        return None if self.folder is None else self.folder / "last.safetensors"

    @property
    def best(self) -> Path | None:
        """The file with the weights of the best epoch."""
        return None if self.folder is None else self.folder / "best.safetensors"

    def check_free(self) -> None:
        """Check that no run would be written over.

        Raises:
            ValueError: If there is a checkpoint.
        """
        if self.last is not None and self.last.is_file():
            run_dir = self.last.parent.parent
            epochs = TrainingState.saved_in(run_dir).epoch
            raise ValueError(
                f"{str(run_dir)!r} holds a run of {epochs} epochs; go on with it by "
                "resume=True, or choose another folder"
            )

    def restore(self, model: Recommender) -> bool:
        """Load the last checkpoint if there is one; optimizers follow when they exist.

        Raises:
            ValueError: If it is damaged or of a run with other options.
        """
        if self.last is None or not self.last.is_file():
            return False
        tensors, plain = load_tensors(self.last)
        # An earlier version trained as options do by default that it did not have, and
        # did not note the model and the data.
        unknown = {k: v for k, v in self.config.items() if k in ("model", "data")}
        saved = {**asdict(TrainingConfig()), **unknown, **plain["config"]}
        for name, value in self.config.items():
            if saved.get(name) == value:
                continue
            run = f"the run in {str(self.last.parent.parent)!r}"
            if name == "data":
                keys = sorted({*value, *saved[name]})
                other = [key for key in keys if saved[name].get(key) != value.get(key)]
                raise ValueError(
                    f"{run} was trained on other {', '.join(other)} than these graphs "
                    "have; restore them, or start a new run"
                )
            raise ValueError(
                f"{run} was started with {name}={saved.get(name)!r} and cannot be "
                f"resumed with {value!r}; give it as before, or start a new run"
            )
        try:
            model.load_state_dict(_take(tensors, "model/"))
        except RuntimeError as error:
            raise ValueError(
                f"{str(self.last)!r} does not fit the model: "
                f"{' '.join(str(error).split())}; resume with the model that was "
                "trained"
            ) from error
        model.trained_on = tuple(plain.get("trained_on", model.trained_on))
        self._optimizers = []
        for number in range(plain["num_optimizers"]):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _take(tensors, f"optimizer/{number}/").items():
                index, name = key.split("/")
                state.setdefault(int(index), {})[name] = value
            self._optimizers.append(state)
        for name, value in plain["state"].items():
            setattr(self.state, name, value)
        self._complete_best(_take(tensors, "model/"))
        return True

    def _complete_best(self, weights: dict[str, Tensor]) -> None:
        """Write the best weights that a killed process did not get to.

        Raises:
            ValueError: If they are lost.
        """
        epoch = self.state.best_epoch
        if self.best is None or epoch is None:
            return
        if self.best.is_file():
            plain = load_tensors(self.best)[1]
            if plain is None or plain["epoch"] == epoch:  # None: an earlier version's
                return
        if epoch != self.state.epoch:
            raise ValueError(
                f"{str(self.best)!r} does not hold the weights of epoch {epoch}, the "
                "best so far; restore it from a copy or train again"
            )
        save_tensors(self.best, weights, {"epoch": epoch})

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Give the optimizers their state back."""
        self._start = time.perf_counter()
        if self._optimizers is None:
            return
        for optimizer, state in zip(trainer.optimizers, self._optimizers, strict=True):
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state, "param_groups": groups})
        self._optimizers = None

    def on_train_epoch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> None:
        """Seed the batches and all generators by the number of the epoch."""
        assert isinstance(pl_module, RecommenderModule)
        entropy = [pl_module.config.seed, self.state.epoch, 1]
        words = np.random.SeedSequence(entropy).generate_state(3)
        torch.manual_seed(int(words[0]))
        np.random.seed(int(words[1]))  # noqa: NPY002 (what models may draw from)
        random.seed(int(words[2]))
        trainer.datamodule.loader.set_epoch(self.state.epoch)  # type: ignore[attr-defined]

    def on_train_epoch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule
    ) -> None:
        """Save, after all other callbacks have taken the epoch down."""
        assert isinstance(pl_module, RecommenderModule)
        state = self.state
        state.epoch += 1
        now = time.perf_counter()
        state.seconds += now - self._start
        self._start = now
        weights = pl_module.model.state_dict()
        if state.best_epoch == state.epoch and self.best is None:
            self.best_weights = {k: v.detach().clone() for k, v in weights.items()}
        if self.last is None or self.best is None:
            return
        tensors = {f"model/{name}": value for name, value in weights.items()}
        for number, optimizer in enumerate(trainer.optimizers):
            for index, values in optimizer.state_dict()["state"].items():
                for name, value in values.items():
                    tensors[f"optimizer/{number}/{index}/{name}"] = value
        plain = {
            "config": self.config,
            "trained_on": list(pl_module.model.trained_on),
            "state": state.to_dict(),
            "num_optimizers": len(trainer.optimizers),
        }
        if state.epoch == 1:  # of a run that was here before
            self.best.unlink(missing_ok=True)
        # The last one first: what it has of the best epoch completes the other.
        save_tensors(self.last, tensors, plain)
        if state.best_epoch == state.epoch:
            save_tensors(self.best, weights, {"epoch": state.epoch})

    def load_best(self, model: torch.nn.Module) -> None:
        """Load the weights of the best epoch."""
        weights = self.best_weights
        if self.best is not None:
            weights, _ = load_tensors(self.best)
        model.load_state_dict(weights)


def _take(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
