"""What a grid's tables say, ready for JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sea_pyg.evaluation import ComparisonRow
from sea_pyg.report.budget import budget_of
from sea_pyg.report.cell import Cell
from sea_pyg.report.grid import relative_path
from sea_pyg.report.grid_section import GridSection, grid_notes, mean_of


def grid_plain(sections: Sequence[GridSection], root: str | Path) -> dict[str, Any]:
    """Return all that the tables and notes say but times, which the clock changes.

    Args:
        sections: The sections, as :func:`grid_sections` makes them.
        root: The folder that the cells' paths start from.
    """
    return {
        "sections": [section_plain(section, root) for section in sections],
        **environments_plain(sections, root),
    }


def environments_plain(
    sections: Sequence[GridSection], root: str | Path
) -> dict[str, Any]:
    """Return what is said of all sections together: what made their cells.

    Args:
        sections: The sections.
        root: The folder that the cells' paths start from.
    """
    made: dict[str, list[str]] = {}
    for cell in (cell for section in sections for cell in section.cells):
        digest = cell.plain["environment"]["sha256"]
        made.setdefault(digest, []).append(relative_path(cell.path, root))
    return {
        "notes": grid_notes(sections),
        "environments": [
            {"sha256": digest, "cells": cells} for digest, cells in made.items()
        ],
    }


def section_plain(section: GridSection, root: str | Path) -> dict[str, Any]:
    """Return what the tables and notes of one section say.

    Args:
        section: The section.
        root: The folder that the cells' paths start from.
    """
    compared = section.comparison
    paths = {
        method: [relative_path(cell.path, root) for cell in cells]
        for method, cells in section.methods.items()
    }
    separate = section.separate

    def row_plain(row: ComparisonRow) -> dict[str, Any]:
        plain = {**row._asdict(), "verdict": row.verdict}
        return {**plain, "cells": paths[row.method]}

    return {
        "title": section.title,
        "data": section.data,
        "split": section.split,
        "users": section.users,
        "reference": section.reference,
        "level": compared.level,
        "notes": [*section.notes, *([] if separate is None else separate.notes)],
        "rows": [row_plain(row) for row in compared.rows],
        "against": [
            {"reference": best, **row_plain(row)}
            for best, rows in section.against.items()
            for row in rows
        ],
        "separate": [
            {"without": row_plain(without), "with": row_plain(added)}
            for without, added in ([] if separate is None else separate.rows)
        ],
        "methods": [
            {
                "method": method,
                "cells": paths[method],
                "test": {key: mean_of(cells, key) for key in section.beyond_keys},
                **_about(cells[0]),
            }
            for method, cells in section.methods.items()
        ],
    }


def _about(cell: Cell) -> dict[str, Any]:
    budget = budget_of(cell)
    return {
        "parameters": cell.plain["parameters"],
        "parameters_with_gradient": cell.plain["parameters_with_gradient"],
        "budget": None if budget is None else budget._asdict(),
    }
