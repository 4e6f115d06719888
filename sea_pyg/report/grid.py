"""Tables of a grid's cells in Markdown."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from sea_pyg.report.grid_section import (
    GridSection,
    grid_notes,
)
from sea_pyg.report.markdown import markdown_table


def sections_markdown(
    sections: Sequence[GridSection], root: str | Path, problems: Sequence[str] = ()
) -> str:
    """Write the tables of sections that :func:`grid_sections` has made.

    Args:
        sections: The sections.
        root: The folder that links to the cells start from.
        problems: What :func:`grid_sections` has left out, and why. (default: nothing)
    """
    parts = [_section_markdown(section, root) for section in sections]
    parts += [f"Left out: {text}" for text in problems]
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
