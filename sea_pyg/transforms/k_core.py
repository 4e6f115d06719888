"""Users and items with enough interactions among themselves."""

from typing import Any

import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from sea_pyg.transforms.interaction_split import kept_entries, refuse_matrices
from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import check_counts, check_interactions


class KCore(BaseTransform):
    r"""Keep the largest part of the graph where every node has ``k`` interactions.

    Users and items with fewer are removed until none is left. The rest is numbered
    anew, without gaps and in the old order; features, masks, titles and all other
    node and edge attributes follow. The old numbers are kept as ``n_id`` of each node
    type (composed, if ``n_id`` exists already).

    Args:
        k: Least number of distinct interactions per user and item. (default: 5)
        user_k: Another number for users. (default: ``k``)
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)

    Raises:
        ValueError: If nothing is left, ``k`` is not positive, the interactions are
            within one node type or in a sparse matrix, or the graph is already split
            (the core of the training part alone would be another one).
    """

    def __init__(
        self, k: int = 5, user_k: int | None = None, edge_type: EdgeType = RATES
    ) -> None:
        check_counts(1, k=k, **({} if user_k is None else {"user_k": user_k}))
        if edge_type[0] == edge_type[2]:
            raise ValueError(
                f"KCore expects edges between two node types (got {edge_type!r})"
            )
        self.k = k
        self.user_k = k if user_k is None else user_k
        self.edge_type = edge_type

    def forward(self, data: HeteroData) -> HeteroData:
        """Return the core of ``data``."""
        refuse_matrices(data, self.edge_type, type(self).__name__)
        num_users, num_items = check_interactions(data, self.edge_type)
        if "edge_label_index" in data[self.edge_type]:
            raise ValueError(
                f"KCore expects a graph that is not split yet (got edge_label_index on "
                f"{self.edge_type!r}); apply it before the split"
            )
        user, item = data[self.edge_type].edge_index
        key = (user * num_items + item).unique()  # far faster than unique(dim=1)
        pairs = torch.stack([key // num_items, key % num_items])
        while True:
            user_kept = torch.bincount(pairs[0], minlength=num_users) >= self.user_k
            item_kept = torch.bincount(pairs[1], minlength=num_items) >= self.k
            edge_kept = user_kept[pairs[0]] & item_kept[pairs[1]]
            if bool(edge_kept.all()):
                break
            pairs = pairs[:, edge_kept]
        if pairs.size(1) == 0:
            raise ValueError(
                f"{self!r} leaves nothing of {num_users} nodes of type "
                f"{self.edge_type[0]!r} and {num_items} of type {self.edge_type[2]!r}; "
                f"lower k"
            )
        subset = {
            self.edge_type[0]: user_kept.nonzero().flatten(),
            self.edge_type[2]: item_kept.nonzero().flatten(),
        }
        sequences: dict[tuple[str | EdgeType, str], Any] = {}
        for name, index in subset.items():
            store = data[name]
            store.num_nodes = store.num_nodes  # explicit from here on
            if "n_id" not in store:
                store.n_id = torch.arange(store.num_nodes, device=index.device)
            for key, value in list(store.items()):
                # PyG's subgraph() cannot index these.
                if _is_sequence(value, store.num_nodes):
                    sequences[name, key] = kept_entries(value, index)
                    del store[key]
        for edge_type in data.edge_types:
            store = data[edge_type]
            listed = [k for k, v in store.items() if _is_sequence(v, store.num_edges)]
            if not listed:
                continue
            row, col = store.edge_index
            kept = torch.ones_like(row, dtype=torch.bool)
            for name, ends in ((edge_type[0], row), (edge_type[2], col)):
                if name in subset:
                    kept &= torch.isin(ends, subset[name])
            for key in listed:
                sequences[edge_type, key] = kept_entries(store[key], kept)
                del store[key]
        data = data.subgraph(subset)
        for (where, key), values in sequences.items():
            data[where][key] = values
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, user_k={self.user_k})"


def _is_sequence(value: Any, length: int) -> bool:
    """Tell whether an attribute is a list or tuple of one entry per node or edge."""
    return isinstance(value, (list, tuple)) and len(value) == length
