"""Build a model with some settings and train it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch_geometric.data import HeteroData

from sea_pyg.evaluation import evaluate
from sea_pyg.nn.models import Recommender, WithSeparateLearning
from sea_pyg.training.check_splits import check_splits
from sea_pyg.training.fit import FitResult, fit
from sea_pyg.training.refuse_test import refuse_test
from sea_pyg.training.training_config import VALIDATION_METRICS, TrainingConfig

SEPARATE_PREFIX = "separate."
"""How the names of separate learning's own arguments begin in a setting."""


def build_setting(
    model: type[Recommender],
    setting: Mapping[str, Any],
    train: HeteroData,
    modalities: Sequence[str] | None = None,
    preset: str | None = None,
    separate: bool = False,
) -> tuple[Recommender, TrainingConfig]:
    """Build a model as :func:`fit_setting` does, and leave it untrained.

    Args:
        model: The model's class.
        setting: Values by name; the rest is as published. ``separate.alpha`` and the
            like are arguments of separate learning.
        train: The training graph.
        modalities: The modalities to use. (default: all)
        preset: A preset of the model to start from.
        separate: Whether to attach separate learning. (default: :obj:`False`)

    Raises:
        ValueError: If a name or a value is wrong, or ``train`` is a test graph.
    """
    refuse_test(train, "train")
    names = {field.name for field in fields(TrainingConfig)}
    options = {name: value for name, value in setting.items() if name in names}
    arguments = {name: value for name, value in setting.items() if name not in names}
    attached = {
        name.removeprefix(SEPARATE_PREFIX): arguments.pop(name)
        for name in list(arguments)
        if name.startswith(SEPARATE_PREFIX)
    }
    if attached and not separate:
        raise ValueError(
            f"{SEPARATE_PREFIX}{next(iter(attached))} is of a model with separate "
            "learning attached (got separate=False)"
        )
    seed = TrainingConfig.for_model(model, **options).seed
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if separate:
            arguments |= {"backbone": model, "separate": attached}
            model = WithSeparateLearning
        built = model.from_data(train, modalities, preset=preset, **arguments)
    return built, TrainingConfig.for_model(built, **options)


class FittedSetting(NamedTuple):
    """What :func:`fit_setting` returns."""

    model: Recommender
    """The model, with the weights of its best epoch."""
    config: TrainingConfig
    """How it was trained."""
    result: FitResult
    """What training came to."""
    value: float
    """The selecting validation metric."""


def fit_setting(
    model: type[Recommender],
    setting: Mapping[str, Any],
    train: HeteroData,
    val: HeteroData,
    modalities: Sequence[str] | None = None,
    preset: str | None = None,
    run_dir: str | Path | None = None,
    separate: bool = False,
) -> FittedSetting:
    """Train a model with settings that name its arguments and training's options.

    Like :func:`~sea_pyg.training.fit`, it refuses a test graph and graphs of two
    splits. A run in ``run_dir`` is resumed.

    Args:
        model: The model's class.
        setting: Values by name; the rest is as published.
        train: The training graph.
        val: The validation graph.
        modalities: The modalities to use. (default: all)
        preset: A preset of the model to start from.
        run_dir: A folder for checkpoints. (default: nothing is written)
        separate: Whether to attach separate learning. (default: :obj:`False`)

    Raises:
        ValueError: If a name or a value is wrong, ``train`` or ``val`` is a test
            graph or of another split than the other, or a loss part is not finite.
    """
    check_splits(train, val)
    built, config = build_setting(model, setting, train, modalities, preset, separate)
    result = fit(built, train, val, config, run_dir, resume=run_dir is not None)
    if result.best is not None:
        return FittedSetting(built, config, result, result.best)
    found = evaluate(built, built.prepare(val), config.eval_k, VALIDATION_METRICS)
    return FittedSetting(built, config, result, found.metrics[config.metric])
