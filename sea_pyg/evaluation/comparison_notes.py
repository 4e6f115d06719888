"""What has to be said with a comparison."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from sea_pyg.evaluation.comparison import ComparisonRow
from sea_pyg.evaluation.run import Run

MIN_SEEDS = 3
"""Seeds that a method needs to be compared as such: two show too little of the spread
(at 0.002, where a correction for many tests begins, 0.004 of equal methods differ)."""


def comparison_notes(
    rows: Sequence[ComparisonRow],
    methods: Mapping[str, list[Run]],
    metrics: Sequence[str],
) -> list[str]:
    """Return sentences on what the numbers do and do not show.

    Args:
        rows: The rows of the comparison.
        methods: The runs of every method.
        metrics: The metrics that are compared.
    """
    runs = [run for found in methods.values() for run in found]
    return [
        *_notes_on_seeds(rows, methods),
        *_notes_on_copies(methods, metrics),
        *_notes_on_protocol(runs, metrics),
    ]


def _notes_on_seeds(
    rows: Sequence[ComparisonRow], methods: Mapping[str, list[Run]]
) -> list[str]:
    notes = []
    if len(methods) == 1:
        notes.append(
            "All runs are of one method and differ by their seed alone: the spread "
            "over seeds is theirs, and there is nothing to test."
        )
    if any(row.scope == "runs" for row in rows):
        notes.append(
            f"Where a method has fewer than {MIN_SEEDS} seeds, the test speaks of "
            "these trained models, and nothing is claimed of the methods; train "
            "further seeds to compare methods."
        )
    return notes


def _notes_on_protocol(runs: Sequence[Run], metrics: Sequence[str]) -> list[str]:
    notes = []
    if not runs[0].result.fingerprint:
        notes.append(
            "The results have no fingerprint: whether labels and excluded items were "
            "the same is not known."
        )
    for metric in metrics:
        counts = torch.stack([~run.result.per_user[metric].isnan() for run in runs])
        left_out = int((counts.any(dim=0) & ~counts.all(dim=0)).sum())
        if left_out > 0:
            notes.append(
                f"{left_out} users count under {metric} in some runs only; they are "
                "left out of all, so that means differ from those of a run alone."
            )
    return notes


def _notes_on_copies(
    methods: Mapping[str, list[Run]], metrics: Sequence[str]
) -> list[str]:
    return [
        f"The runs of {method} with seeds {one.seed} and {other.seed} have the same "
        "value for every user: if one is a copy of the other, the spread over seeds is "
        "larger than it seems."
        for method, runs in methods.items()
        for one, other in combinations(runs, 2)
        if not one.deterministic
        and all(
            _same(one.result.per_user[name], other.result.per_user[name])
            for name in metrics
        )
    ]


def _same(one: Tensor, other: Tensor) -> bool:
    """Tell whether all values are the same, those of users that do not count too."""
    return torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)
