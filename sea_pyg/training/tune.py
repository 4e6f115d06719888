"""Search for a model's settings on validation data."""

import inspect
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch_geometric.data import HeteroData

from sea_pyg.nn.models import Recommender, model_name
from sea_pyg.training.atomic import write_text
from sea_pyg.training.check_splits import check_splits
from sea_pyg.training.claim import claim
from sea_pyg.training.fit_setting import build_setting, fit_setting
from sea_pyg.training.log_uniform import LogUniform
from sea_pyg.training.propose import propose
from sea_pyg.training.provenance import data_fingerprint
from sea_pyg.training.read_json import damaged, read_json
from sea_pyg.training.run_notes import own_code
from sea_pyg.training.search_spaces import SearchSpace, check_space, search_space
from sea_pyg.training.training_config import TrainingConfig
from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import (
    NonFiniteError,
    check_edge_type,
    modality_names,
    require,
    training_id,
)

_SEARCH = "search.json"
"""What a folder's trials are of; written before the first one that is made."""


@dataclass(frozen=True)
class Trial:
    """One setting and how well it did on validation data."""

    number: int
    """Counted from 0, which is the published setting."""
    setting: dict[str, Any]
    """What differs from the published setting."""
    value: float | None
    """The validation metric; ``None`` if training failed."""
    best_epoch: int = 0
    """The epoch that gave it."""
    epochs: int = 0
    """Epochs that were run."""
    error: str | None = None
    """Why training failed."""

    @classmethod
    def load(cls, path: str | Path) -> "Trial":
        """Read the file of a trial.

        Raises:
            ValueError: If it is damaged.
        """
        plain = read_json(path)
        try:
            trial = cls(**plain)
            if trial.value is not None:
                float(trial.value)
        except (TypeError, ValueError) as error:
            raise damaged(Path(path), str(error)) from error
        return trial


def tune(
    model: type[Recommender],
    train: HeteroData,
    val: HeteroData,
    num_trials: int,
    folder: str | Path,
    space: SearchSpace | None = None,
    fixed: Mapping[str, Any] | None = None,
    modalities: Sequence[str] | None = None,
    preset: str | None = None,
    separate: bool = False,
    progress: bool = False,
) -> list[Trial]:
    """Try settings that Optuna's TPE proposes, the published one first.

    TPE learns from five trials or more: those before the sixth are random.
    Graphs are refused as in :func:`fit`. What is proposed depends on the seed, the
    model, the training interactions and the trials before, and every trial is kept in
    ``folder``: a search that was killed goes on and finds what it would have found.
    Settings are never tried twice, so that a small space can end before
    ``num_trials``.

    Args:
        model: The model's class.
        train: The training graph.
        val: The validation graph.
        num_trials: The budget.
        folder: Where trials are kept, as ``trial-000.json`` and so on.
        space: What to search. (default: the model's in ``SEARCH_SPACES``)
        fixed: Settings of all trials, *e.g.* ``seed`` and ``max_epochs``; they are not
            searched.
        modalities: The modalities to use. (default: all)
        preset: A preset of the model to start from.
        separate: Whether to attach separate learning. (default: :obj:`False`)
        progress: Whether to show a progress bar. (default: :obj:`False`)

    Raises:
        ImportError: If Optuna is not installed.
        ValueError: If ``num_trials`` is less than 1, ``train`` or ``val`` is a test
            graph or of another split than the other, or what is in ``folder`` is
            damaged or of another search: of another model, space, data set or fixed
            setting.
    """
    check_splits(train, val)
    if num_trials < 1:
        raise ValueError(f"num_trials must be at least 1 (got {num_trials})")
    folder = Path(folder)
    space = search_space(model, preset) if space is None else space
    fixed = dict(fixed or {})
    space = {name: values for name, values in space.items() if name not in fixed}
    edge_type: EdgeType = fixed.get("edge_type", RATES)
    check_edge_type(train, edge_type)
    names = [] if preset is None else modality_names(train, edge_type[2], modalities)
    published = _published(model, space, fixed, names, preset)
    # What cannot be built leaves no trace. With separate learning, options of training
    # are known only to a model that is built.
    built, config = build_setting(model, fixed, train, modalities, preset, separate)
    check_space(space, model, fixed, train, modalities, preset, separate)
    code = own_code(built)
    if separate:
        published |= {k: v for k, v in asdict(config).items() if k in space}
    search = {
        "model": model_name(model),
        **({"own_code": code} if code else {}),
        "preset": preset,
        "separate": separate,
        "modalities": None if modalities is None else list(modalities),
        "fixed": {k: v for k, v in fixed.items() if k != "device"},
        "space": {key: _plain(values) for key, values in space.items()},
        "data": data_fingerprint((train, val), edge_type),
    }
    if (folder / _SEARCH).is_file():
        _claim(folder, search)
    # Every model and data set draws its own random trials.
    what = (model.__name__, preset, separate, training_id(train, edge_type))
    seed = f"{fixed.get('seed', 0)};{what}"
    trials: list[Trial] = []
    numbers = require("tqdm", "train").tqdm(
        range(num_trials), unit="trial", disable=not progress
    )
    for number in numbers:
        setting: dict[str, Any] | None = {}
        if number > 0:
            setting = propose(space, published, trials, seed)
        if setting is None:
            break
        path = folder / f"trial-{number:03d}.json"
        work = folder / f"work-{number:03d}"
        if path.is_file():
            trial = Trial.load(path)
            if trial.setting != json.loads(json.dumps(setting)):
                raise ValueError(
                    f"{str(path)!r} is of another search: it tried {trial.setting}, "
                    f"where {setting} is next; choose another folder"
                )
            trial = replace(trial, setting=setting)  # tuples are lists in JSON
        else:
            _claim(folder, search)
            try:
                fitted = fit_setting(
                    model,
                    {**fixed, **setting},
                    train,
                    val,
                    modalities,
                    preset,
                    work,
                    separate,
                )
                done = fitted.result
                trial = Trial(
                    number, setting, fitted.value, done.best_epoch, done.epochs
                )
            except NonFiniteError as error:
                # Without the path of the checkpoint, which does not belong here.
                reason = str(error).split(";")[0]
                trial = Trial(number, setting, None, error=reason)
            write_text(path, json.dumps(asdict(trial), indent=1) + "\n")
        shutil.rmtree(work, ignore_errors=True)
        trials.append(trial)
        if values := [trial.value for trial in trials if trial.value is not None]:
            numbers.set_postfix_str(f"best {max(values):.4f}")
    numbers.close()  # a small space ends before the last number
    _claim(folder, search)
    return trials


def best_trial(trials: Sequence[Trial]) -> Trial:
    """Return the trial with the highest validation metric, the first of equals.

    Raises:
        ValueError: If all failed.
    """
    done = [trial for trial in trials if trial.value is not None]
    if not done:
        errors = "; ".join(trial.error or "" for trial in trials) or "there is none"
        raise ValueError(f"no trial succeeded ({errors}); change the search space")
    return max(done, key=lambda trial: trial.value or 0.0)


def _claim(folder: Path, search: Mapping[str, Any]) -> None:
    other = claim(folder / _SEARCH, search)
    if other is not None:
        raise ValueError(
            f"{str(folder)!r} has trials of another search: of "
            f"{other.name}={other.before!r}, not {other.now!r}; choose another folder"
        )


def _plain(values: tuple[Any, ...] | LogUniform) -> Any:
    return values._asdict() if isinstance(values, LogUniform) else list(values)


def _published(
    model: type[Recommender],
    space: SearchSpace,
    fixed: Mapping[str, Any],
    modalities: Sequence[str],
    preset: str | None,
) -> dict[str, Any]:
    """Return the values that the first trial has within the space."""
    values: dict[str, Any] = {}
    for owner in model.__mro__:
        constructor = vars(owner).get("__init__", object.__init__)
        parameters = inspect.signature(constructor).parameters.values()
        values = {p.name: p.default for p in parameters} | values
        # What it takes as **kwargs are arguments of the next one.
        if constructor is not object.__init__ and all(
            p.kind is not p.VAR_KEYWORD for p in parameters
        ):
            break
    if preset is not None:
        values |= model.preset_arguments(preset, modalities)
    values |= asdict(TrainingConfig.for_model(model))
    values |= fixed
    return {name: values[name] for name in space if name in values}
