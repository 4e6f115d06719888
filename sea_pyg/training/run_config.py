"""What a run directory says about its run."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch_geometric.data import HeteroData

from sea_pyg.datasets import load_splits
from sea_pyg.datasets.load_splits import is_known
from sea_pyg.nn import models
from sea_pyg.nn.models import Recommender
from sea_pyg.training.atomic import create_text, write_text
from sea_pyg.training.fingerprint import feature_fingerprints, fingerprint
from sea_pyg.training.run_notes import own_code
from sea_pyg.training.training_config import TrainingConfig
from sea_pyg.utils import require

FILE_NAME = "config.yaml"


@dataclass(frozen=True)
class RunConfig:
    """Everything from which a run can be repeated, as it stands in ``config.yaml``."""

    model: str
    """The model, as :func:`~sea_pyg.nn.models.resolve` finds it."""
    arguments: dict[str, Any]
    """All arguments of its constructor."""
    separate: dict[str, Any] | None
    """Arguments of the attached ``SeparateLearning``, if any."""
    data: str
    """Name or absolute folder of the data set."""
    modalities: list[str] | None
    """The modalities that were loaded; all by default."""
    split: str | None
    """How the data was split; its own way by default."""
    split_seed: int
    """Seed of a random split."""
    fingerprint: str
    """SHA-256 of the splits' interactions."""
    training: TrainingConfig
    """How the model was trained."""
    split_id: str | None = None
    """What names the split; unknown in runs of earlier versions."""
    features: dict[str, str] | None = None
    """SHA-256 of the features and masks that the model reads, by attribute; unknown in
    runs of earlier versions."""
    own_code: dict[str, str] | None = None
    """SHA-256 of the source files of a model of one's own, by module; unknown in runs
    of earlier versions."""

    @property
    def label(self) -> str:
        """What was trained, in a word."""
        return self.model if self.separate is None else f"{self.model}+separate"

    def build(self) -> Recommender:
        """Build the model, with new weights, as one that is trained on the run's split.

        Raises:
            ValueError: If the model's name or arguments are not known.

        Warns:
            UserWarning: If the source of a model of one's own has changed.
        """
        cls = models.resolve(self.model)
        try:
            model = cls(**self.arguments)
            if self.separate is not None:
                model = models.WithSeparateLearning(model, self.separate)
        except TypeError as error:
            raise ValueError(
                f"{FILE_NAME} does not fit {self.model}: {error}; the model has "
                "changed since the run was started"
            ) from error
        if self.split_id is not None:
            model.trained_on = (self.split_id,)
        self._warn_of_own_code(model)
        return model

    def _warn_of_own_code(self, model: Recommender) -> None:
        if self.own_code is None:
            return
        found = own_code(model)
        if found != self.own_code:
            names = {*found.items()} ^ {*self.own_code.items()}
            modules = sorted({module for module, _ in names})
            warnings.warn(
                f"the source of {', '.join(modules)} has changed since the run of "
                f"{self.label} was started: restore it, or its results are those of "
                "two models",
                stacklevel=3,
            )

    def load_splits(
        self, source: str | Path | None = None
    ) -> tuple[HeteroData, HeteroData, HeteroData]:
        """Load the data and split it as it was split.

        Args:
            source: Where the data is now. (default: where it was)

        Raises:
            ValueError: If the data is not there, or interactions or features are other
                ones.
        """
        if source is None and not is_known(self.data):
            raise ValueError(
                f"the data of the run, {self.data!r}, is not there; say where it is "
                "now: sea-pyg train DATA --resume RUN_DIR, or --data DATA of evaluate "
                "and recommend"
            )
        splits = load_splits(
            self.data if source is None else source,
            self.modalities,
            self.split,
            self.split_seed,
        )
        where = str(self.data if source is None else source)
        if fingerprint(splits) != self.fingerprint:
            raise ValueError(
                f"the interactions of {where!r} are not those that the run was started "
                "with; restore them, or train again"
            )
        found = feature_fingerprints(splits[0], self.arguments.get("in_channels", {}))
        if self.features is not None and found != self.features:
            keys = sorted({*found, *self.features})
            other = [k for k in keys if found.get(k) != self.features.get(k)]
            raise ValueError(
                f"{', '.join(other)} of {where!r} are not those that the run was "
                "started with; restore them, or train again"
            )
        return splits

    def save(self, folder: str | Path) -> None:
        """Write ``config.yaml``, atomically."""
        write_text(Path(folder) / FILE_NAME, self._text())

    def create(self, folder: str | Path) -> bool:
        """Write ``config.yaml`` unless it is there, and return whether it was not.

        Of several processes that do so at once, one writes.
        """
        return create_text(Path(folder) / FILE_NAME, self._text())

    def _text(self) -> str:
        yaml = require("yaml", "train")
        text: str = yaml.safe_dump(_plain(asdict(self)), sort_keys=False)
        return text

    @classmethod
    def load(cls, folder: str | Path) -> "RunConfig":
        """Read ``config.yaml``.

        Raises:
            ValueError: If there is none or it is damaged.
        """
        yaml = require("yaml", "train")
        path = Path(folder) / FILE_NAME
        if not path.is_file():
            raise ValueError(
                f"{str(folder)!r} is no run directory: it has no {FILE_NAME}"
            )
        try:
            plain = yaml.safe_load(path.read_text(encoding="utf-8"))
            if not isinstance(plain, dict) or not isinstance(plain.get("model"), str):
                raise ValueError("it should map names, 'model' among them, to values")
            training = TrainingConfig(**plain.pop("training"))
            return cls(**plain, training=training)
        except (yaml.YAMLError, TypeError, KeyError, AttributeError, ValueError) as e:
            reason = " ".join(str(e).split())
            raise ValueError(f"{str(path)!r} is damaged: {reason}") from e


def _plain(value: Any) -> Any:
    """Return what YAML's safe dumper knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(
        f"a run's arguments must be numbers, texts, lists or mappings (got {value!r})"
    )
