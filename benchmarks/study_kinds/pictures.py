"""Pictures whose bytes are the same whenever they are drawn."""

import math
from pathlib import Path
from typing import Any

from sea_pyg.training.atomic import atomic


def panels(count: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    """Return a figure and its panels, row by row; those too many are hidden."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.set_visible(False)
    return figure, axes[:count]


def save(figure: Any, path: Path) -> None:
    """Write a figure as SVG without a date or random names."""
    import matplotlib as mpl

    options = {"svg.hashsalt": "sea_pyg", "svg.fonttype": "none"}
    with mpl.rc_context(options), atomic(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
