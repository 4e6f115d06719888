"""What of SEA's score training does not see, tried on validation data.

A trained `SEA:tuned` is evaluated with every pair of weights of the correction for
sampling and of the walks: nothing is trained anew.
"""

from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

from sea_pyg.evaluation import evaluate
from sea_pyg.report import markdown_table
from study_kinds.parts import Trained
from study_kinds.pictures import panels
from study_kinds.reports import (
    METRICS,
    Plain,
    curve,
    join,
    measured_cells,
    spread,
    write,
)
from study_kinds.variants import TUNED

SUBJECT = TUNED
OPTIONS: dict[str, Any] = {
    "sampling_correction": [0.0, 0.25, 0.5, 0.75, 1.0],
    "walk_weight": [0.0, 6.0, 12.0, 24.0, 48.0],
}
SMOKE: dict[str, Any] = {"sampling_correction": [0.0, 0.5], "walk_weight": [0.0, 12.0]}


def measure(trained: Trained, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Evaluate a model with every pair of weights."""
    model = trained.model()
    val = model.prepare(trained.val)
    rows = []
    for values in product(*options.values()):
        setting = dict(zip(options, values, strict=True))
        for name, value in setting.items():
            setattr(model.ranking, name, value)
        found = evaluate(model, val, 20, ("recall", "ndcg"))
        rows.append(setting | {name: found.metrics[name] for name in METRICS})
    return rows


def collect(
    found: list[dict[str, Any]],
) -> dict[tuple[float, float], dict[str, list[float]]]:
    """Return every seed's metrics by the pair of weights."""
    first, second = OPTIONS
    values: dict[tuple[float, float], dict[str, list[float]]] = {}
    for row in (row for one in found for row in one["rows"]):
        cell = values.setdefault((row[first], row[second]), {m: [] for m in METRICS})
        for metric in METRICS:
            cell[metric].append(row[metric])
    return values


def result(found: list[dict[str, Any]]) -> tuple[str, Plain]:
    """Return the table of all seeds, and its numbers in full.

    Args:
        found: Each seed's measurements, with the :obj:`"rows"` of :func:`measure`.
    """
    first, second = OPTIONS
    header = [first, second, *(x for m in METRICS for x in (f"validation {m}", "std"))]
    rows: list[list[Any]] = []
    entries: list[dict[str, Any]] = []
    cells = measured_cells("score", found)
    for pair, cell in collect(found).items():
        weights = dict(zip(OPTIONS, pair, strict=True))
        entries.append({**weights, **cell, "cells": cells})
        row = [f"{value:g}" for value in pair]
        rows.append(
            [*row, *(x for m in METRICS for x in (mean(cell[m]), spread(cell[m])))]
        )
    text = f"Mean and standard deviation of {len(found)} trained model(s)."
    return join(markdown_table(rows, header), text), {"rows": entries}


def report(out: Path, found: list[dict[str, Any]]) -> None:
    """Write the table and the picture of all seeds.

    Args:
        out: The folder.
        found: Each seed's measurements, with the :obj:`"rows"` of :func:`measure`.
    """
    first, second = OPTIONS
    values = collect(found)
    corrections, walks = (sorted({pair[i] for pair in values}) for i in (0, 1))
    figure, axes = panels(len(METRICS), 2, 4.6, 3.2)
    for axis, metric in zip(axes, METRICS, strict=True):
        for walk in walks:
            numbers = [values[correction, walk][metric] for correction in corrections]
            curve(axis, corrections, numbers, f"{second} {walk:g}")
        axis.set_xlabel(first)
        axis.set_ylabel(f"validation {metric}")
    axes[0].legend(fontsize="small")
    write(out, "score", *result(found), figure)
