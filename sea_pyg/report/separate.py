"""What separate learning adds to other models."""

from collections.abc import Sequence
from statistics import mean
from typing import Any, NamedTuple

from sea_pyg.evaluation import ComparisonRow, compare, holm
from sea_pyg.report.cell import Cell

SEPARATE = "+separate"
"""How the name of a method with separate learning attached ends."""


class SeparateComparison(NamedTuple):
    """Models with separate learning attached, each against itself without."""

    rows: list[tuple[ComparisonRow, ComparisonRow]]
    """The row without and the row with it, model by model; p-values are corrected over
    all models."""
    notes: list[str]
    """Sentences that have to be said with the table."""

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return the header and the cells of a table for people."""
        header = ["model", "metric", "seeds", "without", "std over seeds", "with"]
        header += ["std over seeds", "difference", "p", "p (Holm)", "verdict"]
        rows = [
            [
                without.method,
                without.metric,
                min(without.num_runs, added.num_runs),
                without.mean,
                without.seed_std,
                added.mean,
                added.seed_std,
                added.difference,
                added.p_value,
                added.p_holm,
                added.verdict,
            ]
            for without, added in self.rows
        ]
        return header, rows


def backbone_of(method: str) -> tuple[str, bool]:
    """Part a method's name: what it is without separate learning, and whether it has.

    ``FREEDOM+separate`` is ``("FREEDOM", True)``.
    """
    return method.removesuffix(SEPARATE), method.endswith(SEPARATE)


def separate_comparison(
    cells: Sequence[Cell], metric: str, level: float = 0.05
) -> SeparateComparison | None:
    """Test every model that was trained with and without separate learning.

    Args:
        cells: The cells of one data set and split.
        metric: A metric with values of every user.
        level: Family-wise error rate over all models. (default: :obj:`0.05`)

    Returns:
        The comparison, or ``None`` if there is no such model.
    """
    methods: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.has_users:
            methods.setdefault(cell.method, []).append(cell)
    pairs: list[tuple[ComparisonRow, ComparisonRow]] = []
    for method, added in methods.items():
        backbone, separate = backbone_of(method)
        if separate and backbone in methods:
            runs = [cell.run() for cell in methods[backbone] + added]
            without, found = compare(
                runs, (metric,), backbone, level, num_resamples=0
            ).rows
            pairs.append((without, found))
    if not pairs:
        return None
    adjusted = holm([row.p_value or 0.0 for _, row in pairs])
    pairs = [
        (without, row.corrected(p, level))
        for (without, row), p in zip(pairs, adjusted, strict=True)
    ]
    verdicts = [row.verdict for _, row in pairs]
    better, worse, neither = (
        verdicts.count(verdict)
        for verdict in ("better", "worse", "no difference shown")
    )
    average = mean(row.difference or 0.0 for _, row in pairs)
    models = "model" if len(pairs) == 1 else "models"
    untold = len(pairs) - better - worse - neither
    rest = f", and {untold} with too few seeds to tell" if untold else ""
    note = (
        f"Of {len(pairs)} {models}, separate learning makes {better} better and "
        f"{worse} worse; no difference is shown for {neither}{rest}. The "
        f"mean difference of {metric} is {average:+.4f}."
    )
    notes = [note]
    made = {
        method: {cell.plain["environment"].get("code") for cell in found}
        for method, found in methods.items()
    }
    names = [row.method for _, row in pairs]
    if mixed := [
        backbone
        for method in names
        if len(made[backbone := backbone_of(method)[0]] | made[method]) > 1
    ]:
        notes.append(
            "Not all trained by one version of the library with and without, which can "
            f"make a difference, too: {', '.join(mixed)}."
        )
    if few := [row.method for _, row in pairs if row.scope == "runs"]:
        notes.append(f"Too few seeds to claim anything of: {', '.join(few)}.")
    return SeparateComparison(pairs, notes)
