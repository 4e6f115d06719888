"""Types that the whole library shares. This module imports nothing of ours."""

from typing import NamedTuple

from torch import Tensor
from torch_geometric.typing import Adj, EdgeType, OptTensor, PairTensor, Size

RATES: EdgeType = ("user", "rates", "item")
"""Default edge type of the user-item interactions."""

SIMILAR: EdgeType = ("item", "similar", "item")
"""Edge type of the frozen item-item graph (see ``ItemKNNGraph``)."""

CO_RATES: EdgeType = ("user", "co_rates", "user")
"""Edge type of the user co-occurrence graph (see ``UserCooccurrence``)."""

LEADS_TO: EdgeType = ("item", "leads_to", "item")
"""Edge type of the graph of items that walks lead to (see ``ItemWalkGraph``)."""


class Embeddings(NamedTuple):
    """Final user and item embeddings, whose dot product is the score."""

    user: Tensor
    """Shape :math:`[N_u, D]`."""
    item: Tensor
    """Shape :math:`[N_i, D]`."""


class Triplets(NamedTuple):
    """A training batch: users, a seen item and an unseen item of each."""

    user: Tensor
    """Shape :math:`[B]`, int64."""
    positive: Tensor
    """Shape :math:`[B]`, int64."""
    negative: Tensor
    """Shape :math:`[B]`, int64."""


class SplitFeatures(NamedTuple):
    """The generic and the unique part of one modality's item features."""

    generic: Tensor
    """Shape :math:`[N_i, C / 2]`."""
    unique: Tensor
    """Shape :math:`[N_i, C / 2]`."""


class Recommendations(NamedTuple):
    """Top-k items per user, best first."""

    item_index: Tensor
    """Shape :math:`[B, k]`, int64; -1 where a user has fewer than k candidates."""
    score: Tensor
    """Shape :math:`[B, k]`; ``-inf`` where ``item_index`` is -1."""


__all__ = [
    "CO_RATES",
    "LEADS_TO",
    "RATES",
    "SIMILAR",
    "Adj",
    "EdgeType",
    "Embeddings",
    "OptTensor",
    "PairTensor",
    "Recommendations",
    "Size",
    "SplitFeatures",
    "Triplets",
]
