"""What a training run remembers from epoch to epoch."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sea_pyg.training.tensor_file import load_tensors


@dataclass
class TrainingState:
    """The progress of a run, but for the tensors.

    Together with the weights and the optimizers' states it determines how the run
    goes on: batches and random draws follow from the seed and the epoch's number.
    """

    epoch: int = 0
    """Epochs that are completed."""
    step: int = 0
    """Optimizer steps of the main parameters that are completed."""
    best: float | None = None
    """Best validation metric so far, not rounded."""
    best_epoch: int | None = None
    """The epoch, counted from 1, that reached it first."""
    wait: int = 0
    """Evaluations since then."""
    stopped: bool = False
    """Whether early stopping has ended the run."""
    seconds: float = 0.0
    """Time spent on training and validation, over all resumptions."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Loss parts and validation metrics of every epoch."""
    code: list[str] = field(default_factory=list)
    """SHA-256 of the library's source files that trained it, in the order of use; more
    than one after a resumption by another version."""

    def update(self, value: float, epoch: int, patience: int) -> bool:
        """Take an epoch's validation metric; return whether it is a new best."""
        if self.best is None or value > self.best:
            self.best, self.best_epoch, self.wait = value, epoch, 0
            return True
        self.wait += 1
        self.stopped = self.wait >= patience
        return False

    def check_limit(self, max_epochs: int) -> None:
        """Check that the run is asked for no fewer epochs than it has.

        Raises:
            ValueError: If it is.
        """
        if max_epochs < self.epoch:
            raise ValueError(
                f"the run has trained {self.epoch} epochs already and cannot be "
                f"resumed with max_epochs={max_epochs}; ask for as many or more"
            )

    @classmethod
    def saved_in(cls, run_dir: Path) -> "TrainingState":
        """Read the state of a run directory's last checkpoint, or make a new one.

        Raises:
            ValueError: If the checkpoint is damaged.
        """
        path = run_dir / "checkpoints" / "last.safetensors"
        return cls(**load_tensors(path)[1]["state"]) if path.is_file() else cls()

    def to_dict(self) -> dict[str, Any]:
        """Return the state, ready for JSON."""
        return asdict(self)
