"""What a grid found on one data set and split."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sea_pyg.evaluation import Comparison, ComparisonRow, compare
from sea_pyg.report.cell import Cell
from sea_pyg.report.separate import backbone_of
from sea_pyg.utils import closest

METRICS = ("recall@20", "ndcg@20")
BEYOND = ("coverage", "gini", "novelty", "cold_recall")


@dataclass(frozen=True)
class GridSection:
    """The cells of one data set and split, and what they say beside each other."""

    data: str
    """The data set's name."""
    split: str
    """How it was split."""
    metrics: tuple[str, ...]
    """The metrics that are compared, the first one the main one."""
    methods: dict[str, list[Cell]]
    """The cells of every method, which differ by their seed."""
    ours: tuple[str, ...]
    """Models that are no baselines, with all of their presets; nor are models with
    separate learning attached."""
    reference: str
    """The best baseline in validation that has values of every user, which all others
    are tested against."""
    comparison: Comparison | None
    """What the tests found; ``None`` for a single cell."""
    notes: list[str]
    """Sentences that have to be said with the tables."""
    grid: str = ""
    """The folder of the grid below that of all, if there are several grids."""

    @property
    def title(self) -> str:
        """Data set and split in words."""
        where = f" ({self.grid})" if self.grid else ""
        return f"{self.data}, {self.split} split{where}"

    @property
    def cells(self) -> list[Cell]:
        """All cells, method by method."""
        return [cell for cells in self.methods.values() for cell in cells]

    def is_ours(self, method: str) -> bool:
        """Whether a method is no baseline."""
        return _is_ours(method, self.ours)

    def beyond_table(self) -> tuple[list[str], list[list[Any]]]:
        """Return header and cells of a table of all but accuracy, a row per method.

        Values are means over seeds; ``None`` where no seed has one.
        """
        k = self.metrics[0].partition("@")[2]
        keys = [f"{name}@{k}" for name in BEYOND]
        header = ["method", *keys, "s/epoch", "parameters", "with gradient", "tuned"]
        rows = []
        for method, cells in self.methods.items():
            first = cells[0].plain
            tuned = first.get("setting") or {}
            seconds = mean(cell.seconds_per_epoch for cell in cells)
            rows.append(
                [
                    method,
                    *(_mean(cells, key) for key in keys),
                    short(seconds),
                    first["parameters"],
                    first["parameters_with_gradient"],
                    ", ".join(f"{n}={short(v)}" for n, v in tuned.items())
                    or "published",
                ]
            )
        return header, rows


def grid_sections(
    cells: Sequence[Cell],
    metrics: Sequence[str] = METRICS,
    ours: Sequence[str] = ("SEA",),
) -> list[GridSection]:
    """Compare the cells of every data set and split of a grid.

    Cells of several grids, each in a folder of its own, have sections of their own.
    All methods are tested against the best baseline, which the first of ``metrics``
    chooses on validation data: the test data has no part in it. Methods whose cells
    have no values per user stand beside them with their means, are not tested, and are
    no reference.

    Args:
        cells: The cells.
        metrics: Metrics with values of every user, the first one the main one.
        ours: Models that are no baselines, with all of their presets.

    Raises:
        ValueError: If a metric is unknown, or cells of one data set and split cannot
            be compared.
    """
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell, grid in zip(cells, _grids(cells), strict=True):
        groups.setdefault((grid, *cell.group), []).append(cell)
    return [
        _section(name, group, tuple(metrics), tuple(ours))
        for name, group in sorted(groups.items())
    ]


def grid_notes(sections: Sequence[GridSection]) -> list[str]:
    """Return sentences on the grid as a whole."""
    cells = [cell for section in sections for cell in section.cells]
    codes = {cell.plain["environment"]["sha256"] for cell in cells}
    foreign = {json.dumps(c.plain["mmrec"]) for c in cells if "mmrec" in c.plain}
    notes = []
    if len(codes) > 1:
        notes.append(f"The cells were made by {len(codes)} environments or versions.")
    if len(foreign) > 1:
        notes.append(f"MMRec's cells were made by {len(foreign)} versions of it.")
    return notes


def short(value: Any) -> str:
    """Write a number with three digits, anything else as it is."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _is_ours(method: str, ours: Sequence[str]) -> bool:
    backbone, separate = backbone_of(method)
    return separate or backbone.partition(":")[0] in ours


def _grids(cells: Sequence[Cell]) -> list[str]:
    """Name the grid of every cell; a single grid needs no name."""
    roots = [cell.root for cell in cells]
    if len(set(roots)) < 2:
        return [""] * len(roots)
    common = os.path.commonpath(roots)
    return [Path(os.path.relpath(root, common)).as_posix() for root in roots]


def _section(
    name: tuple[str, str, str],
    cells: Sequence[Cell],
    metrics: tuple[str, ...],
    ours: tuple[str, ...],
) -> GridSection:
    _check(cells, metrics)
    methods: dict[str, list[Cell]] = {}
    for cell in cells:
        methods.setdefault(cell.method, []).append(cell)
    main = metrics[0]
    baselines = [m for m in methods if not _is_ours(m, ours)] or [*methods]

    def score(method: str, on: str, metric: str = main) -> float:
        return mean(cell.plain[on][metric] or 0.0 for cell in methods[method])

    known = [m for m, found in methods.items() if all(c.has_users for c in found)]
    testable = [m for m in baselines if m in known] or known or baselines
    reference = max(testable, key=lambda method: score(method, "valid"))
    first = max(baselines, key=lambda method: score(method, "valid"))
    strongest = {
        metric: max(baselines, key=lambda method: score(method, "test", metric))
        for metric in metrics
    }
    comparison, notes = None, ["There is one cell only, and nothing to compare."]
    if len(cells) > 1:
        comparison = _compare(methods, known, metrics, reference)
        notes = [*comparison.notes]
    only = "" if len(known) in (0, len(methods)) else " that can be tested"
    notes.append(
        f"The reference {reference} is the best baseline in validation {main}{only}."
    )
    if score(first, "valid") > score(reference, "valid"):
        notes.append(f"In validation {main} {first} is better, but it is not tested.")
    others = {m: best for m, best in strongest.items() if best != reference}
    for metric, best in others.items():
        notes.append(f"In test {metric} the best baseline is another one: {best}.")
    for best in dict.fromkeys(others.values()):
        notes += _against(best, methods, known, metrics, ours)
    made_from = {repr(sorted(c.plain["data_fingerprint"].items())) for c in cells}
    if len(made_from) > 1:
        notes.append(f"The cells were made from {len(made_from)} versions of the data.")
    grid, data, split = name
    return GridSection(
        data, split, metrics, methods, ours, reference, comparison, notes, grid
    )


def _compare(
    methods: dict[str, list[Cell]],
    known: Sequence[str],
    metrics: Sequence[str],
    reference: str,
) -> Comparison:
    """Test what can be tested, and put the means of the others beside it."""
    found = Comparison([], reference, 0.05, [])
    cells = [cell for method in known for cell in methods[method]]
    if len(cells) > 1:
        found = compare([cell.run() for cell in cells], metrics, reference)
    rows = []
    for metric in metrics:
        tested = [row for row in found.rows if row.metric == metric]
        names = {row.method for row in tested}
        others = [
            _untested(metric, method, methods, reference)
            for method in methods
            if method not in names
        ]
        others.sort(key=lambda row: (row.scope != "reference", -row.mean))
        rows += [*tested, *others]
    notes = [*found.notes]
    if len(known) < len(methods):
        notes.append(
            "Methods without values per user ran in a program that prints means of "
            "four decimals alone: nothing is said of whether they differ."
        )
    return Comparison(rows, reference, found.level, notes)


def _against(
    best: str,
    methods: dict[str, list[Cell]],
    known: Sequence[str],
    metrics: Sequence[str],
    ours: tuple[str, ...],
) -> list[str]:
    """Say how ours do against a baseline that the test data itself has chosen."""
    chosen = [m for m in known if m == best or _is_ours(m, ours)]
    cells = [cell for method in chosen for cell in methods[method]]
    if best not in chosen or len(chosen) < 2:
        return []
    rows = compare([cell.run() for cell in cells], metrics, best).rows
    return [
        f"Against {best}, {row.method} in {row.metric}: {row.verdict} "
        f"({row.difference:+.4f}, p (Holm) {row.p_holm:.4f})."
        for row in rows
        if row.scope != "reference"
    ]


def _untested(
    metric: str, method: str, methods: dict[str, list[Cell]], reference: str
) -> ComparisonRow:
    values, base = (
        [cell.plain["test"][metric] for cell in methods[name]]
        for name in (method, reference)
    )
    return ComparisonRow(
        method=method,
        metric=metric,
        num_runs=len(values),
        mean=mean(values),
        ci_low=None,
        ci_high=None,
        seed_std=stdev(values) if len(values) > 1 else None,
        scope="reference" if method == reference else "untested",
        difference=None if method == reference else mean(values) - mean(base),
    )


def _check(cells: Sequence[Cell], metrics: tuple[str, ...]) -> None:
    if not metrics:
        raise ValueError("a grid is compared by at least one metric, as recall@20")
    first: dict[tuple[str, int], Path] = {}
    for cell in cells:
        path = first.setdefault((cell.method, cell.plain["seed"]), cell.path)
        if path != cell.path:
            raise ValueError(
                f"{str(path)!r} and {str(cell.path)!r} are both {cell.method} with "
                f"seed {cell.plain['seed']}; keep one of them, or each in a grid of "
                "its own"
            )
        for metric in metrics:
            known = cell.plain["valid"].keys() & cell.plain["test"].keys()
            if metric not in known:
                raise ValueError(
                    f"{str(cell.path)!r} has no metric {metric!r}; "
                    f"{closest(metric, sorted(known))}"
                )


def _mean(cells: Sequence[Cell], key: str) -> float | None:
    values = [cell.plain["test"].get(key) for cell in cells]
    known = [value for value in values if value is not None]
    return mean(known) if known else None
