"""What the benchmarks that train a grid of models share.

A unit is a dataclass of plain values, a piece of work that knows how to be skipped once
it is done. Units are worked on here or, with several jobs, each in a process of its own
that ends with this one.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch_geometric.data import HeteroData

from sea_pyg.cli.options import arguments_of
from sea_pyg.datasets import load_splits
from sea_pyg.nn import models
from sea_pyg.nn.loss import SeparateLearning
from sea_pyg.nn.models import Recommender
from sea_pyg.training import TrainingConfig
from sea_pyg.training.atomic import write_text
from sea_pyg.training.fit_setting import SEPARATE_PREFIX
from sea_pyg.utils import closest, modality_names

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SEA_PYG_DATA", ROOT.parent / "shared" / "data"))
SPLITS = {"own": None, "time": "global-time"}
OWN = ("seed", "max_epochs")
"""Options of training that have a flag of their own."""
Splits = tuple[HeteroData, HeteroData, HeteroData]


def parse_data(text: str) -> tuple[str, list[str] | None]:
    """Read ``lfm2k:text+audio``: a data set and its modalities, all by default."""
    name, _, names = text.partition(":")
    return name, names.split("+") if names else None


def load(name: str, modalities: Sequence[str] | None, split: str) -> Splits:
    """Load a data set by its name, once."""
    return _load(name, None if modalities is None else tuple(modalities), split)


@lru_cache(maxsize=1)
def _load(name: str, modalities: tuple[str, ...] | None, split: str) -> Splits:
    source = str(DATA / name) if (DATA / name).is_dir() else name
    train, val, test = load_splits(source, modalities, SPLITS[split])
    return train, val, test


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add the flag that :func:`parse_fixed` reads."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option of training, for all models (may be repeated)",
    )


def parse_fixed(entries: list[str], by_model: bool = False) -> dict[str, Any]:
    """Read options of training, as `batch_size=8192`.

    Args:
        entries: What stood after every `--set`.
        by_model: Whether the arguments of a model are options too, and those of
            separate learning, as `MICRO.contrast_on=batch` and
            `separate.sample_size=4096`.

    Raises:
        ValueError: If there is no such option, or its value is out of range.
    """
    classes: dict[str, type] = {SEPARATE_PREFIX: SeparateLearning}
    for model in map(models.resolve, models.classes):
        classes[f"{model.__name__}."] = model
    arguments = {
        f"{prefix}{name}"
        for prefix, cls in (classes if by_model else {}).items()
        for name in arguments_of(cls)
    }
    fixed: dict[str, Any] = {}
    for entry in entries:
        name, equals, text = entry.partition("=")
        if not equals or name in OWN:
            raise ValueError(
                "--set takes OPTION=VALUE of an option of training other than "
                f"{', '.join(OWN)} (got {entry!r})"
            )
        try:
            fixed[name] = json.loads(text)
        except json.JSONDecodeError:
            fixed[name] = text
        if name in arguments:
            continue
        try:
            TrainingConfig(**{name: fixed[name]})
        except TypeError as error:
            known = [*(f.name for f in fields(TrainingConfig)), *arguments]
            raise ValueError(
                f"--set: {entry!r} is no option of training: {closest(name, known)}"
            ) from error
    return fixed


def claim(path: Path, request: dict[str, Any]) -> None:
    """Write down what a folder is for, or check that it is for the same.

    Raises:
        ValueError: If it was started with another request.
    """
    text = json.dumps(request, indent=1) + "\n"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    for key, value in json.loads(text).items():
        if before.get(key) != value:
            raise ValueError(
                f"{str(path.parent)!r} was started with {key}={before.get(key)!r} and "
                f"cannot go on with {value!r}; choose another --out"
            )


def preset_request(
    model: type[Recommender],
    preset: str,
    train: HeteroData,
    modalities: Sequence[str] | None,
) -> dict[str, Any]:
    """Return what a request says of a preset, so that no other one is taken for it.

    Args:
        model: The model's class.
        preset: The preset, or nothing.
        train: The training graph.
        modalities: The modalities to use, or all.
    """
    if not preset:
        return {}
    names = modality_names(train, "item", modalities)
    return {"preset": model.preset_arguments(preset, names)}


def run_all(
    units: Sequence[Any],
    work: Callable[[Any], None],
    jobs: int,
    script: str,
    fate: Callable[[Any], Any] = id,
) -> list[tuple[Any, str]]:
    """Do all pieces of work and return those that failed, and why.

    Args:
        units: The pieces.
        work: Does one of them.
        jobs: Processes at a time; with one, the work is done in this process.
        script: The script that takes ``--worker`` and hands it to :func:`worker`.
        fate: What pieces share that fail together: after one of them has failed, the
            others are left out. (default: nothing)
    """
    failed: set[Any] = set()

    def attempt(unit: Any) -> tuple[Any, str] | None:
        if fate(unit) in failed:
            return None
        print(f"{unit} ...", file=sys.stderr, flush=True)
        try:
            work(unit) if jobs == 1 else _work_apart(unit, script)
        except (ValueError, RuntimeError) as error:
            failed.add(fate(unit))
            return unit, f"{unit}: {error}"
        return None

    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(attempt, units)) if jobs > 1 else map(attempt, units)
        return [error for error in found if error is not None]


def _work_apart(unit: Any, script: str) -> None:
    command = [sys.executable, script, "--worker", json.dumps(asdict(unit))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = process.stderr.read().strip().splitlines()
    if process.returncode:
        raise RuntimeError(lines[-1] if lines else f"exit code {process.returncode}")


def worker(text: str, work: Callable[[dict[str, Any]], None]) -> int:
    """Work for a parent; its death closes our standard input."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        work(json.loads(text))
    except ValueError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0
