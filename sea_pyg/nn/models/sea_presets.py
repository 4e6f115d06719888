"""Settings of SEA that have a name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

ROLES = ("text", "image")
"""The released code's modalities, the one that is aligned to the other first."""


def released_arguments(modalities: Sequence[str]) -> dict[str, Any]:
    """Return the arguments that reproduce the released code's behaviour.

    Args:
        modalities: The modality in the role of its text, and that of its image.

    Raises:
        ValueError: If there are not two modalities.
    """
    if len(modalities) != 2:
        raise ValueError(
            "the released behaviour is that of two modalities, text's role first (got "
            f"{', '.join(modalities) or 'none'}); choose two"
        )
    query, key = modalities
    return {
        "log_base": 2.0,
        "alignment_pairs": [(query, key)],
        "item_graph_weights": {key: 0.1, query: 0.9},
        "shared_estimator": True,
        "fit_on": "cross",
        "standardize": False,
        "distance": "club",
        "distance_kwargs": {
            "hidden_channels": 8,
            "num_negatives": "sampled",
            "log_variance": "tanh",
            "clamp": True,
            "scale": 0.5,
        },
        "split_on": "features",
        "stale_evaluation": True,
    }


def released_of_graph(modalities: Sequence[str]) -> dict[str, Any]:
    """Return those of :func:`released_arguments` for the modalities of a graph.

    Text and image are known by their names, in any order; of others, the first one has
    the role of the text.
    """
    return released_arguments(ROLES if set(modalities) == set(ROLES) else modalities)


def fast_arguments(modalities: Sequence[str] = ()) -> dict[str, Any]:
    """Return the arguments of the model whose training step is cheapest.

    The linear Gaussian q needs no inner steps. Any modalities will do.
    """
    return {
        "collapsed": True,
        "separate_items": "batch",
        "distance_kwargs": {"conditional": "linear"},
    }


def tuned_arguments(modalities: Sequence[str] = ()) -> dict[str, Any]:
    """Return those of ``fast`` with all that raised the ranking in validation.

    An id embedding, the softmax over items of the batch, and in the score walks and
    half of the correction for how those items are sampled.
    """
    return {
        **fast_arguments(modalities),
        "id_embedding": True,
        "ranking_loss": "softmax",
        "ranking_temperature": 0.2,
        "ranking_candidates": 1536,
        "sampling_correction": 0.5,
        "walk_weight": 12.0,
    }


PRESETS: Mapping[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "fast": fast_arguments,
    "released": released_of_graph,
    "tuned": tuned_arguments,
}
"""What makes a preset's arguments from the names of the modalities, in order."""
