"""The pairs that an evaluation looks for, and those that it leaves out."""

import warnings

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.typing import EdgeType
from sea_pyg.utils import EdgeMembership, closest, count_common, positive_labels


def _checked(edge_index: Tensor, what: str, sizes: tuple[int, int]) -> EdgeMembership:
    """Check and index pairs; duplicates are merged, so that none counts twice."""
    if edge_index.numel() > 0:
        low, high = edge_index.min(dim=1).values, edge_index.max(dim=1).values
        for side, kind in enumerate(("user", "item")):
            if low[side] < 0 or high[side] >= sizes[side]:
                wrong = int(low[side] if low[side] < 0 else high[side])
                raise ValueError(
                    f"{what} names {kind} {wrong}, but {kind}s go from 0 to "
                    f"{sizes[side] - 1}"
                )
    return EdgeMembership(edge_index, *sizes)


def _label_index(data: HeteroData, edge_type: EdgeType, what: str) -> Tensor:
    index = positive_labels(data[edge_type])
    if index is None:
        raise ValueError(
            f"the {what} graph has no edge_label_index of type {edge_type!r}; take one "
            "of the graphs that a split returns"
        )
    return index


def labelled_pairs(
    data: HeteroData, edge_type: EdgeType, sizes: tuple[int, int]
) -> EdgeMembership:
    """Return the pairs that are to be found.

    Args:
        data: The evaluated graph.
        edge_type: The user-item edge type.
        sizes: Numbers of users and items.

    Raises:
        ValueError: If there are none, or a node does not exist.
    """
    index = _label_index(data, edge_type, "evaluated")
    if index.numel() == 0:
        raise ValueError(
            f"edge_label_index of type {edge_type!r} is empty: there is nothing to "
            "find; check the split"
        )
    return _checked(index, "edge_label_index", sizes)


def excluded_pairs(
    data: HeteroData,
    exclude: str,
    val: HeteroData | None,
    edge_type: EdgeType,
    sizes: tuple[int, int],
    train: EdgeMembership,
) -> EdgeMembership | None:
    """Return the pairs that are not ranked.

    Args:
        data: The evaluated graph.
        exclude: ``'train'``, ``'train+val'`` or ``'none'``.
        val: The validation graph, for ``'train+val'``.
        edge_type: The user-item edge type.
        sizes: Numbers of users and items.
        train: The edges of ``data``.

    Raises:
        ValueError: If ``exclude`` is another word, or ``val`` is missing or holds what
            is to be found.
    """
    if exclude == "none":
        return None
    if exclude == "train":
        return train
    if exclude != "train+val":
        options = ("train", "train+val", "none")
        raise ValueError(
            f"exclude must be one of {options} (got {exclude!r}); "
            f"{closest(str(exclude), options)}"
        )
    if val is None:
        raise ValueError(
            "exclude='train+val' needs the validation graph: pass val=..., the second "
            "graph that a split returns"
        )
    extra = _label_index(val, edge_type, "validation")
    common = count_common(_label_index(data, edge_type, "evaluated"), extra)
    if common:
        raise ValueError(
            f"{common} of the labels to be found are validation labels, which "
            "exclude='train+val' leaves out; evaluate the test graph so, and the "
            "validation graph with exclude='train'"
        )
    both = torch.cat([data[edge_type].edge_index, extra], dim=1)
    return _checked(both, "the validation graph's edge_label_index", sizes)


def check_reachable(
    labels: EdgeMembership, seen: EdgeMembership, edge_type: EdgeType
) -> None:
    """Tell of labels that no ranking can name, since they are left out of it.

    Raises:
        ValueError: If that is all of them.

    Warns:
        UserWarning: If it is some.
    """
    lost = int(torch.isin(labels.key, seen.key, assume_unique=True).sum())
    if lost == 0:
        return
    total = labels.key.numel()
    message = (
        f"{lost} of the {total} labels of type {edge_type!r} are edges of the graph, "
        "too, which are left out of the ranking, so that they cannot be found; "
        "edge_index must hold the training edges alone"
    )
    if lost == total:
        raise ValueError(f"{message}, or pass exclude='none'")
    warnings.warn(message, stacklevel=4)
