"""Keeps test graphs out of training and selection."""

from typing import Any

from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage

from sea_pyg.utils import get_split_id, pair_digest, positive_labels

_WANTED = {
    "train": "the first graph that a split returns",
    "val": "the second graph that a split returns",
}


def refuse_test(data: HeteroData, role: str) -> None:
    """Check that a graph may serve for training or for validation.

    Our splits mark their graphs by ``data.split``, and their edges by ``split_id``; a
    graph without a mark is its maker's own and is accepted.

    Args:
        data: The graph.
        role: What it is to serve as, ``'train'`` or ``'val'``.

    Raises:
        ValueError: If it is a test graph, its pairs are not those that the split gave
            it, or it is not split yet and holds interactions that are labelled for
            test.
    """
    mark: Any = getattr(data, "split", None)
    marks = mark if isinstance(mark, list | tuple) else [mark]  # a list in a batch
    if any(isinstance(entry, str) and entry == "test" for entry in marks):
        raise ValueError(
            f"the test graph of a split was given as {role} (got data.split={mark!r}); "
            f"nothing may be trained or selected on it: pass {role}, "
            f"{_WANTED[role]}, and keep the third for evaluate()"
        )
    for store in data.edge_stores:
        label = store.get("split")
        if isinstance(label, Tensor) and bool((label == 2).any()):
            raise ValueError(
                f"the graph given as {role} is not split yet and holds interactions "
                f"labelled for test (got 'split' on {store._key!r}); pass "
                f"{_WANTED[role]}, e.g. train, val, test = LabelSplit()(data)"
            )
        _check_pairs(store, role)


def _check_pairs(store: EdgeStorage, role: str) -> None:
    """Compare the pairs with the digests in ``split_id``."""
    noted = get_split_id(store)
    if noted is None:
        return
    labels = positive_labels(store) if role == "val" else None
    found = {"edge_index": pair_digest(store.edge_index)}
    if role == "val":
        found["edge_label_index"] = "" if labels is None else pair_digest(labels)
    for (name, digest), expected in zip(found.items(), noted.split("-"), strict=False):
        if digest != expected:
            raise ValueError(
                f"{name} of {store._key!r} in the graph given as {role} is not what "
                f"the split made of it (got split_id {noted!r}): pass {role}, "
                f"{_WANTED[role]}, as it is, or after a change on purpose mark the "
                "three graphs anew by sea_pyg.transforms.mark_splits(train, val, test)"
            )
