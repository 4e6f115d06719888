"""Tables and pictures of studies that are made of cells alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sea_pyg.evaluation import compare
from sea_pyg.report import Cell, at_limit, markdown_table
from sea_pyg.training.atomic import write_text
from study_kinds.pictures import panels, save
from study_kinds.variants import Variant, reference_of

METRIC = "recall@20"
METRICS = (METRIC, "ndcg@20")
Found = list[tuple[Variant, list[Cell]]]
"""Every variant with its finished cells, one per seed."""
Plain = dict[str, list[dict[str, Any]]]
"""What tables are made of: a list for every table, with an entry for every row."""


def spread(values: Sequence[float]) -> float | None:
    """Return the standard deviation over seeds, if there are several."""
    return stdev(values) if len(values) > 1 else None


def scores(cells: Sequence[Cell], split: str) -> list[float]:
    """Return each seed's main metric on validation or test data.

    Raises:
        ValueError: If a cell does not have it.
    """
    for cell in cells:
        if METRIC not in cell.plain[split]:
            raise ValueError(
                f"{str(cell.path)!r} has no metric {METRIC!r} in {split!r} (got "
                f"{', '.join(cell.plain[split])}); delete the cell and make it again "
                "with an eval_k that holds 20"
            )
    return [cell.plain[split][METRIC] or 0.0 for cell in cells]


def curve(
    axis: Any, x: Sequence[float], samples: Sequence[Sequence[float]], label: str
) -> None:
    """Draw the means and standard deviations of samples."""
    axis.errorbar(
        x,
        [mean(sample) for sample in samples],
        [spread(sample) or 0.0 for sample in samples],
        marker="o",
        capsize=3,
        label=label,
    )
    axis.grid(alpha=0.3)


def write(out: Path, name: str, text: str, plain: Plain, figure: Any) -> None:
    """Write a study's tables, their numbers in full, and its picture.

    Args:
        out: The folder.
        name: The study.
        text: The tables as Markdown.
        plain: A list for every table, in order, with an entry for every row.
        figure: The picture.
    """
    save(figure, out / f"{name}.svg")
    write_text(out / f"{name}.json", json_text(plain))
    write_text(out / f"{name}.md", text)


def json_text(plain: Plain) -> str:
    """Return the content of a study's JSON file."""
    return json.dumps(plain, indent=1, allow_nan=False) + "\n"


def measured_cells(name: str, found: Sequence[dict[str, Any]]) -> list[str]:
    """List the files of every seed's measurements, from the study's folder."""
    return [f"{name}/seed-{one['seed']}.json" for one in found]


def join(*parts: str) -> str:
    """Return a page of tables and sentences."""
    return "\n\n".join(parts) + "\n"


def compared_result(out: Path, found: Found) -> tuple[str, Plain]:
    """Return the tables of variants that are tested against the first one."""
    runs = [
        cell.run()._replace(method=variant.label)
        for variant, cells in found
        for cell in cells
    ]
    reference = found[0][0].label
    comparison = compare(runs, METRICS, reference)
    header, rows = comparison.table()
    text = join(
        markdown_table(rows, header),
        *comparison.notes,
        f"Test data; all are tested against {reference}, user by user.",
        _settings(out, found),
    )
    paths = {variant.label: _paths(out, cells) for variant, cells in found}
    plain = {
        "rows": [
            {**row._asdict(), "verdict": row.verdict, "cells": paths[row.method]}
            for row in comparison.rows
        ],
        "variants": [
            {
                "variant": variant.label,
                "set": variant.setting,
                "validation": scores(cells, "valid"),
                "best epoch": [cell.plain["best_epoch"] for cell in cells],
                "cells": paths[variant.label],
            }
            for variant, cells in found
        ],
    }
    return text, plain


def compared(out: Path, name: str, found: Found) -> None:
    """Report variants that are tested against the first one."""
    figure, (axis,) = panels(1, 1, 6.5, 1 + 0.4 * len(found))
    for row, (_, cells) in enumerate(found):
        values = scores(cells, "test")
        error = spread(values)
        axis.errorbar(mean(values), row, xerr=error, fmt="o", color="C0", capsize=3)
        axis.plot(values, [row] * len(values), "|", color="0.4")
    axis.axvline(mean(scores(found[0][1], "test")), color="0.6", linestyle=":")
    axis.set_yticks(range(len(found)), [variant.label for variant, _ in found])
    axis.invert_yaxis()
    axis.set_xlabel(f"test {METRIC}: every seed, mean and standard deviation")
    axis.grid(alpha=0.3, axis="x")
    write(out, name, *compared_result(out, found), figure)


def _settings(out: Path, found: Found) -> str:
    header = ["variant", "set differently", "validation", "std", "best epoch", "seeds"]
    rows = []
    for variant, cells in found:
        setting = ", ".join(f"{k}={v!r}" for k, v in variant.setting.items())
        valid = scores(cells, "valid")
        epochs = mean(cell.plain["best_epoch"] for cell in cells)
        links = " ".join(_link(out, cell) for cell in cells)
        row = [variant.label, setting or "-", mean(valid), spread(valid)]
        rows.append([*row, f"{epochs:.1f}", links])
    return join(markdown_table(rows, header), given(found)).rstrip()


def given(found: Found) -> str:
    """Say what was set for all variants."""
    variant = reference_of([variant for variant, _ in found])
    first_cells = next(cells for other, cells in found if other is variant)
    request = first_cells[0].plain["request"]
    shared = {k: v for k, v in request["setting"].items() if k not in variant.setting}
    options = (
        ", ".join(f"{name}={value}" for name, value in shared.items()) or "nothing"
    )
    text = f"Set for all: {options}; {request['epochs']} epochs at most."
    limits = {variant.label: (at_limit(cells), len(cells)) for variant, cells in found}
    ended = [f"{label} {n} of {all_}" for label, (n, all_) in limits.items() if n]
    if ended:
        text = f"{text} Cells that ended there: {', '.join(ended)}."
    codes = _codes(first_cells)
    others = [v.label for v, cells in found if len(codes | _codes(cells)) > 1]
    if others:
        text = (
            f"{text} Not all trained by the version of the library that trained "
            f"{variant.label}, which can make a difference, too: {', '.join(others)}."
        )
    return text


def _codes(cells: Sequence[Cell]) -> set[Any]:
    return {cell.plain["environment"].get("code") for cell in cells}


def _paths(out: Path, cells: Sequence[Cell]) -> list[str]:
    return [cell.path.relative_to(out).as_posix() for cell in cells]


def _link(out: Path, cell: Cell) -> str:
    return f"[{cell.plain['seed']}]({cell.path.relative_to(out).as_posix()})"


def sensitivity_result(out: Path, found: Found) -> tuple[str, Plain]:
    """Return the table of the main metric over each setting's values."""
    header = ["setting", "value", "validation", "std", "test", "std", "seeds"]
    rows, entries = [], []
    for variant, cells in found:
        entries.append(
            {
                "setting": variant.parameter,
                "value": variant.value,
                "validation": scores(cells, "valid"),
                "test": scores(cells, "test"),
                "cells": _paths(out, cells),
            }
        )
        row: list[Any] = [variant.parameter, f"{variant.value:g}"]
        for split in ("valid", "test"):
            values = scores(cells, split)
            row += [mean(values), spread(values)]
        links = " ".join(_link(out, cell) for cell in cells)
        rows.append([*row, links])
    text = f"{METRIC}; the dotted line is the default. {given(found)}"
    return join(markdown_table(rows, header), text), {"rows": entries}


def sensitivity(out: Path, name: str, found: Found) -> None:
    """Report the main metric over each setting's values."""
    groups: dict[str, Found] = {}
    for variant, cells in found:
        groups.setdefault(variant.parameter, []).append((variant, cells))
    figure, axes = panels(len(groups), 2, 4.6, 3.2)
    for axis, (parameter, group) in zip(axes, groups.items(), strict=True):
        values = [variant.value for variant, _ in group]
        for split, label in (("valid", "validation"), ("test", "test")):
            found_scores = [scores(cells, split) for _, cells in group]
            curve(axis, values, found_scores, label)
        for variant, _ in group:
            if not variant.setting:
                axis.axvline(variant.value, color="0.6", linestyle=":")
        axis.set_xscale("log")
        axis.set_xticks(values, [f"{value:g}" for value in values])
        axis.minorticks_off()
        axis.set_xlabel(parameter)
        axis.set_ylabel(METRIC)
    axes[0].legend(fontsize="small")
    write(out, name, *sensitivity_result(out, found), figure)


def curves_result(out: Path, found: Found) -> tuple[str, Plain]:
    """Return the table of how long training takes, and what it ends with."""
    header = ["method", "best epoch", "epochs", "90% after", "validation", "std"]
    rows, entries = [], []
    for variant, cells in found:
        valid = scores(cells, "valid")
        entry = {
            "method": variant.label,
            "best epoch": [cell.plain["best_epoch"] for cell in cells],
            "epochs": [cell.plain["epochs"] for cell in cells],
            "90% after": [_epochs_to(cell, 0.9) for cell in cells],
            "validation": valid,
            "cells": _paths(out, cells),
        }
        entries.append(entry)
        numbers = [f"{mean(entry[key]):.1f}" for key in header[1:4]]
        rows.append([variant.label, *numbers, mean(valid), spread(valid)])
    text = (
        f"Means over seeds. `90% after` is the first epoch at 90 % of the best "
        f"validation {METRIC}. {given(found)}"
    )
    return join(markdown_table(rows, header), text), {"rows": entries}


def curves(out: Path, name: str, found: Found) -> None:
    """Report how validation and losses develop, seed by seed."""
    names = dict.fromkeys(
        key
        for _, cells in found
        for cell in cells
        for row in cell.plain["history"]
        for key in row
        if key.startswith("loss/") and key != "loss/total"
    )
    figure, axes = panels(1 + len(names), 3, 4.2, 3.1)
    for axis, key in zip(axes, (f"val/{METRIC}", *names), strict=True):
        for color, (variant, cells) in enumerate(found):
            for cell in cells:
                points = [row for row in cell.plain["history"] if key in row]
                if points:
                    axis.plot(
                        [row["epoch"] for row in points],
                        [row[key] for row in points],
                        color=f"C{color}",
                        linewidth=1,
                        label=variant.label if cell is cells[0] else None,
                    )
        axis.set_title(key.removeprefix("loss/").replace("val/", "validation "))
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    write(out, name, *curves_result(out, found), figure)


def _epochs_to(cell: Cell, share: float) -> int:
    key = f"val/{METRIC}"
    rows = [row for row in cell.plain["history"] if key in row]
    best = max(row[key] for row in rows)
    return int(next(row["epoch"] for row in rows if row[key] >= share * best))
