"""Tables of a grid's cells."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from sea_pyg.evaluation import EvaluationResult, Run, compare
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

    def run(self) -> Run:
        """Read the values of every user."""
        result = EvaluationResult.load(self.path.with_name(self.plain["per_user"]))
        fixed = bool(self.plain["deterministic"])
        return Run(self.method, self.plain["seed"], result, fixed)


def load_cell(path: str | Path) -> Cell:
    """Read one finished cell.

    Args:
        path: Its JSON file.

    Raises:
        ValueError: If a file of it is missing or damaged.
    """
    path = Path(path)
    time = path.with_suffix(".time.json")
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        seconds = json.loads(time.read_text(encoding="utf-8"))["seconds_per_epoch"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"{str(path)!r} is damaged or incomplete ({error}); delete it and run "
            "the grid again"
        ) from error
    return Cell(path, plain, seconds)


def load_cells(folder: str | Path) -> list[Cell]:
    """Read all finished cells below a folder.

    Raises:
        ValueError: If there is none, or a file is damaged.
    """
    paths = sorted(Path(folder).rglob("seed-*.json"))
    cells = [load_cell(path) for path in paths if not path.name.endswith(".time.json")]
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
    chooses on validation data: the test data has no part in it.

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
    baselines = [m for m in methods if m.partition(":")[0] not in ours] or [*methods]

    def score(method: str, on: str) -> float:
        return mean(cell.plain[on][main] or 0.0 for cell in methods[method])

    reference = max(baselines, key=lambda method: score(method, "valid"))
    parts = [f"## {name[0]}, {name[1]} split"]
    if len(cells) > 1:
        found = compare([cell.run() for cell in cells], metrics, reference)
        header, rows = found.table()
        parts += [markdown_table(rows, header), *found.notes]
    parts.append(
        f"The reference {reference} is the best baseline in validation {main}."
    )
    best = max(baselines, key=lambda method: score(method, "test"))
    if best != reference:
        parts.append(f"In test {main} the best baseline is another one: {best}.")
    parts.append(_beyond_markdown(methods, root, main.partition("@")[2]))
    return "\n\n".join(parts)


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
            known = [c.plain["test"][key] for c in cells]
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
