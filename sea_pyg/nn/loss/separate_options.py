"""The options of :class:`SeparateLearning`, checked."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from sea_pyg.nn.loss.distance_loss import DistanceLoss
from sea_pyg.nn.loss.orthogonal_loss import OrthogonalLoss
from sea_pyg.nn.mi import CLUB, VUB, L1Out
from sea_pyg.utils import check_choice, closest, import_object, import_path

Distance = str | Callable[..., torch.nn.Module]

DISTANCES: dict[str, Callable[..., torch.nn.Module]] = {
    "club": CLUB,
    "l1out": L1Out,
    "vub": VUB,
    "l2": DistanceLoss,
    "orthogonal": OrthogonalLoss,
}


def resolve_alignment_pairs(
    names: list[str], pairs: Sequence[tuple[str, str]] | None
) -> list[tuple[str, str]]:
    """Return the (query, key) pairs, every unordered pair once by default.

    Raises:
        ValueError: If a pair does not name two modalities, or stands there twice.
    """
    if pairs is None:
        return [(b, a) for i, a in enumerate(names) for b in names[i + 1 :]]
    for pair in pairs:
        if len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(
                f"an alignment pair must name two modalities (got {pair!r})"
            )
        for name in pair:
            if name not in names:
                raise ValueError(
                    f"unknown modality {name!r} in alignment_pairs; "
                    f"{closest(name, names)}"
                )
    found = [(query, key) for query, key in pairs]
    for pair in found:
        if found.count(pair) > 1:
            raise ValueError(f"alignment_pairs must differ (got {pair!r} twice)")
    return found


def distance_class(
    distance: Distance | None,
) -> Callable[..., torch.nn.Module] | None:
    """Return what makes the distance, or None if there is no loss.

    Raises:
        ValueError: If the distance is unknown.
    """
    if distance is None or distance == "subtraction":
        return None
    if isinstance(distance, torch.nn.Module):
        raise ValueError(
            "distance is made anew for every modality: give its name or class (got an "
            f"instance of {type(distance).__name__}), and its arguments by "
            "distance_kwargs"
        )
    if callable(distance):
        return distance
    if not isinstance(distance, str):
        raise ValueError(f"distance must be a name or a class (got {distance!r})")
    if "." in distance:
        found: Callable[..., torch.nn.Module] = import_object(distance)
        if not callable(found):
            raise ValueError(f"distance {distance!r} is no class (got {found!r})")
        return found
    if distance not in DISTANCES:
        options = [*DISTANCES, "subtraction"]
        raise ValueError(f"unknown distance {distance!r}; {closest(distance, options)}")
    return DISTANCES[distance]


def named_distance(arguments: dict[str, Any]) -> dict[str, Any]:
    """Put a text in place of the argument ``distance`` where one names it."""
    distance = arguments.get("distance")
    if not callable(distance):
        return arguments
    names = [name for name, known in DISTANCES.items() if distance is known]
    try:
        name = names[0] if names else import_path(distance)
    except ValueError:
        return arguments
    return arguments | {"distance": name}


def check_fit_on(
    fit_on: str, shared_estimator: bool, pairs: list[tuple[str, str]]
) -> None:
    """Check which pairs estimators learn from.

    Raises:
        ValueError: If the options do not go together.
    """
    check_choice(("own", "cross"), fit_on=fit_on)
    if fit_on == "cross" and not (shared_estimator and pairs):
        raise ValueError(
            "fit_on='cross' needs shared_estimator=True and at least one alignment "
            f"pair (got shared_estimator={shared_estimator}, {len(pairs)} pairs)"
        )
