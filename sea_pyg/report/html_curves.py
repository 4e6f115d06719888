"""Learning curves of a page, one picture for every method."""

from collections.abc import Callable, Iterable
from pathlib import Path

from sea_pyg.report.cell import Cell
from sea_pyg.report.element import Html, element
from sea_pyg.report.grid_section import GridSection
from sea_pyg.report.svg import Line, line_chart

_COLOURS = 8
Link = Callable[[str | Path], str]
"""Makes the link to a file."""


def html_curves(section: GridSection, link: Link) -> list[Html]:
    """Draw validation and loss of every method that has epochs."""
    seeds = sorted({cell.plain["seed"] for cell in section.cells})
    colours = {seed: f"c{i % _COLOURS}" for i, seed in enumerate(seeds)}
    keys = [element("span", f"seed {s}", class_=f"key {colours[s]}") for s in seeds]
    trained = {
        method: cells
        for method, cells in section.methods.items()
        if any(cell.plain["history"] for cell in cells)
    }
    if not trained:
        return []
    parts = [element("h3", "Learning curves"), element("p", *keys, class_="keys")]
    main = section.metrics[0]
    for quantity, text in (
        (f"val/{main}", f"Validation {main} by epoch, all on one scale"),
        ("loss/total", "Training loss by epoch, each on a scale of its own"),
    ):
        lines = {
            method: [
                line for c in cells if (line := _curve(c, quantity, colours, link))
            ]
            for method, cells in trained.items()
        }
        lines = {method: drawn for method, drawn in lines.items() if drawn}
        if not lines:
            continue
        top = max(_values(line for drawn in lines.values() for line in drawn))
        panels = []
        for method, drawn in lines.items():
            values = _values(drawn)
            ends = (min(values), max(values)) if quantity == "loss/total" else (0, top)
            panels.append(line_chart(method, drawn, *ends))
        caption = f"{text}; the dot is the epoch that was tested."
        parts.append(
            element(
                "figure",
                element("div", *panels, class_="panels"),
                element("figcaption", caption),
            )
        )
    untrained = [method for method in section.methods if method not in trained]
    if untrained:
        parts.append(element("p", f"Without epochs: {', '.join(untrained)}."))
    return parts


def _curve(
    cell: Cell, quantity: str, colours: dict[int, str], link: Link
) -> Line | None:
    points = [
        (row["epoch"], row[quantity])
        for row in cell.plain["history"]
        if row.get("epoch") is not None and row.get(quantity) is not None
    ]
    if not points:
        return None
    seed, best = cell.plain["seed"], cell.plain["best_epoch"]
    label = f"{cell.method}, seed {seed}: {quantity}"
    label += "".join(f", {v:.4f} in epoch {n}" for n, v in points if n == best)
    return Line(label, points, link(cell.path), colours[seed], best)


def _values(lines: Iterable[Line]) -> list[float]:
    return [value for line in lines for _, value in line.points]
