"""The command that writes a grid's report."""

from pathlib import Path
from typing import Any

from sea_pyg.cli.options import split_names
from sea_pyg.report import (
    GridSection,
    format_table,
    grid_sections,
    load_cells,
    sections_html,
    sections_markdown,
    studies_markdown,
    study_sections,
)
from sea_pyg.training.atomic import write_text


def report_grid(options: Any) -> tuple[str, dict[str, Any]]:
    """Write tables and pictures of the grids and studies below a folder."""
    folder = Path(options.results_dir)
    page = Path(options.out) if options.out else folder / "report.html"
    tables = Path(options.markdown) if options.markdown else None
    if tables is not None and tables.resolve() == page.resolve():
        raise ValueError(
            f"--out and --markdown are one file ({str(page)!r}); choose two"
        )
    metrics = split_names(options.metric)
    cells = load_cells(folder)
    problems: list[str] = []
    compared = [cell for cell in cells if not cell.in_study]
    sections = grid_sections(compared, metrics, problems=problems)
    if problems and not sections:
        raise ValueError("; ".join(problems))
    studies = study_sections(cells)
    title = f"Results of {folder.resolve().name}"
    _write(page, sections_html(sections, page.parent, title, studies, problems))
    if tables is not None:
        parts = []
        if sections:
            parts.append(sections_markdown(sections, tables.parent, problems))
        parts += [studies_markdown(studies, tables.parent)] if studies else []
        _write(tables, "\n".join(parts))
    plain = {
        "results_dir": options.results_dir,
        "html": str(page),
        "markdown": None if tables is None else str(tables),
        "sections": [_plain(section) for section in sections],
        "problems": problems,
        "studies": [
            {
                "folder": str(section.folder),
                "studies": [study.name for study in section.studies],
                "cells": len(section.cells),
            }
            for section in studies
        ],
    }
    written = [str(path) for path in (page, tables) if path is not None]
    rows: list[list[Any]] = [
        [s.title, len(s.methods), len(s.cells), s.reference] for s in sections
    ]
    rows += [[s.title, len(s.methods), len(s.cells), None] for s in studies]
    table = format_table(rows, ["section", "methods", "cells", "reference"])
    left_out = [f"Left out: {problem}" for problem in problems]
    return "\n\n".join([table, *left_out, "\n".join(written)]), plain


def _plain(section: GridSection) -> dict[str, Any]:
    found = section.comparison
    return {
        "grid": section.grid,
        "data": section.data,
        "split": section.split,
        "methods": len(section.methods),
        "cells": len(section.cells),
        "reference": section.reference,
        "notes": section.notes,
        "rows": [] if found is None else found.to_dict()["rows"],
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder's name need be no text; links to it are, which have its bytes.
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))
