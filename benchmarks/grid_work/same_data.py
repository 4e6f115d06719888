"""Whether a grid's cells are of the data that is there now."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from grid_work import OtherRequestError, load
from sea_pyg.training import finished_cell
from sea_pyg.training.fingerprint import fingerprint


def check_same_data(units: Sequence[Any]) -> None:
    """Check that other models' cells were made of the data that is there now.

    Cells of one data set and split are compared, user by user.

    Args:
        units: The cells that are about to be made, as ``compare.py`` has them.

    Raises:
        OtherRequestError: If finished cells beside it were made of other interactions.
    """
    groups: dict[Path, list[Any]] = {}
    for unit in units:
        groups.setdefault(unit.folder.parent, []).append(unit)
    for folder, group in groups.items():
        made, first = interactions_of(folder), group[0]
        if not made:
            continue
        now = fingerprint(load(first.data, first.modalities, first.split))
        others = [path.parent for path, before in made.items() if before != now]
        for other, unit in product(others, group):
            if other != unit.folder:  # its own claim says so better
                raise OtherRequestError(
                    f"{unit.name} ({unit.split} split) is not what it was: the cells "
                    f"in {str(other)!r} were made of other interactions than those in "
                    f"{str(unit.folder)!r} would be, and could not be compared with "
                    "them; choose another --out, or restore the data"
                )


def interactions_of(folder: Path) -> dict[Path, str]:
    """Return the fingerprint of the interactions that a grid's cells were made of.

    Args:
        folder: The folder of a data set and split.
    """
    found = {}
    for path in sorted(folder.glob("*/seed-*.json")):
        if path.name.endswith(".time.json"):
            continue
        try:
            cell = finished_cell(path) or {}
            found[path] = str(cell["data_fingerprint"]["interactions"])
        except (KeyError, TypeError, ValueError):  # damaged, which is said elsewhere
            continue
    return found
