"""What the benchmarks that train a grid of models share.

A unit is a dataclass of plain values, a piece of work that knows how to be skipped once
it is done. Units are worked on here or, with several jobs, each in a process of its own
that ends with this one.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch_geometric.data import HeteroData

from sea_pyg.cli.options import arguments_of, parse_argument
from sea_pyg.datasets import load_splits
from sea_pyg.nn.loss import SeparateLearning
from sea_pyg.nn.models import Recommender, model_name
from sea_pyg.report import Cell, load_cell
from sea_pyg.training import TrainingConfig, finished_cell
from sea_pyg.training.claim import claim as claim_folder
from sea_pyg.training.fit_setting import SEPARATE_PREFIX
from sea_pyg.utils import closest, modality_names

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SEA_PYG_DATA", ROOT.parent / "shared" / "data"))
SPLITS = {"own": None, "time": "global-time"}
OWN = ("seed", "max_epochs")
"""Options of training that have a flag of their own."""
TABLE_K = 20
"""The length of the rankings that all tables are made of."""
REASON = "what ended this worker: "
"""What the line of a worker begins with that says why its work failed."""
Splits = tuple[HeteroData, HeteroData, HeteroData]


class OtherRequestError(ValueError):
    """A folder holds what was made for another request."""


def parse_data(text: str) -> tuple[str, list[str] | None]:
    """Read ``lfm2k:text+audio``: a data set and its modalities, all by default.

    A colon can be part of a folder's path; no modality is named after that one.
    """
    name, colon, names = text.rpartition(":")
    is_folder = Path(text).is_dir() or (DATA / text).is_dir()
    if is_folder or not colon or "/" in names or "\\" in names:
        return text, None
    return name, names.split("+") if names else None


def data_name(source: str) -> str:
    """Return what results call a data set: the last part of its path."""
    return os.path.basename(os.path.abspath(source))


def parse_seeds(text: str) -> list[int]:
    """Read ``0,1,2``, for the argument `type` of argparse."""
    try:
        return list(dict.fromkeys(int(seed) for seed in text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected whole numbers (got {text!r}), as 0,1,2"
        ) from None


def make_folder(parser: argparse.ArgumentParser, folder: Path) -> None:
    """Make the folder that ``--out`` names, or end with the parser's error."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror
        parser.error(f"--out {str(folder)!r}: {reason}; choose another folder")


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


def parse_fixed(
    entries: list[str], by_model: Sequence[type[Recommender]] = ()
) -> dict[str, Any]:
    """Read options of training, as `batch_size=8192`.

    Args:
        entries: What stood after every `--set`.
        by_model: Models whose arguments are options too, and with them those of
            separate learning, as `MICRO.contrast_on=batch` and
            `separate.sample_size=4096`. (default: none)

    Raises:
        ValueError: If there is no such option, its value is of another type or out of
            range, or no table could be made of what is evaluated.
    """
    classes: dict[str, type] = {**option_prefixes(by_model)}
    if by_model:
        classes[SEPARATE_PREFIX] = SeparateLearning
    targets = {
        field.name: (TrainingConfig, field.name) for field in fields(TrainingConfig)
    }
    targets |= {
        f"{prefix}{name}": (cls, name)
        for prefix, cls in classes.items()
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
        if name not in targets:
            raise ValueError(
                f"--set: {entry!r} is no option of training: {closest(name, targets)}"
            )
        cls, argument = targets[name]
        fixed[name] = parse_argument(cls, argument, text, name)
    # All at once: some are bounds of each other.
    own = {name for name in fixed if targets[name][0] is TrainingConfig}
    TrainingConfig(**{name: fixed[name] for name in own})
    lengths = fixed.get("eval_k", (TABLE_K,))
    if TABLE_K not in lengths:
        raise ValueError(
            f"--set: eval_k must hold {TABLE_K}, which the tables are made of (got "
            f"{[*lengths]}); add it, as eval_k={[*lengths, TABLE_K]}"
        )
    return fixed


def option_prefixes(
    known: Sequence[type[Recommender]],
) -> dict[str, type[Recommender]]:
    """Return the models whose arguments begin with a prefix in `--set`.

    That is the name of the class where no other model's is the same, and where it
    stands (`package.module.Class.`).
    """
    found = {f"{model_name(model)}.": model for model in known}
    for model in known:
        if sum(other.__name__ == model.__name__ for other in known) == 1:
            found[f"{model.__name__}."] = model
    return found


def claim(path: Path, request: dict[str, Any]) -> None:
    """Write down what a folder is for, or check that it is for the same.

    Raises:
        OtherRequestError: If it was started with another request.
        ValueError: If what was written down is damaged.
    """
    other = claim_folder(path, request)
    if other is not None:
        raise OtherRequestError(
            f"{str(path.parent)!r} was started with {other.name}={other.before!r} and "
            f"cannot go on with {other.now!r}; choose another --out"
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


def left_of(
    units: Sequence[Any], work: Callable[[Any], None]
) -> tuple[list[Any], list[str]]:
    """Return the pieces of work that are not done, and what is wrong with others.

    Args:
        units: The pieces, each with the ``path`` of its cell.
        work: Does one of them; of one that is done it checks that it is what is asked
            for.

    Raises:
        OtherRequestError: If one was done for another request.
    """
    left, problems = [], []
    for unit in units:
        try:
            if finished_cell(unit.path) is None:
                left.append(unit)
            else:
                work(unit)
        except OtherRequestError:
            raise
        except Exception as error:
            problems.append(f"{unit}: {reason_of(error)}")
    return left, problems


def read_cells(paths: Sequence[Path], problems: list[str]) -> list[Cell]:
    """Read finished cells; what is wrong with others is added to the problems.

    Others are those that are damaged, or have lost the values of every user.

    Args:
        paths: Their files.
        problems: What is known already; a file that is named there is not named again.
    """
    cells = []
    for path in paths:
        try:
            cell = load_cell(path)
            if cell.has_users:
                cell.run()
            cells.append(cell)
        except (FileNotFoundError, ValueError) as error:
            reason, _, _ = " ".join(str(error).split()).partition(";")
            if not any(repr(str(path)) in text for text in problems):
                problems.append(
                    f"{str(path)!r} cannot be reported ({reason}); delete it and start "
                    "again"
                )
    return cells


def reason_of(error: Exception) -> str:
    """Say in one line what went wrong; with a traceback, if nobody expected it."""
    text = " ".join(str(error).split())
    if isinstance(error, ValueError | ImportError):
        return text
    traceback.print_exception(error)
    return f"{type(error).__name__}: {text}"


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
        except Exception as error:
            failed.add(fate(unit))
            return unit, f"{unit}: {reason_of(error)}"
        return None

    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(attempt, units)) if jobs > 1 else map(attempt, units)
        return [error for error in found if error is not None]


def _work_apart(unit: Any, script: str) -> None:
    """Do a piece of work in a process of its own, and show what it says meanwhile."""
    command = [sys.executable, script, "--worker", json.dumps(asdict(unit))]
    reason = ""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said, mark, why = line.partition(REASON)
            reason = why.strip() if mark else reason
            print(said, end="", file=sys.stderr, flush=True)
    if process.returncode:
        raise ValueError(reason or _ending(process.returncode))


def _ending(code: int) -> str:
    """Say how a process ended that gave no reason."""
    if code > 0:
        return f"ended with exit code {code}; what it said stands above"
    if -code == signal.SIGKILL:
        return "ended by signal 9 (SIGKILL: often out of memory); use fewer --jobs"
    name = signal.strsignal(-code)
    return f"ended by signal {-code} ({name}); what it said stands above"


def worker(text: str, work: Callable[[dict[str, Any]], None]) -> int:
    """Work for a parent; its death closes our standard input.

    The reason of a failure stands on a line of its own, after :data:`REASON`.
    """

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        work(json.loads(text))
    except Exception as error:
        print(f"{REASON}{reason_of(error)}", file=sys.stderr)
        return 1
    return 0
