"""One cell of a grid: a model, with the settings it was given, and one seed."""

import inspect
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch_geometric.data import HeteroData

from sea_pyg.evaluation import EvaluationResult, evaluate
from sea_pyg.nn.loss import SeparateLearning
from sea_pyg.nn.models import Recommender, WithSeparateLearning, model_name
from sea_pyg.report.cell import published
from sea_pyg.training.atomic import atomic, write_text
from sea_pyg.training.check_splits import check_splits
from sea_pyg.training.fit_setting import build_setting, fit_setting
from sea_pyg.training.gradients import count_gradients
from sea_pyg.training.provenance import data_fingerprint, environment
from sea_pyg.training.read_json import damaged, read_json
from sea_pyg.training.run_notes import arguments_note, own_code
from sea_pyg.training.tensor_file import save_tensors
from sea_pyg.training.training_config import TrainingConfig
from sea_pyg.utils import default_arguments


def run_cell(
    model: type[Recommender],
    setting: Mapping[str, Any],
    splits: tuple[HeteroData, HeteroData, HeteroData],
    path: str | Path,
    about: Mapping[str, Any] | None = None,
    modalities: Sequence[str] | None = None,
    preset: str | None = None,
    keep_model: bool = False,
    separate: bool = False,
) -> dict[str, Any]:
    """Train a model with settings that are final, test it, and keep what was found.

    ``path`` is written last and says that the cell is finished; then it is only read,
    unless the values of every user are lost. Of other data or settings it is refused.
    A cell that was interrupted goes on from its last checkpoint. Beside
    ``seed-0.json`` stand ``seed-0.safetensors`` with the test values of every user and
    ``seed-0.time.json``, which alone differs when the cell is run again.

    Args:
        model: The model's class.
        setting: Values of its arguments and training's options by name.
        splits: Training, validation and test graph; the last one is looked at once,
            after training.
        path: The cell's file, ``<name>.json``.
        about: What else to keep in the file, as JSON knows it.
        modalities: The modalities to use. (default: all)
        preset: A preset of the model to start from.
        keep_model: Whether to keep the weights in ``<name>.model.safetensors``, which
            :func:`~sea_pyg.training.load_tensors` reads. (default: :obj:`False`)
        separate: Whether to attach separate learning. (default: :obj:`False`)

    Returns:
        The file's content.

    Raises:
        ValueError: If a setting is wrong, JSON cannot hold ``about``, the graphs are
            not of one split, a loss part is not finite, or ``path`` is damaged or holds
            a cell of other data or settings.
    """
    path = Path(path)
    work = path.with_suffix(".work")
    done = finished_cell(path)
    if done is not None:
        built, config = build_setting(
            model, setting, splits[0], modalities, preset, separate
        )
        _check_same(path, done, _made_of(built, config, splits), _defaults(built))
        shutil.rmtree(work, ignore_errors=True)
        return done
    train, val, test = splits
    check_splits(train, val, test)
    about = _checked(about or {})
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = work if model.trainable else None
    built, config, result, _ = fit_setting(
        model, setting, train, val, modalities, preset, folder, separate
    )
    lengths = config.eval_k
    valid = evaluate(built, built.prepare(val), k=lengths)
    found = evaluate(built, built.prepare(test), k=lengths, beyond_accuracy=True)
    total, reached = count_gradients(built, train, config)
    plain = {
        **about,
        "seed": config.seed,
        "deterministic": not model.trainable,
        **_made_of(built, config, splits),
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "parameters": total,
        "parameters_with_gradient": reached,
        "valid": _numbers(valid),
        "test": _numbers(found),
        "test_users": found.num_users,
        "per_user": path.with_suffix(".safetensors").name,
        "history": result.history,
        "trained_by": result.code,
        "environment": environment(),
    }
    text = json.dumps(plain, indent=1, allow_nan=False) + "\n"
    with atomic(path.with_suffix(".safetensors")) as temporary:
        found.save(temporary)
    if keep_model:
        save_tensors(path.with_suffix(".model.safetensors"), built.state_dict())
    time = {
        "seconds": round(result.seconds, 3),
        "seconds_per_epoch": round(result.seconds / max(result.epochs, 1), 4),
    }
    write_text(path.with_suffix(".time.json"), json.dumps(time) + "\n")
    write_text(path, text)
    shutil.rmtree(work, ignore_errors=True)
    return dict(json.loads(text))


def _made_of(
    built: Recommender, config: TrainingConfig, splits: Sequence[HeteroData]
) -> dict[str, Any]:
    """Return what a cell notes of its model, training and data."""
    sizes = ("num_users", "num_items", "edge_type")
    arguments = {k: v for k, v in arguments_note(built).items() if k not in sizes}
    code = own_code(built)
    return {
        "model": model_name(type(built)),
        **({"own_code": code} if code else {}),
        "arguments": arguments,
        "training": asdict(config),
        "data_fingerprint": data_fingerprint(splits, built.edge_type),
    }


def _checked(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check, before anything is trained, that JSON can hold what is kept besides."""
    for name, value in about.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"about[{name!r}] is kept as JSON, which cannot hold it: {error}"
            ) from error
    return about


_NESTED = ("arguments", "backbone", "separate", "training")
"""What is compared entry by entry: versions of the library have more of them."""


def _defaults(built: Recommender) -> dict[str, dict[str, Any]]:
    """Return the defaults of what is compared entry by entry."""
    found = {
        "arguments": _defaults_of(type(built)),
        "training": _defaults_of(TrainingConfig),
    }
    if isinstance(built, WithSeparateLearning):
        found["backbone"] = _defaults_of(type(built.backbone))
        found["separate"] = _defaults_of(SeparateLearning)
    return found


def _defaults_of(cls: type) -> dict[str, Any]:
    found = default_arguments(cls)
    parameters = inspect.signature(cls).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        found["**"] = None
    return found


def _check_same(
    path: Path,
    done: Mapping[str, Any],
    asked: Mapping[str, Any],
    defaults: Mapping[str, Mapping[str, Any]],
) -> None:
    """Refuse a finished cell that was made of something else."""
    found = _difference(done, json.loads(json.dumps(asked, default=str)), defaults)
    if found is not None:
        name, before, now = found
        raise ValueError(
            f"{str(path)!r} was made with {name}={before!r} and cannot be "
            f"read for {now!r}; choose another path, or delete it"
        )


def _difference(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    defaults: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Any] | None = None,
) -> tuple[str, Any, Any] | None:
    """Return the first entry of both that differs.

    An entry of one alone differs, too, unless a version of the library did not have it:
    now it has its default, or the class does not know it any more (one that takes
    ``**kwargs`` may). ``known`` are the
    defaults of the class whose arguments these are.
    """
    if known is not None:
        for name in sorted(now.keys() - before.keys()):
            if (
                name not in known
                or json.loads(json.dumps(known[name], default=str)) != now[name]
            ):
                return name, None, now[name]
        for name in sorted(before.keys() - now.keys()):
            if "**" in known:
                return name, before[name], None
    for name in sorted(before.keys() & now.keys() - {"device"}):
        one, other = before[name], now[name]
        if name in _NESTED and isinstance(one, dict) and isinstance(other, dict):
            if (one or other) and not one.keys() & other.keys():
                return name, one, other  # another model's
            found = _difference(one, other, defaults, defaults.get(name))
            if found is not None:
                return found
        elif one != other:
            return name, one, other
    return None


def finished_cell(path: str | Path) -> dict[str, Any] | None:
    """Return the content of a finished cell.

    A cell that has lost the values of every user, as they are or as they are published,
    is not finished; one that never had any is.

    Args:
        path: The cell's file.

    Raises:
        ValueError: If the file is damaged.
    """
    path = Path(path)
    if not path.is_file():
        return None
    plain = read_json(path)
    if "per_user" not in plain:
        raise damaged(path, "'per_user' is missing")
    if plain["per_user"] is None:
        return plain
    values = path.with_name(plain["per_user"])
    return plain if values.is_file() or published(values).is_file() else None


def _numbers(result: EvaluationResult) -> dict[str, float | None]:
    return {
        name: None if math.isnan(value) else value
        for name, value in result.metrics.items()
    }
