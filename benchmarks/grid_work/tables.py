"""The files that a grid's cells are summed up in."""

import json
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from sea_pyg.report import (
    Cell,
    GridSection,
    grid_plain,
    grid_sections,
    sections_markdown,
)
from sea_pyg.training.atomic import write_text

TABLE, NUMBERS = "table.md", "comparison.json"


def grid_tables(
    sections: Sequence[GridSection], out: Path, problems: Sequence[str] = ()
) -> dict[str, str]:
    """Return the tables and the numbers in them, by the names of their files.

    Args:
        sections: The grid's sections.
        out: The grid's folder.
        problems: What had to be left out, and why. (default: nothing)
    """
    plain = grid_plain(sections, out)
    numbers = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    return {TABLE: sections_markdown(sections, out, problems), NUMBERS: f"{numbers}\n"}


def write_tables(cells: Sequence[Cell], out: Path, problems: list[str]) -> str:
    """Write :func:`grid_tables` to the grid's folder and return the tables.

    Commands that end at once write one after the other.

    Args:
        cells: The grid's cells.
        out: Its folder.
        problems: Takes what is wrong where cells of one data set and split cannot be
            compared; the others have their tables.
    """
    left_out: list[str] = []
    texts = grid_tables(grid_sections(cells, problems=left_out), out, left_out)
    problems += left_out
    with FileLock(out / "lock"):
        for name, text in texts.items():
            write_text(out / name, text)
    return texts[TABLE]
