"""Tables of a grid's cells in Markdown."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from sea_pyg.report.cell import Cell
from sea_pyg.report.grid_section import (
    METRICS,
    GridSection,
    grid_notes,
    grid_sections,
)
from sea_pyg.report.markdown import markdown_table


def grid_markdown(
    cells: Sequence[Cell],
    root: str | Path,
    metrics: Sequence[str] = METRICS,
    ours: Sequence[str] = ("SEA",),
) -> str:
    """Write the tables of every data set and split.

    All methods are tested against the best baseline, which the first of ``metrics``
    chooses on validation data: the test data has no part in it.

    Args:
        cells: The cells.
        root: The folder that links to the cells start from.
        metrics: Metrics with values of every user, the first one the main one.
            (default: :obj:`("recall@20", "ndcg@20")`)
        ours: Models that are no baselines, with all of their presets.
            (default: :obj:`("SEA",)`)

    Raises:
        ValueError: If a metric is unknown, or cells of one data set and split cannot
            be compared.
    """
    return sections_markdown(grid_sections(cells, metrics, ours), root)


def sections_markdown(sections: Sequence[GridSection], root: str | Path) -> str:
    """Write the tables of sections that :func:`grid_sections` has made.

    Args:
        sections: The sections.
        root: The folder that links to the cells start from.
    """
    parts = [_section_markdown(section, root) for section in sections]
    return "\n\n".join([*parts, *grid_notes(sections)]) + "\n"


def relative_link(path: str | Path, root: str | Path) -> str:
    """Return the link to a file from a page in the folder ``root``."""
    return quote(os.fsencode(relative_path(path, root)))


def relative_path(path: str | Path, root: str | Path) -> str:
    """Return the way to a file from the folder ``root``."""
    return Path(os.path.relpath(path, root)).as_posix()


def _section_markdown(section: GridSection, root: str | Path) -> str:
    header, rows = section.comparison.table()
    parts = [f"## {section.title}", markdown_table(rows, header), *section.notes]
    if section.separate is not None:
        header, rows = section.separate.table()
        parts.append("With and without separate learning:")
        parts += [markdown_table(rows, header), *section.separate.notes]
    header, rows = section.beyond_table()
    parts.append(markdown_table(rows, header))
    header, rows = section.budget_table()
    links = [
        " ".join(
            f"[{cell.plain['seed']}]({relative_link(cell.path, root)})"
            for cell in cells
        )
        for cells in section.methods.values()
    ]
    rows = [[*row, link] for row, link in zip(rows, links, strict=True)]
    parts.append(markdown_table(rows, [*header, "seeds"]))
    return "\n\n".join(parts)
