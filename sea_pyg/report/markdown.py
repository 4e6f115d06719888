"""Tables in Markdown."""

from collections.abc import Sequence
from typing import Any

from sea_pyg.report.table import cell_text


def markdown_table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """Write a table in Markdown, numbers to the right.

    Args:
        rows: The cells; floats are shown with four decimals, ``None`` as a dash.
        header: Names of the columns.
    """
    right = [
        bool(rows) and all(isinstance(row[i], int | float | None) for row in rows)
        for i in range(len(header))
    ]
    lines = [list(header), ["---:" if side else "---" for side in right]]
    lines += [[cell_text(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
