"""``sea-pyg tune``."""

import json
import re
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sea_pyg.cli.options import (
    PRESET,
    TRAINING_FLAGS,
    Requested,
    named_modalities,
    parse_settings,
    requested,
)
from sea_pyg.datasets import load_splits
from sea_pyg.nn.models import Recommender
from sea_pyg.report import format_table
from sea_pyg.training import LogUniform, TrainingConfig, Trial, best_trial, tune
from sea_pyg.training.fit_setting import SEPARATE_PREFIX
from sea_pyg.training.search_spaces import SearchSpace
from sea_pyg.utils import keep_freed_memory

_GIVEN = ("model", "modalities", "split", "split_seed", *TRAINING_FLAGS)
_COMMA = re.compile(r",(?![^\[{(]*[\]})])")
"""A comma outside of brackets."""


def tune_model(options: Any) -> tuple[str, dict[str, Any]]:
    """Search for a model's settings, and tell how to train with the best."""
    keep_freed_memory()
    asked = requested(options)
    space = None
    if options.search is not None:
        space = _space(options.search, asked.model, options.separate)
        if both := sorted(space.keys() & asked.setting.keys()):
            raise ValueError(
                f"{both[0]} is searched and set at once; leave one of the two out"
            )
    label = asked.model.__name__ + (f":{asked.preset}" if asked.preset else "")
    label += "+separate" * options.separate
    folder = Path(options.out or _default_folder(label, options.data))
    modalities = named_modalities(options)
    train, val, _ = load_splits(
        options.data, modalities, options.split, options.split_seed or 0
    )
    try:
        trials = tune(
            asked.model,
            train,
            val,
            options.trials,
            folder,
            space,
            asked.setting,
            modalities,
            asked.preset,
            options.separate,
            not options.no_progress and sys.stderr.isatty(),
        )
    except (TypeError, NotImplementedError) as error:  # of a class of one's own
        raise ValueError(f"{label} cannot be tuned: {error}") from error
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("the same command goes on with the search") from error
    best = best_trial(trials)
    metric = _metric(asked)
    command = _train_command(options, best)
    plain = {
        "model": label,
        "data": options.data,
        "metric": metric,
        "trials": [asdict(trial) for trial in trials],
        "best": asdict(best),
        "train": command,
        "out": str(folder),
    }
    rows = [
        [
            trial.number,
            "failed" if trial.value is None else trial.value,
            f"{trial.best_epoch} of {trial.epochs}",
            trial.error or _words(trial.setting),
        ]
        for trial in trials
    ]
    text = (
        f"{label} on {options.data}: trial {best.number} of {len(trials)} has the best "
        f"validation {metric}\n\n"
        f"{format_table(rows, ['trial', metric, 'best epoch', 'setting'])}\n\n"
        f"trials: {folder}\ntrain with it: {command}"
    )
    return text, plain


def _space(entries: list[str], model: type[Recommender], separate: bool) -> SearchSpace:
    """Read ``key=1,2,3`` and ``key=1e-4..1e-2``.

    Raises:
        ValueError: If a key is unknown, given twice or a preset, or a value is of
            another type.
    """
    space: SearchSpace = {}
    for entry in entries:
        key, equals, text = entry.partition("=")
        if not equals or not text.strip():
            raise ValueError(
                f"--search expects key=1,2,3 or key=1e-4..1e-2 (got {entry!r})"
            )
        ends = text.split("..")
        values: list[Any] = []
        for part in ends if len(ends) == 2 else _COMMA.split(text):
            found = parse_settings(
                [f"{key}={part.strip()}"], model, separate, "--search"
            )
            arguments, training, attached = found
            if PRESET in arguments:
                raise ValueError("--search: a preset is no value; give it by --set")
            named = {SEPARATE_PREFIX + name: value for name, value in attached.items()}
            ((name, value),) = (arguments | training | named).items()
            values.append(value)
        if name in space:
            raise ValueError(f"--search {name} is given twice")
        if len(ends) == 2:
            if not all(type(end) in (int, float) for end in values):
                raise ValueError(
                    f"--search {name}: a range is of numbers (got {text!r})"
                )
            if any(type(end) is int for end in values):
                raise ValueError(
                    f"--search {name}: a range is of real numbers, and {name} is whole "
                    f"(got {text!r}); list its values"
                )
            space[name] = LogUniform(*values)
        else:
            space[name] = tuple(values)
    return space


def _default_folder(label: str, data: str) -> Path:
    name = label.lower().replace(":", "-")
    return Path("runs") / f"tune-{name}-{Path(data).name}"


def _metric(asked: Requested) -> str:
    found: str = asked.setting.get("metric", TrainingConfig.metric)
    return found


def _train_command(options: Any, best: Trial) -> str:
    """Return the command that trains as a trial did."""
    words = ["sea-pyg", "train", options.data]
    for name in _GIVEN:
        if options[name] is not None:
            words += ["--" + name.replace("_", "-"), str(options[name])]
    words += ["--separate"] * options.separate
    chosen = [f"{name}={_text(value)}" for name, value in best.setting.items()]
    for setting in [*(options.set or []), *chosen]:
        words += ["--set", setting]
    return shlex.join(words)


def _words(setting: dict[str, Any]) -> str:
    """Return a setting in words; figures are rounded."""
    if not setting:
        return "as published"
    return ", ".join(
        f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={_text(value)}"
        for name, value in setting.items()
    )


def _text(value: Any) -> str:
    """Write a value as ``--set`` reads it."""
    return value if isinstance(value, str) else json.dumps(value)
