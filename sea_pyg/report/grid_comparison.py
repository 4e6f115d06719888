"""What the methods of a grid are tested for."""

from collections.abc import Sequence
from statistics import mean, stdev

from sea_pyg.evaluation import Comparison, ComparisonRow, compare, summarize
from sea_pyg.report.cell import Cell
from sea_pyg.report.separate import backbone_of

LEVEL = 0.05


def is_ours(method: str, ours: Sequence[str]) -> bool:
    """Whether a method is no baseline.

    It is one of ours, has separate learning, or is of another package.
    """
    backbone, separate = backbone_of(method)
    model = backbone.partition(":")[0]
    return separate or model in ours or "." in model


def compare_methods(
    methods: dict[str, list[Cell]],
    known: Sequence[str],
    metrics: Sequence[str],
    reference: str,
) -> Comparison:
    """Test what can be tested, and put the means of the others beside it.

    Args:
        methods: The cells of every method.
        known: The methods that have values of every user.
        metrics: What is compared.
        reference: The method that the others are tested against.
    """
    runs = [cell.run() for method in known for cell in methods[method]]
    if len(runs) > 1:
        found = compare(runs, metrics, reference)
    else:
        alone = [row._replace(scope="reference") for row in summarize(runs, metrics)]
        found = Comparison(alone, reference, LEVEL, [])
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


def compare_against(
    best: str,
    methods: dict[str, list[Cell]],
    known: Sequence[str],
    metrics: Sequence[str],
    ours: tuple[str, ...],
) -> list[ComparisonRow]:
    """Test ours against a baseline that the test data itself has chosen.

    Args:
        best: The baseline.
        methods: The cells of every method.
        known: The methods that have values of every user.
        metrics: What is compared.
        ours: Models that are no baselines.
    """
    chosen = [m for m in known if m == best or is_ours(m, ours)]
    cells = [cell for method in chosen for cell in methods[method]]
    if best not in chosen or len(chosen) < 2:
        return []
    runs = [cell.run() for cell in cells]
    rows = compare(runs, metrics, best, num_resamples=0).rows
    return [row for row in rows if row.scope != "reference"]


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
