"""Tables for a terminal."""

from collections.abc import Sequence
from typing import Any


def format_table(rows: Sequence[Sequence[Any]], header: Sequence[str] = ()) -> str:
    """Align the columns of a table: numbers to the right, the rest to the left.

    Args:
        rows: The cells; floats are shown with four decimals, ``None`` as a dash.
        header: Names of the columns.
    """
    cells = [[cell_text(cell) for cell in row] for row in rows]
    lines = ([list(header)] if header else []) + cells
    if not lines:
        return ""
    count = max(len(line) for line in lines)
    widths = [
        max((len(line[i]) for line in lines if i < len(line)), default=0)
        for i in range(count)
    ]
    right = [
        all(isinstance(row[i], int | float) for row in rows if i < len(row))
        for i in range(count)
    ]

    def join(line: Sequence[str]) -> str:
        parts = [
            cell.rjust(widths[i]) if right[i] else cell.ljust(widths[i])
            for i, cell in enumerate(line)
        ]
        return "  ".join(parts).rstrip()

    text = [join(line) for line in lines]
    if header:
        text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(text)


def cell_text(cell: Any) -> str:
    """Write a cell: ``-`` for none, four digits for a number."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.4f}"
    return str(cell)
