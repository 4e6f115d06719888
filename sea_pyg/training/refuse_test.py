"""Keeps test graphs out of training and selection."""

from typing import Any

from torch import Tensor
from torch_geometric.data import HeteroData

_WANTED = {
    "train": "the first graph that a split returns",
    "val": "the second graph that a split returns",
}


def refuse_test(data: HeteroData, role: str) -> None:
    """Check that a graph may serve for training or for validation.

    Our splits mark their graphs by ``data.split``; a graph without a mark is its
    maker's own and is accepted.

    Args:
        data: The graph.
        role: What it is to serve as, ``'train'`` or ``'val'``.

    Raises:
        ValueError: If it is a test graph, or is not split yet and holds interactions
            that are labelled for test.
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
