"""What an evaluation computes, from what it was asked for."""

import re
from collections.abc import Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

from sea_pyg.metrics import RankingMetric, ranking_classes
from sea_pyg.utils import closest

BEYOND_ACCURACY = ("coverage", "gini", "novelty", "cold_recall")
"""What ``beyond_accuracy=True`` adds."""

Metric: TypeAlias = str | type[RankingMetric] | RankingMetric
"""A name or a class, which are computed at every ``k``, or a metric at its own."""


class Measure(NamedTuple):
    """One number that an evaluation gives."""

    name: str
    """What is measured."""
    k: int
    """Length of the ranking that counts."""
    metric: RankingMetric | None
    """What computes it; ``None`` for what is beyond accuracy."""

    @property
    def key(self) -> str:
        """The name that results carry, like ``'recall@20'``."""
        return f"{self.name}@{self.k}"


def make_measures(
    metrics: Metric | Sequence[Metric],
    beyond_accuracy: bool,
    k: int | Sequence[int],
    num_items: int,
) -> list[Measure]:
    """Return what is to be computed, in the order asked for.

    Args:
        metrics: What is asked for.
        beyond_accuracy: Whether to add what goes beyond accuracy.
        k: Length or lengths of what has none of its own.
        num_items: The longest that is possible.

    Raises:
        ValueError: If a metric is unknown or weighted, two differ and have one name,
            there is none, or a length is not between 1 and ``num_items``.
    """
    if isinstance(metrics, str | type | RankingMetric):
        metrics = (metrics,)
    found: dict[str, tuple[object, Measure]] = {}
    for given in [*metrics, *(BEYOND_ACCURACY if beyond_accuracy else ())]:
        name, source = _resolve(given)
        own_k = source.k if isinstance(source, RankingMetric) else k
        for length in _lengths(own_k, num_items):
            measure = Measure(name, length, _make(source, length))
            # By identity: metrics are equal to everything.
            if found.setdefault(measure.key, (source, measure))[0] is not source:
                raise ValueError(
                    f"two metrics would be called {measure.key!r} in the result; "
                    "leave one out, or rename a class of your own"
                )
    if not found:
        raise ValueError(f"no metric was asked for; {_choices()}")
    return [measure for _, measure in found.values()]


def _resolve(
    metric: Metric,
) -> tuple[str, RankingMetric | type[RankingMetric] | None]:
    """Return a metric's name, and what computes it."""
    known = [*ranking_classes, *BEYOND_ACCURACY]
    if isinstance(metric, str):
        if metric not in known:
            raise ValueError(f"there is no metric {metric!r}; {closest(metric, known)}")
        return metric, ranking_classes.get(metric)
    cls = metric if isinstance(metric, type) else type(metric)
    if not issubclass(cls, RankingMetric) or cls is RankingMetric:
        raise ValueError(
            "a metric is a name, as 'recall', or of a class derived from RankingMetric "
            f"(got {metric!r}); {_choices()}"
        )
    if metric.weighted:
        raise ValueError(f"relevance is binary here: leave out weighted ({metric!r})")
    name = next((n for n, c in ranking_classes.items() if c is cls), None)
    if name is None:
        name = _snake_case(cls.__name__)
        if name in known:
            raise ValueError(
                f"{cls.__qualname__} would be called {name!r} in the result, as a "
                "metric of the library is; rename the class"
            )
    return name, metric


def _make(source: Any, k: int) -> RankingMetric | None:
    # A copy, since it may move to another device; of None for what has no class.
    made: RankingMetric | None = (
        source(k) if isinstance(source, type) else deepcopy(source)
    )
    return made


def _snake_case(name: str) -> str:
    words = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    return re.sub(words, "_", name).lower()


def _choices() -> str:
    return f"choose from {', '.join((*ranking_classes, *BEYOND_ACCURACY))}"


def _lengths(k: int | Sequence[int], num_items: int) -> list[int]:
    lengths = list(k) if isinstance(k, Sequence) else [k]
    if not lengths:
        raise ValueError("k must name at least one length (got none)")
    given: Sequence[object] = lengths
    for length in given:
        if isinstance(length, bool) or not isinstance(length, Integral):
            raise ValueError(f"k must be a whole number or several (got {length!r})")
        if not 1 <= int(length) <= num_items:
            raise ValueError(
                f"k must lie between 1 and the number of items {num_items} "
                f"(got {length}); choose a smaller k"
            )
    return sorted({int(length) for length in lengths})
