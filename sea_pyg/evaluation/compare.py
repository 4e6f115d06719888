"""Comparison of methods by the per-user values of their runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sea_pyg.evaluation.comparison import Comparison, ComparisonRow, Scope
from sea_pyg.evaluation.comparison_notes import MIN_SEEDS, comparison_notes
from sea_pyg.evaluation.resampling import bootstrap_intervals, permutation_test
from sea_pyg.evaluation.result import EvaluationResult
from sea_pyg.evaluation.run import Run
from sea_pyg.evaluation.significance import holm, seed_test
from sea_pyg.utils import closest


def compare(
    runs: Sequence[Run],
    metrics: Sequence[str] = ("recall@20",),
    reference: str | None = None,
    level: float = 0.05,
    num_permutations: int = 10_000,
    num_resamples: int = 2000,
) -> Comparison:
    """Test methods against a reference, user by user, with their seeds in view.

    Runs of one method are never tested against each other: they differ by their seed,
    and that is what they show. Two methods are compared by

    * a paired sign-flip test over users of the values averaged over seeds, and,
    * if each has three seeds or more (or does not depend on the seed), by
      :func:`~sea_pyg.evaluation.significance.seed_test`, which counts the spread
      between seeds as well; both have to agree. Otherwise the test speaks of these
      trained models only, ``scope`` says so, and no method is called better.

    All p-values of a call are corrected together.

    Args:
        runs: The runs, evaluated on the same labels.
        metrics: Names of metrics with per-user values, *e.g.* ``recall@20``.
            (default: :obj:`("recall@20",)`)
        reference: The method to test against; that of the first run by default, so
            that it is not chosen by its result.
        level: Family-wise error rate; the intervals cover ``1 - level``.
            (default: :obj:`0.05`)
        num_permutations: Number of random sign patterns. (default: :obj:`10_000`)
        num_resamples: Number of bootstrap resamples for the intervals; none if
            :obj:`0`. (default: :obj:`2000`)

    Raises:
        ValueError: If there are fewer than two runs, they were evaluated on other
            users, labels or excluded items, a method has the same seed twice, or a
            metric or the reference is unknown.
        ImportError: If scipy is not installed and methods have several seeds, or do
            not depend on it.
    """
    _check_runs(runs)
    metrics = _names(metrics)
    if not metrics:
        raise ValueError("compare needs at least one metric, e.g. recall@20 (got none)")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1 (got {level})")
    methods: dict[str, list[Run]] = {}
    for run in runs:
        methods.setdefault(run.method, []).append(run)
    if reference is None:
        reference = runs[0].method
    if reference not in methods:
        raise ValueError(
            f"no run is of the reference {reference!r}; {closest(reference, methods)}"
        )
    rows: list[ComparisonRow] = []
    for metric in metrics:
        values = _values(methods, metric)
        described = _describe(methods, metric, values, level, num_resamples)
        base = values.pop(reference)
        others = []
        for method, value in values.items():
            pair = (methods[method], methods[reference])
            row = described[method]
            others.append(_test(row, pair, value, base, num_permutations))
        rows += [described[reference], *sorted(others, key=lambda row: -row.mean)]
    tested = [i for i, row in enumerate(rows) if row.p_value is not None]
    adjusted = holm([rows[i].p_value or 0.0 for i in tested])
    for i, p in zip(tested, adjusted, strict=True):
        rows[i] = rows[i].corrected(p, level)
    return Comparison(rows, reference, level, comparison_notes(rows, methods, metrics))


def summarize(
    runs: Sequence[Run],
    metrics: Sequence[str] = ("recall@20",),
    level: float = 0.05,
    num_resamples: int = 2000,
) -> list[ComparisonRow]:
    """Return mean and interval of every method, and test nothing.

    Args:
        runs: The runs, one or more, of methods that are looked at one by one.
        metrics: Names of metrics with per-user values, *e.g.* ``recall@20``.
            (default: :obj:`("recall@20",)`)
        level: The intervals cover ``1 - level``. (default: :obj:`0.05`)
        num_resamples: Number of bootstrap resamples for the intervals; none if
            :obj:`0`. (default: :obj:`2000`)

    Raises:
        ValueError: If a metric is unknown.
    """
    methods: dict[str, list[Run]] = {}
    for run in runs:
        methods.setdefault(run.method, []).append(run)
    rows = []
    for metric in _names(metrics):
        for method, found in methods.items():
            values = _values({method: found}, metric)
            (row,) = _describe(methods, metric, values, level, num_resamples).values()
            rows.append(row._replace(scope="untested"))
    return rows


def label_methods(settings: Sequence[Mapping[str, Any]], base: str) -> list[str]:
    """Name runs by what they do not share, so that runs of one method share a name.

    Args:
        settings: Everything about each run but its seed; mappings may be nested.
        base: The key whose value always stands in the name, *e.g.* ``'model'``.

    Raises:
        ValueError: If a run has no ``base``.
    """
    flat = [_flatten(setting) for setting in settings]
    for setting in flat:
        if base not in setting:
            raise ValueError(f"every run needs a {base!r} (got {sorted(setting)})")
    groups: dict[Any, list[dict[str, Any]]] = {}
    for setting in flat:
        groups.setdefault(setting[base], []).append(setting)
    names = []
    for setting in flat:
        # A run is told from the others of its kind only.
        alike = groups[setting[base]]
        keys = sorted({key for other in alike for key in other})
        differing = [k for k in keys if any(o.get(k) != setting.get(k) for o in alike)]
        parts = [f"{key}={setting.get(key)}" for key in differing]
        names.append(" ".join([str(setting[base]), *parts]))
    return names


def _flatten(setting: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in setting.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _names(metrics: Sequence[str]) -> list[str]:
    """Return every metric once; one may stand alone."""
    return list(dict.fromkeys([metrics] if isinstance(metrics, str) else metrics))


def _check_runs(runs: Sequence[Run]) -> None:
    if len(runs) < 2:
        raise ValueError(f"a comparison needs at least two runs (got {len(runs)})")
    first = runs[0].result
    for run in runs:
        if not _comparable(run.result, first):
            raise ValueError(
                f"the run of {run.method!r} with seed {run.seed} was evaluated on "
                f"other users, labels or excluded items than {runs[0].method!r} with "
                f"seed {runs[0].seed}; compare runs on one split and one protocol"
            )
    twice = [
        key for key, n in Counter((r.method, r.seed) for r in runs).items() if n > 1
    ]
    if twice:
        raise ValueError(
            f"{twice[0][0]!r} with seed {twice[0][1]} is named more than once; name "
            "every run once, and one run per seed of a method"
        )


def _comparable(one: EvaluationResult, other: EvaluationResult) -> bool:
    """Tell whether two results are of the same users, labels and excluded items."""
    return (
        one.fingerprint == other.fingerprint
        and (one.exclude, one.num_items) == (other.exclude, other.num_items)
        and torch.equal(one.user_index, other.user_index)
        and torch.equal(one.num_labels, other.num_labels)
    )


def _check_cold(runs: Sequence[Run], metric: str) -> None:
    """Check that cold items are the same ones in all runs."""
    if not metric.startswith("cold_recall"):
        return
    found = (run.result.cold_degree for run in runs)
    degrees = {degree for degree in found if degree is not None}
    if len(degrees) > 1:
        raise ValueError(
            f"{metric!r} is of items with fewer than "
            f"{' and '.join(map(str, sorted(degrees)))} training edges in the runs; "
            "evaluate all with one cold_degree"
        )


def _values(methods: Mapping[str, list[Run]], metric: str) -> dict[str, Tensor]:
    """Return every method's values, a row per run and a column per user that counts."""
    values = {}
    _check_cold([run for runs in methods.values() for run in runs], metric)
    for method, runs in methods.items():
        for run in runs:
            if metric not in run.result.per_user:
                raise ValueError(
                    f"the run of {method!r} with seed {run.seed} has no per-user "
                    f"values of {metric!r}; {closest(metric, run.result.per_user)}"
                )
        stacked = [run.result.per_user[metric].double() for run in runs]
        values[method] = torch.stack(stacked)
    counts = ~torch.cat(list(values.values())).isnan().any(dim=0)
    if not counts.any():
        raise ValueError(f"no user counts under {metric!r} in all of the runs")
    return {method: value[:, counts] for method, value in values.items()}


def _describe(
    methods: Mapping[str, list[Run]],
    metric: str,
    values: Mapping[str, Tensor],
    level: float,
    num_resamples: int,
) -> dict[str, ComparisonRow]:
    """Return a row of mean, interval and spread for every method of ``values``."""
    ends: list[tuple[float, float]] | list[tuple[None, None]]
    ends = [(None, None)] * len(values)
    if num_resamples != 0:
        averages = torch.stack([value.mean(dim=0) for value in values.values()])
        ends = bootstrap_intervals(averages, 1 - level, num_resamples)
    return {
        method: ComparisonRow(
            method=methods[method][0].method,
            metric=metric,
            num_runs=value.size(0),
            mean=float(value.mean()),
            ci_low=low,
            ci_high=high,
            seed_std=float(value.mean(dim=1).std()) if value.size(0) > 1 else None,
            scope="reference",
        )
        for (method, value), (low, high) in zip(values.items(), ends, strict=True)
    }


def _test(
    row: ComparisonRow,
    pair: tuple[Sequence[Run], Sequence[Run]],
    value: Tensor,
    base: Tensor,
    num_permutations: int,
) -> ComparisonRow:
    fixed = (pair[0][0].deterministic, pair[1][0].deterministic)
    average, base_average = value.mean(dim=0), base.mean(dim=0)
    p_users = permutation_test(average, base_average, num_permutations)
    p_value = p_users
    scope: Scope = "runs"
    enough = all(
        is_fixed or len(runs) >= MIN_SEEDS
        for is_fixed, runs in zip(fixed, pair, strict=True)
    )
    if enough and value.size(1) > 1:
        p_value = max(p_users, seed_test(value, base, fixed).p_value)
        scope = "methods"
    return row._replace(
        scope=scope,
        difference=float((average - base_average).mean()),
        p_users=p_users,
        p_value=p_value,
    )
