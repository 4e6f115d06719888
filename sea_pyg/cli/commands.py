"""The commands that read run directories and data sets."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import HeteroData

from sea_pyg.cli.options import named_modalities, split_names
from sea_pyg.cli.run_folder import WEIGHTS_FILE
from sea_pyg.cli.train import METRICS_FILE
from sea_pyg.datasets import load_splits
from sea_pyg.evaluation import (
    EvaluationResult,
    Run,
    compare,
    evaluate,
    label_methods,
)
from sea_pyg.nn.loss import SeparateLearning
from sea_pyg.nn.models import Recommender, resolve
from sea_pyg.report import describe, format_table
from sea_pyg.training import RunConfig, load_tensors, read_json
from sea_pyg.utils import closest, default_arguments, positive_labels

Result = tuple[str, dict[str, Any]]
_SELECTION = ("max_epochs", "patience", "eval_every", "metric")
"""Options that choose an epoch of a training, and make no other one of it."""
_DIGESTS = {"features": "its features", "own_code": "its source"}
"""What a run has the digests of, and of what they are."""


def evaluate_run(options: Any) -> Result:
    """Evaluate a trained model again."""
    config, model, splits = _load(options.run_dir, options.data)
    graphs = {"val": splits[1], "test": splits[2]}
    if options.on not in graphs:
        raise ValueError(f"--on {options.on!r}: {closest(options.on, graphs)}")
    result = evaluate(
        model,
        model.prepare(graphs[options.on]),
        k=_numbers(options.k, "-k"),
        exclude=options.exclude,
        val=splits[1],
        beyond_accuracy=options.beyond_accuracy,
    )
    plain = {
        "run_dir": options.run_dir,
        "model": config.label,
        "data": config.data,
        "on": options.on,
        "exclude": options.exclude,
        "users": result.num_users,
        options.on: result.to_dict()["metrics"],
    }
    rows = list(result.metrics.items())
    title = f"{config.label} on {config.data}, {result.num_users} users\n\n"
    return title + format_table(rows, ["metric", options.on]), plain


def recommend(options: Any) -> Result:
    """List the best items of some users that they do not have."""
    config, model, splits = _load(options.run_dir, options.data)
    users = _numbers(options.users, "--users")
    train = model.prepare(splits[0])
    held_out = {"none": (), "train": (), "train+val": splits[1:2], "all": splits[1:]}
    if options.exclude not in held_out:
        hint = closest(options.exclude, held_out)
        raise ValueError(f"--exclude {options.exclude!r}: {hint}")
    graphs = held_out[options.exclude]
    labels = [positive_labels(graph[model.edge_type]) for graph in graphs]
    known = [pairs for pairs in labels if pairs is not None]
    found = model.recommend(
        train,
        torch.tensor(users),
        options.k,
        exclude_seen=options.exclude != "none",
        exclude=torch.cat(known, dim=1) if known else None,
    )
    titles = train[model.edge_type[2]].get("title")
    plain: dict[str, Any] = {"run_dir": options.run_dir, "model": config.label}
    plain["exclude"] = options.exclude
    plain["recommendations"] = []
    rows: list[list[Any]] = []
    for row, user in enumerate(users):
        items = []
        pairs = zip(
            found.item_index[row].tolist(), found.score[row].tolist(), strict=True
        )
        for rank, (item, score) in enumerate(pairs, start=1):
            if item < 0:  # the user has the rest
                break
            entry: dict[str, Any] = {"item": item, "score": score}
            if titles is not None:
                entry["title"] = titles[item]
            items.append(entry)
            rows.append([user, rank, item, score, entry.get("title", "")])
        plain["recommendations"].append({"user": user, "items": items})
    header = ["user", "rank", "item", "score", "title"]
    if titles is None:
        rows, header = [row[:-1] for row in rows], header[:-1]
    return format_table(rows, header), plain


def inspect_data(options: Any) -> Result:
    """Describe a data set."""
    splits = load_splits(
        options.data,
        named_modalities(options),
        options.split,
        options.split_seed or 0,
    )
    plain = {"data": options.data, **describe(*splits)}
    sizes, users = plain["splits"], plain["evaluated_users"]
    counts: list[list[Any]] = [
        ["users", plain["users"]],
        ["items", plain["items"]],
        ["interactions", plain["interactions"]],
        ["density", f"{plain['density']:.6f}"],
        ["training interactions", sizes["train"]],
        ["validation interactions", f"{sizes['val']} of {users['val']} users"],
        ["test interactions", f"{sizes['test']} of {users['test']} users"],
    ]
    degree = plain["training_degree"]
    names = ["min", "median", "mean", "max", "without_edges"]
    parts = [
        format_table(counts),
        format_table(
            [[kind, *(values[n] for n in names)] for kind, values in degree.items()],
            ["training degree", *(n.replace("_", " ") for n in names)],
        ),
    ]
    if plain["modalities"]:
        names = ["channels", "dtype", "missing", "zero_rows", "non_finite_rows"]
        rows = [
            [name, *(values[n] for n in names)]
            for name, values in plain["modalities"].items()
        ]
        header = ["modality", *(n.replace("_", " ") for n in names)]
        parts.append(format_table(rows, header))
    return "\n\n".join(parts), plain


def compare_runs(options: Any) -> Result:
    """Test which of several runs is better."""
    if len(options.runs) < 2:
        raise ValueError("compare needs at least two run directories")
    configs = [RunConfig.load(run) for run in options.runs]
    settings = [_settings(config) for config in configs]
    unknown = _leave_out_unknown(settings)
    methods = label_methods(settings, "model")
    runs = []
    for run, config, method in zip(options.runs, configs, methods, strict=True):
        path = Path(run) / "test.safetensors"
        if not (Path(run) / METRICS_FILE).is_file():
            raise ValueError(
                f"the run in {run!r} is not finished: it has no {METRICS_FILE}; "
                f"finish it by: sea-pyg train --resume {run}"
            )
        result = EvaluationResult.load(path)
        _check_values(Path(run), result)
        fixed = not resolve(config.model).trainable and config.separate is None
        runs.append(Run(method, config.training.seed, result, fixed))
    metrics = split_names(options.metric)
    comparison = compare(runs, metrics)
    comparison.notes.extend([*_notes_on_selection(configs, methods), *unknown])
    header, cells = comparison.table()
    parts = [format_table(cells, header), *comparison.notes]
    return "\n\n".join(parts), {"runs": options.runs, **comparison.to_dict()}


def _check_values(folder: Path, result: EvaluationResult) -> None:
    """Check that the values per user are those of the run that its metrics are of.

    Raises:
        ValueError: If they are not.
    """
    metrics = read_json(folder / METRICS_FILE)
    differing = result.differing_mean(metrics.get("test", {}))
    if differing is not None:
        name, found, noted = differing
        raise ValueError(
            f"the values per user in {str(folder)!r} are not those of its "
            f"{METRICS_FILE} ({name} {found:.6g} and {noted:.6g}): its files are of "
            "several runs; train it anew"
        )


def _settings(config: RunConfig) -> dict[str, Any]:
    """Return what makes two runs of one method: everything but seed and place.

    The modalities that a model reads stand in its arguments, in full; which ones were
    loaded says nothing more. Nor does what ends a training, or what it is looked at by.
    An argument that a later version has added has its default, as what is built of the
    run today.
    """
    settings = {**asdict(config), "model": config.label}
    for name in ("data", "fingerprint", "split", "split_seed", "split_id"):
        del settings[name]  # compared by what was evaluated
    del settings["modalities"]
    settings["arguments"] = _completed(config.arguments, resolve(config.model))
    if config.separate is not None:
        settings["separate"] = _completed(config.separate, SeparateLearning)
    for name in _DIGESTS:
        digests = settings[name]
        if digests is not None:
            settings[name] = {key: digest[:8] for key, digest in digests.items()}
    for name in ("seed", "device", "eval_k", *_SELECTION):
        del settings["training"][name]
    return settings


def _completed(arguments: dict[str, Any], cls: type) -> dict[str, Any]:
    """Add the defaults of what is missing, in the form that a file has them."""
    defaults = json.loads(json.dumps(default_arguments(cls), default=str))
    return {**defaults, **arguments}


def _leave_out_unknown(settings: list[dict[str, Any]]) -> list[str]:
    """Leave digests out of all runs of a model of which one has none, and say so."""
    notes = []
    for label in dict.fromkeys(setting["model"] for setting in settings):
        alike = [setting for setting in settings if setting["model"] == label]
        for name, meaning in _DIGESTS.items():
            known = [setting[name] for setting in alike if setting[name] is not None]
            if 0 < len(known) < len(alike):
                notes.append(
                    f"Some runs of {label} are of an earlier version, which did not "
                    f"note {meaning}: whether it is the same in all is not known."
                )
            if len(known) < len(alike):
                for setting in alike:
                    del setting[name]
    return notes


def _notes_on_selection(configs: list[RunConfig], methods: list[str]) -> list[str]:
    """Say where runs of one method chose their epoch in different ways."""
    notes = []
    for option in _SELECTION:
        found: dict[str, set[Any]] = {}
        for config, method in zip(configs, methods, strict=True):
            if resolve(config.model).trainable:
                value = getattr(config.training, option)
                found.setdefault(method, set()).add(value)
        notes += [
            f"The runs of {method} had different {option} "
            f"({', '.join(map(str, sorted(values)))}) and count as one method."
            for method, values in found.items()
            if len(values) > 1
        ]
    return notes


def _load(
    run_dir: str, source: str | None
) -> tuple[RunConfig, Recommender, tuple[HeteroData, HeteroData, HeteroData]]:
    config = RunConfig.load(run_dir)
    path = Path(run_dir) / WEIGHTS_FILE
    if not path.is_file():
        raise ValueError(
            f"the run in {run_dir!r} is not finished: it has no {WEIGHTS_FILE}; finish "
            f"it by: sea-pyg train --resume {run_dir}"
        )
    weights, _ = load_tensors(path)
    with torch.random.fork_rng():
        model = config.build()
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{str(path)!r} does not fit config.yaml: {error}") from error
    return config, model.eval(), config.load_splits(source)


def _numbers(text: str, flag: str) -> list[int]:
    try:
        numbers = [int(part) for part in split_names(text)]
    except ValueError as error:
        message = f"{flag} expects whole numbers, as 1,2 (got {text!r})"
        raise ValueError(message) from error
    if not numbers:
        raise ValueError(f"{flag} expects at least one number (got {text!r})")
    return numbers
