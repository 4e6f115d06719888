"""Makes sure that graphs are parts of one split."""

import warnings
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage

from sea_pyg.training.refuse_test import refuse_test
from sea_pyg.typing import EdgeType
from sea_pyg.utils import (
    count_common,
    fits_split,
    get_split_id,
    make_split_id,
    pair_digest,
    positive_labels,
)


def check_splits(
    train: HeteroData, val: HeteroData, test: HeteroData | None = None
) -> None:
    """Check that graphs may serve together for training, selection and test.

    Graphs without a mark pass if they hold the same pairs as the marked ones. Where
    none is marked, the split is its maker's own: validation then must not ask for
    training edges.

    Args:
        train: The training graph.
        val: The validation graph.
        test: The test graph, if it is at hand; its marks alone are looked at.

    Raises:
        ValueError: If training or validation is a test graph, pairs are not those that
            the split gave, the graphs are of two splits, or validation labels are
            training edges.
    """
    refuse_test(train, "train")
    refuse_test(val, "val")
    for edge_type in val.edge_types:
        if edge_type in train.edge_types:
            _check_pair(train[edge_type], val[edge_type])
        if test is None or edge_type not in test.edge_types:
            continue
        ids = get_split_id(val[edge_type]), get_split_id(test[edge_type])
        if None not in ids and ids[0] != ids[1]:
            raise ValueError(_two_splits("val", "test", *ids))


def check_labels(val: HeteroData, edge_type: EdgeType) -> None:
    """Check that a model can be selected on a graph.

    Args:
        val: The validation graph.
        edge_type: The user-item edge type.

    Raises:
        ValueError: If it has no pairs to be ranked.
    """
    if edge_type not in val.edge_types or "edge_label_index" not in val[edge_type]:
        raise ValueError(
            f"val has no edge_label_index of type {edge_type!r}, the pairs to be "
            "ranked; split first, e.g. by train, val, test = RandomUserSplit()(data), "
            "or set it and mark three graphs of your own by "
            "sea_pyg.transforms.mark_splits(train, val, test)"
        )


def warn_of_features(names: Sequence[str], stacklevel: int) -> None:
    """Warn of :func:`differing_features`, if there are any."""
    if names:
        warnings.warn(
            f"{', '.join(names)} of train and val differ: the model is trained on one "
            "version and selected on another; change the graph before the split, or "
            "all three after it",
            stacklevel=stacklevel,
        )


def differing_features(
    train: HeteroData, val: HeteroData, names: Iterable[str], item_type: str
) -> list[str]:
    """Return the features and masks that a model would be selected on others of.

    Args:
        train: The training graph.
        val: The validation graph.
        names: The modalities that the model reads.
        item_type: The node type of the items.
    """
    ours, theirs = train[item_type], val[item_type]
    found = []
    for key in (f"{kind}_{name}" for name in names for kind in ("x", "mask")):
        one, other = ours.get(key), theirs.get(key)
        if one is None and other is None or one is other:
            continue
        if one is None or other is None or not _equal(one, other):
            found.append(key)
    return found


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    same = torch.isclose(one, other.to(one.device), rtol=0, atol=0, equal_nan=True)
    return bool(same.all())


def _check_pair(train: EdgeStorage, val: EdgeStorage) -> None:
    of_train, of_val = get_split_id(train), get_split_id(val)
    labels = positive_labels(val)
    if of_train is None and of_val is None:
        common = 0 if labels is None else count_common(labels, train.edge_index)
        if common:
            raise ValueError(
                f"{common} of {val.edge_label_index.size(1)} validation labels of "
                f"{val._key!r} are training edges, which are never ranked: take them "
                "out of train, e.g. by train, val, test = RandomUserSplit()(data)"
            )
    elif of_train is None:
        assert of_val is not None
        if not fits_split(pair_digest(train.edge_index), of_val):
            raise ValueError(
                f"the graph given as train is of no split (no split_id on "
                f"{train._key!r}), and its edges are not the training edges of the "
                f"split that val is of ({of_val}), so it may hold what is to be "
                "tested; pass the first graph of that split, or mark three graphs of "
                "your own by sea_pyg.transforms.mark_splits(train, val, test)"
            )
    elif of_val is None:
        parts = of_train.split("-")
        found = (
            None
            if labels is None
            else make_split_id(val.edge_index, labels, labels).split("-")
        )
        if found is None or found[:2] != parts[:2]:
            raise ValueError(
                f"the graph given as val is of no split (no split_id on "
                f"{val._key!r}), and its pairs are not those of the split that train "
                f"is of ({of_train}); pass the second graph of that split, or mark "
                "three graphs of your own by "
                "sea_pyg.transforms.mark_splits(train, val, test)"
            )
    elif of_train != of_val:
        raise ValueError(_two_splits("train", "val", of_train, of_val))


def _two_splits(first: str, second: str, *ids: str | None) -> str:
    return (
        f"{first} and {second} are of two splits ({ids[0]} and {ids[1]}), so that one "
        "may hold what the other tests; pass graphs that one split returned together"
    )
