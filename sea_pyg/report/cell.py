"""The cells of a grid, as they stand on the disk."""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

from sea_pyg.evaluation import EvaluationResult, Run

_LOGGER = logging.getLogger(__name__)
_TYPES: dict[str, Any] = {
    "data": str,
    "split": str,
    "method": str,
    "seed": int,
    "deterministic": bool,
    "best_epoch": int,
    "epochs": int,
    "parameters": int | None,
    "parameters_with_gradient": int | None,
    "valid": dict,
    "test": dict,
    "per_user": str | None,
    "history": list,
    "data_fingerprint": dict,
    "environment": dict,
}
STUDY = "cells"
"""The folder of a study's cells; a grid's are in one per data set and split."""
_MEASURED = ("cell", "rows")
"""Keys of what a study has measured on a cell, which is no cell itself."""


@dataclass(frozen=True)
class Cell:
    """One trained and tested model, as its files tell."""

    path: Path
    """The JSON file."""
    plain: dict[str, Any]
    """Its content."""
    seconds_per_epoch: float | None
    """Time of training and validation; of fitting for a closed form. Unknown where the
    file with the times is not there."""

    @property
    def group(self) -> tuple[str, str]:
        """Data set and split: cells that can be compared."""
        return self.plain["data"], self.plain["split"]

    @property
    def method(self) -> str:
        """What was trained; cells of one method differ by their seed."""
        return str(self.plain["method"])

    @property
    def root(self) -> Path:
        """The folder of the grid or the studies that the cell is one of."""
        return self.path.absolute().parent.parent.parent

    @property
    def in_study(self) -> bool:
        """Whether the cell is one of a study, which reports on it in its own way."""
        return _in_study(self.path)

    @property
    def time_path(self) -> Path:
        """The JSON file with what depends on the clock."""
        return self.path.with_suffix(".time.json")

    @property
    def has_users(self) -> bool:
        """Whether there are values of every user; another program may give none."""
        return self.plain["per_user"] is not None

    def run(self) -> Run:
        """Read the values of every user, from their file or what it was published as.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If there are none, or they are not those of the cell's metrics.
        """
        if not self.has_users:
            raise ValueError(f"{str(self.path)!r} has no values per user")
        path = self.path.with_name(self.plain["per_user"])
        if not path.is_file() and (packed := published(path)).is_file():
            path = packed
        result = EvaluationResult.load(path)
        differing = result.differing_mean(self.plain["test"])
        if differing is not None:
            name, mean, value = differing
            raise ValueError(
                f"{str(path)!r} holds the values of another cell: their mean of "
                f"{name} is {mean:.6f}, where {str(self.path)!r} says {value:.6f}; "
                "delete both and make the cell again"
            )
        fixed = bool(self.plain["deterministic"])
        return Run(self.method, self.plain["seed"], result, fixed)


def published(path: Path) -> Path:
    """Return where a cell's values per user stand in a repository: compressed."""
    return path.with_name(f"{path.name}.xz")


def load_cell(path: str | Path) -> Cell:
    """Read one finished cell.

    Args:
        path: Its JSON file.

    Raises:
        ValueError: If it is missing or a file of it is damaged.
    """
    path = Path(path)
    time = path.with_suffix(".time.json")
    seconds = None
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        _check(plain)
        if time.is_file():
            times = json.loads(time.read_text(encoding="utf-8"))
            seconds = float(times["seconds_per_epoch"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{str(path)!r} is damaged or incomplete ({error}); delete it and run "
            "the grid again"
        ) from error
    return Cell(path, plain, seconds)


def find_cells(folder: str | Path, recursive: bool = True) -> list[Path]:
    """List the files of all cells below a folder, the damaged ones too.

    What is named like a cell and is none is left out, with a line in the log.

    Args:
        folder: The folder.
        recursive: Whether to look into grids and studies in other folders below as
            well. (default: :obj:`True`)
    """
    paths = sorted(Path(folder).glob(f"{'**' if recursive else '*/*'}/seed-*.json"))
    if not recursive:
        paths = [path for path in paths if not _in_study(path)]
    found, others = [], []
    for path in paths:
        if path.name.endswith(".time.json"):
            continue
        keys = _keys(path) if re.fullmatch(r"seed-\d+\.json", path.name) else set()
        if keys is None or 2 * len(keys & _TYPES.keys()) > len(_TYPES):
            found.append(path)
        elif not keys.issuperset(_MEASURED):
            others.append(str(path))
    if others:
        _LOGGER.warning("left out, as no cells of a grid: %s", ", ".join(others))
    return found


def load_cells(folder: str | Path) -> list[Cell]:
    """Read all finished cells below a folder, see :func:`find_cells`.

    Raises:
        ValueError: If there is none, or a file is damaged.
    """
    cells = [load_cell(path) for path in find_cells(folder)]
    if not cells:
        raise ValueError(
            f"there is no finished cell below {str(folder)!r}; "
            "run benchmarks/compare.py"
        )
    return cells


def median_seconds(cells: Sequence[Cell]) -> float | None:
    """Return the median time of an epoch over the cells that know theirs."""
    known = [c.seconds_per_epoch for c in cells if c.seconds_per_epoch is not None]
    return median(known) if known else None


def _in_study(path: Path) -> bool:
    return path.absolute().parent.parent.name == STUDY


def _keys(path: Path) -> set[str] | None:
    """Return the keys of a JSON object; ``None`` if the file cannot be read."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return set(plain) if isinstance(plain, dict) else set()


def _check(plain: Any) -> None:
    if not isinstance(plain, dict):
        raise ValueError("it is no JSON object")
    for key, kind in _TYPES.items():
        if not isinstance(plain.get(key), kind):
            raise ValueError(
                f"{key!r} should be of type {getattr(kind, '__name__', kind)}"
            )
    if "sha256" not in plain["environment"]:
        raise ValueError("'environment' has no 'sha256'")
    for numbers in (plain["valid"], plain["test"], *plain["history"]):
        known = isinstance(numbers, Mapping) and all(
            value is None or (isinstance(value, int | float) and isfinite(value))
            for value in numbers.values()
        )
        if not known:
            raise ValueError("metrics and history should be numbers by their name")
