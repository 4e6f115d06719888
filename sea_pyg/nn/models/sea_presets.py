"""Settings of SEA that have a name."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sea_pyg.nn.models.recommender import Recommender

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on


ROLES = ("text", "image")
"""The released code's modalities, the one that is aligned to the other first."""


def released_arguments(*modalities: str) -> dict[str, Any]:
    """Return the arguments that reproduce the released code's behaviour.

    Args:
        *modalities: The modality in the role of its text, and that of its image; the
            text's and the image's own names are known in any order.

    Raises:
        ValueError: If there are not two modalities.
    """
    if len(modalities) != 2:
        raise ValueError(
            "the released behaviour is that of two modalities, text's role first (got "
            f"{', '.join(modalities) or 'none'}); choose two"
        )
    query, key = modalities if set(modalities) != set(ROLES) else ROLES
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


PRESETS: dict[str, Callable[..., dict[str, Any]]] = {
    "fast": lambda *_: fast_arguments(),
    "released": released_arguments,
    "tuned": lambda *_: tuned_arguments(),
}
"""What makes a preset's arguments from the names of the modalities."""


class SEAPresets(Recommender):
    """The part of :class:`~sea_pyg.nn.models.SEA` that knows its presets."""

    presets: ClassVar[tuple[str, ...]] = tuple(PRESETS)
    chosen_on: ClassVar[dict[str, tuple[str, ...]]] = {"tuned": ("lfm2k", "sports")}

    @classmethod
    def preset_arguments(cls, name: str, modalities: Sequence[str]) -> dict[str, Any]:
        """Return the constructor's arguments of a preset.

        :obj:`"released"` sets every switch as the released code has it, with ``text``
        and ``image`` in their own roles, and of others the first modality in the role
        of its text and the second in that of its image.
        :obj:`"fast"` collapses the projection, separates the items of the batch, and
        takes the linear Gaussian q, which needs no inner steps. :obj:`"tuned"` is that
        with an id embedding, trained with the softmax over items of the batch, and with
        walks and the correction for sampling in the score.

        Args:
            name: One of :attr:`presets`.
            modalities: The item modalities, in order.

        Raises:
            ValueError: If there is no such preset, or the modalities do not fit it.
        """
        if name not in PRESETS:
            return super().preset_arguments(name, modalities)
        return PRESETS[name](*modalities)

    @classmethod
    def released(
        cls,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        query: str = "text",
        key: str = "image",
        **kwargs: Any,
    ) -> "Self":
        """Build the model with the released code's behaviour.

        Args:
            num_users: Number of users.
            num_items: Number of items.
            in_channels: Width of both modalities, by name.
            query: The modality in the role of its text.
            key: The modality in the role of its image.
            **kwargs: Further arguments, which take precedence.
        """
        arguments = {**released_arguments(query, key), **kwargs}
        return cls(num_users, num_items, in_channels, **arguments)

    @classmethod
    def tuned(
        cls,
        num_users: int,
        num_items: int,
        in_channels: Mapping[str, int],
        **kwargs: Any,
    ) -> "Self":
        """Build the model with the settings that ranked best on validation data.

        Args:
            num_users: Number of users.
            num_items: Number of items.
            in_channels: Width of every modality, by name.
            **kwargs: Further arguments, which take precedence.
        """
        arguments = {**tuned_arguments(), **kwargs}
        return cls(num_users, num_items, in_channels, **arguments)
