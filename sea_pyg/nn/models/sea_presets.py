"""Settings of SEA that have a name."""

from typing import Any


def released_arguments(*modalities: str) -> dict[str, Any]:
    """Return the arguments that reproduce the released code's behaviour.

    Args:
        *modalities: The modality in the role of its text, and that of its image.

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


def fast_arguments() -> dict[str, Any]:
    """Return the arguments of the model whose training step is cheapest."""
    return {
        "collapsed": True,
        "separate_items": "batch",
        "distance_kwargs": {"conditional": "linear"},
    }


def tuned_arguments() -> dict[str, Any]:
    """Return those of ``fast`` with all that raised the ranking in validation.

    An id embedding, the softmax over items of the batch, and in the score walks and
    half of the correction for how those items are sampled.
    """
    return {
        **fast_arguments(),
        "id_embedding": True,
        "ranking_loss": "softmax",
        "ranking_temperature": 0.2,
        "ranking_candidates": 1536,
        "sampling_correction": 0.5,
        "walk_weight": 12.0,
    }
