"""The marks of our splits on graphs that were split elsewhere."""

import copy

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.transforms.interaction_split import NAMES, edges_between, warn_of_copies
from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import (
    check_interactions,
    count_common,
    make_split_id,
    pair_digest,
    positive_labels,
)


def mark_splits(
    train: HeteroData,
    val: HeteroData,
    test: HeteroData,
    edge_type: EdgeType = RATES,
) -> tuple[HeteroData, HeteroData, HeteroData]:
    """Mark three graphs as training, validation and test of one split.

    For splits that were made elsewhere, say, by
    :class:`~torch_geometric.transforms.RandomLinkSplit`, and for ours whose pairs were
    changed on purpose. Training and evaluation then refuse to mix them with other
    graphs.

    Args:
        train: The training graph.
        val: The validation graph, with the training edges as ``edge_index``.
        test: The test graph; its ``edge_index`` may hold other edges too.
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)

    Returns:
        Copies with ``split`` and ``split_id``, as
        :class:`~sea_pyg.transforms.InteractionSplit` writes them.

    Raises:
        ValueError: If the interactions are malformed, validation or test has no
            ``edge_label_index``, two of the three parts have a pair in common,
            validation has other edges than training, test has labels among its edges,
            or training or validation has all that is held out under another type.

    Warns:
        UserWarning: If they have some of it under another type.
    """
    graphs = (train, val, test)
    for data in graphs:
        check_interactions(data, edge_type)
    edges: list[Tensor] = [data[edge_type].edge_index for data in graphs]
    parts = [edges[0], _labels(val, "val", edge_type), _labels(test, "test", edge_type)]
    for first, second in ((1, 0), (2, 0), (2, 1)):
        _check_apart(
            parts[first],
            parts[second],
            f"{NAMES[first]} and {NAMES[second]} of {edge_type!r}",
        )
    _check_apart(parts[2], edges[2], f"edge_label_index and edge_index of {NAMES[2]}")
    if pair_digest(edges[1]) != pair_digest(edges[0]):
        raise ValueError(
            f"the validation graph's edge_index of {edge_type!r} must hold the "
            f"training edges (got {edges[1].size(1)} edges, and {edges[0].size(1)} in "
            "training)"
        )
    held_out = torch.cat(parts[1:], dim=1)
    for name, data in zip(NAMES, graphs[:2], strict=False):
        for other, found in edges_between(data, edge_type):
            if count_common(held_out, found) == held_out.size(1):
                raise ValueError(
                    f"{other!r} of the {name} graph holds all interactions of "
                    f"{edge_type!r} that are held out; leave them out there, as "
                    "RandomLinkSplit does of its rev_edge_types"
                )
        warn_of_copies(data, held_out, edge_type, stacklevel=3)
    split_id = make_split_id(*parts)

    def mark(number: int) -> HeteroData:
        out = copy.copy(graphs[number])
        out.split = NAMES[number]
        out[edge_type].split_id = split_id
        return out

    return mark(0), mark(1), mark(2)


def _labels(data: HeteroData, name: str, edge_type: EdgeType) -> Tensor:
    labels = positive_labels(data[edge_type])
    if labels is None or labels.size(1) == 0:
        raise ValueError(
            f"the {name} graph has no edge_label_index of type {edge_type!r}: set it "
            "to the interactions that are to be ranked"
        )
    return labels


def _check_apart(first: Tensor, second: Tensor, what: str) -> None:
    common = count_common(first, second)
    if common:
        raise ValueError(
            f"{what} must have no pair in common (got {common} of {first.size(1)}); "
            "leave them out of one"
        )
