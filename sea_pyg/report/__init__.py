"""Tables and pictures of saved results."""

from sea_pyg.report.budget import at_limit, preset_note
from sea_pyg.report.cell import Cell, find_cells, load_cell, load_cells, published
from sea_pyg.report.curves import plot_curves
from sea_pyg.report.describe import describe
from sea_pyg.report.grid import sections_markdown
from sea_pyg.report.grid_json import grid_plain
from sea_pyg.report.grid_section import GridSection, grid_sections
from sea_pyg.report.html import sections_html
from sea_pyg.report.markdown import markdown_table
from sea_pyg.report.separate import (
    SEPARATE,
    SeparateComparison,
    backbone_of,
    separate_comparison,
)
from sea_pyg.report.study import (
    Study,
    StudySection,
    studies_markdown,
    study_sections,
)
from sea_pyg.report.table import format_table

__all__ = [
    "SEPARATE",
    "Cell",
    "GridSection",
    "SeparateComparison",
    "Study",
    "StudySection",
    "at_limit",
    "backbone_of",
    "describe",
    "find_cells",
    "format_table",
    "grid_plain",
    "grid_sections",
    "load_cell",
    "load_cells",
    "markdown_table",
    "plot_curves",
    "preset_note",
    "published",
    "separate_comparison",
    "sections_html",
    "sections_markdown",
    "studies_markdown",
    "study_sections",
]
