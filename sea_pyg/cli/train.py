"""``sea-pyg train``."""

import json
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.cli.options import (
    PRESET,
    named_modalities,
    parse_settings,
    requested,
    training_flags,
)
from sea_pyg.cli.run_folder import (
    WEIGHTS_FILE,
    is_free,
    leave,
    new_folder,
    start_in,
)
from sea_pyg.datasets import load_splits
from sea_pyg.datasets.load_splits import DATASETS
from sea_pyg.evaluation import EvaluationResult, evaluate
from sea_pyg.nn.models import (
    Recommender,
    WithSeparateLearning,
    model_name,
    resolve,
)
from sea_pyg.report import format_table, plot_curves
from sea_pyg.training import (
    RunConfig,
    TrainingState,
    build_setting,
    fit,
    save_tensors,
)
from sea_pyg.training.atomic import atomic, write_text
from sea_pyg.training.fingerprint import feature_fingerprints, fingerprint
from sea_pyg.training.fit import find_device
from sea_pyg.training.run_config import FILE_NAME
from sea_pyg.training.run_notes import own_code
from sea_pyg.typing import RATES
from sea_pyg.utils import get_split_id, keep_freed_memory

Splits = tuple[HeteroData, HeteroData, HeteroData]

METRICS_FILE = "metrics.json"


def train(options: Any) -> tuple[str, dict[str, Any]]:
    """Train, or go on with training, then test the selected epoch."""
    keep_freed_memory()
    resuming = options.resume is not None
    if resuming and options.out not in (None, options.resume):
        raise ValueError(
            "--resume names the run directory, and --out another one; leave --out out"
        )
    saved = None
    if resuming:
        folder = Path(options.resume)
        if (
            (folder / FILE_NAME).is_file()
            or options.data is None
            or not is_free(folder)
        ):
            saved = RunConfig.load(folder)
        else:
            note = f"sea-pyg: nothing to resume in {str(folder)!r}: starting there\n"
            sys.stderr.write(note)
    if saved is None:
        if options.data is None:
            raise ValueError("train needs a data set: a name or a folder")
        config, splits, model = _start(options, options.data)
        folder = Path(options.resume or options.out or new_folder(config))
        start_in(folder, config)
    else:
        config, splits, model = _continue(options, saved, folder)
    try:
        return _run(config, splits, model, folder, resuming, not options.no_progress)
    except Exception:
        if saved is None:
            leave(folder)
        raise
    except KeyboardInterrupt as error:
        hint = f"go on with sea-pyg train --resume {shlex.quote(str(folder))}"
        raise KeyboardInterrupt(hint) from error


def _run(
    config: RunConfig,
    splits: Splits,
    model: Recommender,
    folder: Path,
    resume: bool,
    progress: bool,
) -> tuple[str, dict[str, Any]]:
    data_train, val, test = splits
    start = time.perf_counter()
    result = fit(
        model,
        data_train,
        val,
        config.training,
        folder,
        resume,
        progress and sys.stderr.isatty(),
    )
    seconds = result.seconds if result.epochs else time.perf_counter() - start
    metrics_file = folder / METRICS_FILE
    metrics_file.unlink(missing_ok=True)  # there again when everything else is
    save_tensors(folder / WEIGHTS_FILE, model.state_dict())
    lengths = config.training.eval_k
    found: dict[str, EvaluationResult] = {}
    for name, data in (("valid", val), ("test", test)):
        found[name] = evaluate(model, model.prepare(data), k=lengths)
        with atomic(folder / f"{name}.safetensors") as temporary:
            found[name].save(temporary)
    label = config.label
    with atomic(folder / "curves.png") as temporary:
        plot_curves(result.history, temporary, result.best_epoch, label, "png")
    plain: dict[str, Any] = {
        "model": label,
        "data": config.data,
        "seed": config.training.seed,
        "best_epoch": result.best_epoch,
        "seconds": round(seconds, 3),
        "valid": found["valid"].metrics,
        "test": found["test"].metrics,
    }
    write_text(metrics_file, json.dumps(plain, indent=2) + "\n")
    plain["run_dir"] = str(folder)
    rows = [[name, plain["valid"][name], plain["test"][name]] for name in plain["test"]]
    text = format_table(rows, ["metric", "valid", "test"])
    text = (
        f"{label} on {config.data}, seed {plain['seed']}: best epoch "
        f"{result.best_epoch} of {result.epochs}, {seconds:.1f} s\n\n{text}\n\n"
        f"run directory: {folder}"
    )
    return text, plain


def _absolute(source: str) -> str:
    """Return a folder's path from anywhere; a data set's name wins over a folder."""
    if source in DATASETS or not Path(source).is_dir():
        return source
    return str(Path(source).resolve())


def _start(options: Any, source: str) -> tuple[RunConfig, Splits, Recommender]:
    cls, setting, preset = requested(options)
    modalities = named_modalities(options)
    split_seed = options.split_seed or 0
    splits = load_splits(source, modalities, options.split, split_seed)
    try:
        built, config = build_setting(
            cls, setting, splits[0], modalities, preset, options.separate
        )
    except (TypeError, NotImplementedError) as error:  # of a class of one's own
        raise ValueError(f"{cls.__name__} cannot be built: {error}") from error
    config.check_catalogue(built.num_items)
    find_device(config.device)
    model, attached = built, None
    if isinstance(built, WithSeparateLearning):
        model, attached = built.backbone, built.separate.hparams()
    run = RunConfig(
        model=model_name(type(model)),
        arguments=model.hparams(),
        separate=attached,
        data=_absolute(source),
        modalities=modalities,
        split=options.split,
        split_seed=split_seed,
        fingerprint=fingerprint(splits),
        training=config,
        split_id=get_split_id(splits[0][RATES]),
        features=feature_fingerprints(
            splits[0], model.hparams().get("in_channels", {})
        ),
        own_code=own_code(built),
    )
    return run, splits, built


def _continue(
    options: Any, saved: RunConfig, folder: Path
) -> tuple[RunConfig, Splits, Recommender]:
    cls = resolve(saved.model)
    separate_on = saved.separate is not None
    if options.separate and not separate_on:
        _refuse(folder, "separate", False, True)
    if options.model is not None and resolve(options.model) is not cls:
        _refuse(folder, "model", saved.model, options.model)
    # Data that has moved is known by its content, which load_splits checks.
    source = saved.data if options.data is None else _absolute(options.data)
    given = {
        "modalities": named_modalities(options),
        "split": options.split,
        "split_seed": options.split_seed,
    }
    _same(folder, asdict(saved), given)
    settings = parse_settings(options.set or [], cls, separate_on)
    arguments, training, separate = settings
    training |= training_flags(options, training)
    if PRESET in arguments:
        names = list(saved.arguments["in_channels"])
        preset = cls.preset_arguments(arguments.pop(PRESET), names)
        arguments = {**preset, **arguments}
    _same(folder, saved.arguments, arguments)
    _same(folder, saved.separate or {}, separate)
    free = {
        name: training.pop(name)
        for name in ("max_epochs", "device")
        if training.get(name) is not None
    }
    _same(folder, asdict(saved.training), training)
    training_config = replace(saved.training, **free)
    config = replace(saved, data=source, training=training_config)
    if "max_epochs" in free:  # before it is written down
        TrainingState.saved_in(folder).check_limit(free["max_epochs"])
    splits = config.load_splits()
    with torch.random.fork_rng():
        torch.manual_seed(config.training.seed)
        model = config.build()
    if config != saved:
        config.save(folder)
    return config, splits, model


def _same(folder: Path, saved: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    def plain(value: Any) -> Any:
        return json.loads(json.dumps(value, default=str))

    for name, value in given.items():
        if value is not None and plain(saved.get(name)) != plain(value):
            _refuse(folder, name, saved.get(name), value)


def _refuse(folder: Path, name: str, saved: Any, given: Any) -> None:
    raise ValueError(
        f"the run in {str(folder)!r} was started with {name}={saved!r} and cannot be "
        f"resumed with {name}={given!r}; leave the option out, or start a new run"
    )
