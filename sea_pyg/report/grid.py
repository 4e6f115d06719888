"""Tables of a grid's cells."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sea_pyg.evaluation import Comparison, EvaluationResult, Run, compare
from sea_pyg.report.markdown import markdown_table


@dataclass(frozen=True)
class Cell:
    """One trained and tested model, as its files tell."""

    path: Path
    """The JSON file."""
    plain: dict[str, Any]
    """Its content."""
    seconds_per_epoch: float
    """Time of training and validation; of fitting for a closed form."""

    @property
    def group(self) -> tuple[str, str]:
        """Data set and split: cells that can be compared."""
        return self.plain["data"], self.plain["split"]

    @property
    def method(self) -> str:
        """What was trained; cells of one method differ by their seed."""
        return str(self.plain["method"])

    @property
    def has_users(self) -> bool:
        """Whether there are values of every user; another program may give none."""
        return self.plain["per_user"] is not None

    def run(self) -> Run:
        """Read the values of every user.

        Raises:
            ValueError: If there are none.
        """
        if not self.has_users:
            raise ValueError(f"{str(self.path)!r} has no values per user")
        result = EvaluationResult.load(self.path.with_name(self.plain["per_user"]))
        fixed = bool(self.plain["deterministic"])
        return Run(self.method, self.plain["seed"], result, fixed)


def load_cells(folder: str | Path) -> list[Cell]:
    """Read all finished cells below a folder.

    Raises:
        ValueError: If there is none, or a file is damaged.
    """
    cells = []
    for path in sorted(Path(folder).rglob("seed-*.json")):
        if path.name.endswith(".time.json"):
            continue
        time = path.with_suffix(".time.json")
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            seconds = json.loads(time.read_text(encoding="utf-8"))["seconds_per_epoch"]
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(
                f"{str(path)!r} is damaged or incomplete ({error}); delete it and run "
                "the grid again"
            ) from error
        cells.append(Cell(path, plain, seconds))
    if not cells:
        raise ValueError(
            f"there is no finished cell below {str(folder)!r}; "
            "run benchmarks/compare.py"
        )
    return cells


def grid_markdown(
    cells: Sequence[Cell],
    root: str | Path,
    metrics: Sequence[str] = ("recall@20", "ndcg@20"),
    ours: Sequence[str] = ("SEA",),
) -> str:
    """Write the tables of every data set and split.

    All methods are tested against the best baseline, which the first of ``metrics``
    chooses on validation data: the test data has no part in it. Methods whose cells
    have no values per user stand in the tables with their means, are not tested, and
    are no reference.

    Args:
        cells: The cells.
        root: The folder that links to the cells start from.
        metrics: Metrics with values of every user, the first one the main one.
        ours: Models that are no baselines, with all of their presets.
    """
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.group, []).append(cell)
    parts = [
        _group_markdown(name, group, Path(root), metrics, ours)
        for name, group in sorted(groups.items())
    ]
    codes = {cell.plain["environment"]["sha256"] for cell in cells}
    if len(codes) > 1:
        parts.append(f"The cells were made by {len(codes)} environments or versions.")
    foreign = {json.dumps(c.plain["mmrec"]) for c in cells if "mmrec" in c.plain}
    if len(foreign) > 1:
        parts.append(f"MMRec's cells were made by {len(foreign)} versions of it.")
    return "\n\n".join(parts) + "\n"


def _group_markdown(
    name: tuple[str, str],
    cells: Sequence[Cell],
    root: Path,
    metrics: Sequence[str],
    ours: Sequence[str],
) -> str:
    methods: dict[str, list[Cell]] = {}
    for cell in cells:
        methods.setdefault(cell.method, []).append(cell)
    main = metrics[0]
    known = [m for m, found in methods.items() if all(c.has_users for c in found)]
    baselines = [m for m in methods if m.partition(":")[0] not in ours] or [*methods]
    testable = [m for m in baselines if m in known] or known or baselines

    def score(method: str, on: str) -> float:
        return mean(cell.plain[on][main] or 0.0 for cell in methods[method])

    reference = max(testable, key=lambda method: score(method, "valid"))
    parts = [f"## {name[0]}, {name[1]} split"]
    if len(cells) > 1:
        parts += _tests_markdown(methods, known, metrics, reference)
    parts.append(
        f"The reference {reference} is the best baseline in validation {main}"
        + ("." if len(known) in (0, len(methods)) else " that can be tested.")
    )
    first = max(baselines, key=lambda method: score(method, "valid"))
    if score(first, "valid") > score(reference, "valid"):
        parts.append(f"In validation {main} {first} is better, but it is not tested.")
    best = max(baselines, key=lambda method: score(method, "test"))
    if best != reference:
        parts.append(f"In test {main} the best baseline is another one: {best}.")
    parts.append(_beyond_markdown(methods, root, main.partition("@")[2]))
    return "\n\n".join(parts)


def _tests_markdown(
    methods: dict[str, list[Cell]],
    known: Sequence[str],
    metrics: Sequence[str],
    reference: str,
) -> list[str]:
    """Write the table of the means and what they show, and its notes."""
    found = Comparison([], reference, 0.05, [])
    cells = [cell for method in known for cell in methods[method]]
    if len(cells) > 1:
        found = compare([cell.run() for cell in cells], metrics, reference)
    header, tested = found.table()
    rows = []
    for metric in metrics:
        rows += [row for row in tested if row[0] == metric]
        others = [
            _untested(metric, method, methods, reference)
            for method in methods
            if method not in known or not tested
        ]
        rows += sorted(others, key=lambda row: (row[1] != reference, -row[3]))
    notes = list(found.notes)
    if len(known) < len(methods):
        notes.append(
            "Methods without values per user ran in a program that prints means of "
            "four decimals alone: nothing is said of whether they differ."
        )
    return [markdown_table(rows, header), *notes]


def _untested(
    metric: str, method: str, methods: dict[str, list[Cell]], reference: str
) -> list[Any]:
    """Return the row of a method that cannot be tested, in the order of the header."""
    means = [
        [cell.plain["test"][metric] for cell in methods[name]]
        for name in (method, reference)
    ]
    verdict, difference = "reference", None
    if method != reference:
        verdict = "nothing to test it against"
        difference = mean(means[0]) - mean(means[1])
    if not all(cell.has_users for cell in methods[method]):
        verdict = "no values per user: not tested"
    spread = stdev(means[0]) if len(means[0]) > 1 else None
    numbers = [len(means[0]), mean(means[0]), None, spread, difference]
    return [metric, method, *numbers, None, None, None, verdict]


def _beyond_markdown(methods: dict[str, list[Cell]], root: Path, k: str) -> str:
    keys = [f"{name}@{k}" for name in ("coverage", "gini", "novelty", "cold_recall")]
    header = [
        "method",
        *keys,
        "s/epoch",
        "parameters",
        "with gradient",
        "tuned",
        "seeds",
    ]
    rows = []
    for method, cells in methods.items():
        values: list[float | None] = []
        for key in keys:
            known = [c.plain["test"].get(key) for c in cells]
            known = [value for value in known if value is not None]
            values.append(mean(known) if known else None)
        seconds = [cell.seconds_per_epoch for cell in cells]
        first = cells[0].plain
        tuned = first.get("setting") or {}
        links = [
            f"[{cell.plain['seed']}]({cell.path.relative_to(root).as_posix()})"
            for cell in cells
        ]
        rows.append(
            [
                method,
                *values,
                f"{mean(seconds):.3g}",
                first["parameters"],
                first["parameters_with_gradient"],
                ", ".join(f"{n}={_short(v)}" for n, v in tuned.items()) or "published",
                " ".join(links),
            ]
        )
    return markdown_table(rows, header)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
