"""Tables and pictures of saved results."""

from sea_pyg.report.curves import plot_curves
from sea_pyg.report.describe import describe
from sea_pyg.report.grid import Cell, grid_markdown, load_cell, load_cells
from sea_pyg.report.markdown import markdown_table
from sea_pyg.report.table import format_table

__all__ = [
    "Cell",
    "describe",
    "format_table",
    "grid_markdown",
    "load_cell",
    "load_cells",
    "markdown_table",
    "plot_curves",
]
