"""What a grid found on one data set and split."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from sea_pyg.evaluation import Comparison, ComparisonRow
from sea_pyg.report.budget import budget_note, budget_of, options_text, short
from sea_pyg.report.cell import Cell, median_seconds
from sea_pyg.report.data_note import data_note
from sea_pyg.report.grid_comparison import compare_against, compare_methods, is_ours
from sea_pyg.report.separate import SeparateComparison, separate_comparison
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
    comparison: Comparison
    """What the tests found; means and intervals where nothing can be tested."""
    against: dict[str, list[ComparisonRow]]
    """How ours do against baselines that are the best in test, where validation chose
    another one."""
    separate: SeparateComparison | None
    """What separate learning adds to other models, if any has it attached."""
    users: int | None
    """Users that are evaluated in test, if the cells tell."""
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
        return is_ours(method, self.ours)

    def beyond_table(self) -> tuple[list[str], list[list[Any]]]:
        """Return header and cells of a table of all but accuracy, a row per method.

        Values are means over seeds, the time is their median; ``None`` where no seed
        has one.
        """
        keys = self.beyond_keys
        rows = []
        for method, cells in self.methods.items():
            first = cells[0].plain
            seconds = median_seconds(cells)
            rows.append(
                [
                    method,
                    *(mean_of(cells, key) for key in keys),
                    None if seconds is None else short(seconds),
                    first["parameters"],
                    first["parameters_with_gradient"],
                ]
            )
        return ["method", *keys, "s/epoch", "parameters", "with gradient"], rows

    @property
    def beyond_keys(self) -> list[str]:
        """Names of the metrics beyond accuracy, for the main metric's length."""
        k = self.metrics[0].partition("@")[2]
        return [f"{name}@{k}" for name in BEYOND]

    def budget_table(self) -> tuple[list[str], list[list[Any]]]:
        """Return header and cells of a table of what every method was given.

        Values are ``None`` where the cells do not tell, or there is nothing to tell.
        """
        header = ["method", "trials", "epochs at most", "in a trial"]
        header += ["options set", "search changed"]
        rows: list[list[Any]] = []
        for method, cells in self.methods.items():
            budget = budget_of(cells[0])
            if budget is None:
                rows.append([method, None, None, None, None, None])
                continue
            limits = [budget.made, budget.epochs, budget.trial_epochs]
            fixed = options_text(budget.fixed) or "none"
            rows.append([method, *limits, fixed, budget.search])
        return header, rows


def grid_sections(
    cells: Sequence[Cell],
    metrics: Sequence[str] = METRICS,
    ours: Sequence[str] = ("SEA",),
    problems: list[str] | None = None,
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
            (default: :obj:`("recall@20", "ndcg@20")`)
        ours: Models that are no baselines, with all of their presets; nor is one of
            your own, ``package.module.Class``. (default: :obj:`("SEA",)`)
        problems: Takes what is wrong with a section whose cells cannot be compared,
            which is left out then. (default: an error ends all)

    Raises:
        ValueError: If a metric is unknown, or cells of one data set and split cannot
            be compared.
    """
    groups: dict[tuple[str, str, str], list[Cell]] = {}
    for cell, grid in zip(cells, _grids(cells), strict=True):
        groups.setdefault((grid, *cell.group), []).append(cell)
    sections = []
    for name, group in sorted(groups.items()):
        try:
            sections.append(_section(name, group, tuple(metrics), tuple(ours)))
        except (ValueError, FileNotFoundError) as error:
            folder = str(group[0].path.parent.parent)
            text = f"the cells in {folder!r} cannot be compared: {error}"
            if problems is None:
                raise ValueError(text) from error
            problems.append(text)
    return sections


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


def mean_of(cells: Sequence[Cell], key: str) -> float | None:
    """Return the mean of a test metric over the cells that have it."""
    values = [cell.plain["test"].get(key) for cell in cells]
    known = [value for value in values if value is not None]
    return mean(known) if known else None


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
    baselines = [m for m in methods if not is_ours(m, ours)] or [*methods]

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
    comparison = compare_methods(methods, known, metrics, reference)
    users = next((n for c in cells if (n := c.plain.get("test_users"))), None)
    notes = [] if users is None else [f"Users that are evaluated in test: {users}."]
    notes += budget_note(methods, name[1])
    if len(cells) == 1:
        notes.append("There is one cell only, and nothing to compare.")
    notes += comparison.notes
    kind = "method" if is_ours(first, ours) else "baseline"
    if len(methods) > 1:
        only = "" if len(known) in (0, len(methods)) else " that can be tested"
        its = "method" if is_ours(reference, ours) else "baseline"
        notes.append(
            f"The reference {reference} is the best {its} in validation {main}{only}."
        )
    if score(first, "valid") > score(reference, "valid"):
        notes.append(f"In validation {main} {first} is better, but it is not tested.")
    others = {m: best for m, best in strongest.items() if best != reference}
    for metric, best in others.items():
        notes.append(f"In test {metric} the best {kind} is another one: {best}.")
    against = {}
    for best in dict.fromkeys(others.values()):
        if rows := compare_against(best, methods, known, metrics, ours):
            against[best] = rows
    notes += [
        f"Against {best}, {row.method} in {row.metric}: {row.verdict} "
        f"({row.difference:+.4f}, p (Holm) {row.p_holm:.4f})."
        for best, rows in against.items()
        for row in rows
    ]
    notes += data_note(methods)
    separate = separate_comparison(cells, main)
    grid, data, split = name
    return GridSection(
        data,
        split,
        metrics,
        methods,
        ours,
        reference,
        comparison,
        against,
        separate,
        users,
        notes,
        grid,
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
