"""What every split of the interactions has in common."""

import copy
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage
from torch_geometric.transforms import BaseTransform
from torch_geometric.typing import SparseTensor
from torch_geometric.utils import is_torch_sparse_tensor

from sea_pyg.typing import RATES, EdgeType
from sea_pyg.utils import (
    check_interactions,
    count_common,
    made_of_interactions,
    make_split_id,
    pair_digest,
)

NAMES = ("train", "val", "test")


class InteractionSplit(BaseTransform):
    r"""Split a graph's interactions into training, validation and test.

    A subclass says in :meth:`assign` which interaction goes where. The result is a
    tuple of three :class:`~torch_geometric.data.HeteroData`, as
    :class:`~torch_geometric.transforms.RandomLinkSplit` returns it:

    * ``edge_index`` is the *same tensor* in all three: the training interactions.
      Edge attributes (``time``, ``rating``, ...) follow it.
    * ``edge_label_index`` is each one's own: the interactions to be ranked.
    * ``split`` is ``'train'``, ``'val'`` or ``'test'``. It survives copies, moves and
      :meth:`~sea_pyg.nn.models.Recommender.prepare`; training refuses the last one.
    * ``split_id``, on the edges, names the split by the digests of its training,
      validation and test pairs. Training refuses graphs of two splits, or whose pairs
      were changed afterwards; :func:`~sea_pyg.transforms.mark_splits` marks them anew.

    ``edge_label``, as PyG's data sets call ratings, is called ``rating`` after it:
    beside ``edge_label_index`` it would tell positives from negatives.

    All nodes are kept, with or without edges. Equal pairs are merged with a warning
    (into the one of the lowest ``split``, then the earliest), so that no interaction
    is trained on and tested at once. A user whose interactions are all held out is
    kept with a warning; the evaluation leaves it out.

    Args:
        edge_type: The interactions. (default: ``('user', 'rates', 'item')``)

    Raises:
        ValueError: If one of the three is empty, the interactions are malformed, the
            graph is already split, it holds the same interactions under another type or
            in a sparse matrix, or a graph of any edge type that
            :class:`~sea_pyg.transforms.UserCooccurrence` or
            :class:`~sea_pyg.transforms.ItemWalkGraph` made of all interactions.
    """

    def __init__(self, edge_type: EdgeType = RATES) -> None:
        self.edge_type = edge_type

    @abstractmethod
    def assign(self, store: EdgeStorage, num_users: int) -> Tensor:
        """Return 0, 1 or 2 (train, val, test) per interaction, int64 [E]."""

    def forward(self, data: HeteroData) -> tuple[HeteroData, HeteroData, HeteroData]:
        """Return ``(train, val, test)``."""
        refuse_matrices(data, self.edge_type, type(self).__name__)
        num_users, num_items = check_interactions(data, self.edge_type)
        store = data[self.edge_type]
        if "edge_label_index" in store:
            raise ValueError(
                f"{type(self).__name__} expects a graph that is not split yet (got "
                f"edge_label_index on {self.edge_type!r}); delete that attribute or "
                f"split the original graph"
            )
        for derived in made_of_interactions(data):
            if derived != self.edge_type:
                raise ValueError(
                    f"{type(self).__name__} expects a graph without edges that were "
                    f"made of all interactions, those to be held out included (got "
                    f"{derived!r}); split first, then add them to what it returns"
                )
        self._refuse_copies(data)
        _rename_ratings(store)
        self._merge_duplicates(store, num_items)
        part = self.assign(store, num_users)
        edge_index = store.edge_index
        masks = [part == number for number in range(3)]
        for name, mask in zip(NAMES, masks, strict=True):
            if not bool(mask.any()):
                raise ValueError(
                    f"the {name} split of {self.edge_type!r} is empty "
                    f"({self!r} of {edge_index.size(1)} interactions); "
                    f"{self.remedy(NAMES.index(name))}"
                )
        self._warn_of_cold_users(edge_index[0], masks[0], num_users)

        pairs = [edge_index[:, mask] for mask in masks]
        split_id = make_split_id(*pairs)
        train_attrs = {
            key: kept_entries(value, masks[0])
            for key, value in _edge_attributes(store).items()
            if key != "split"
        }

        warn_of_copies(data, edge_index[:, ~masks[0]], self.edge_type, stacklevel=4)

        def build(number: int) -> HeteroData:
            out = copy.copy(data)
            out.split = NAMES[number]  # of the graph, not of its edges
            target = out[self.edge_type]
            target.edge_index = pairs[0]
            for key, value in train_attrs.items():
                target[key] = value
            if "split" in target:
                del target.split
            target.edge_label_index = pairs[number]
            target.split_id = split_id
            return out

        return build(0), build(1), build(2)

    def _refuse_copies(self, data: HeteroData) -> None:
        """Refuse the interactions under another type, as ``ToUndirected`` adds them."""
        pairs = data[self.edge_type].edge_index
        for other, found in edges_between(data, self.edge_type):
            if pair_digest(pairs) == pair_digest(found):
                raise ValueError(
                    f"{type(self).__name__} expects a graph that has its interactions "
                    f"once (got those of {self.edge_type!r} as {other!r} again, those "
                    "to be held out included); split first, then add the others to "
                    "what it returns, e.g. with torch_geometric's ToUndirected"
                )

    def remedy(self, number: int) -> str:
        """Say what to do about an empty part."""
        return "use other ratios, another split, or more data"

    def _merge_duplicates(self, store: EdgeStorage, num_items: int) -> None:
        """Merge equal pairs, so that none is trained on and tested at once."""
        pair = store.edge_index[0] * num_items + store.edge_index[1]
        if pair.unique().numel() == pair.numel():
            return
        # The lowest label first, then the earliest, then the first.
        order = torch.arange(pair.numel(), device=pair.device)
        for name in ("time", "split"):
            if name not in store:
                continue
            value = edge_tensor(store, name, self.edge_type)
            if value.shape == pair.shape:
                order = order[torch.sort(value[order], stable=True).indices]
        order = order[torch.sort(pair[order], stable=True).indices]
        first = torch.ones_like(order, dtype=torch.bool)
        first[1:] = pair[order].diff() != 0
        kept = order[first].sort().values
        example = int(order[~first][0])
        warnings.warn(
            f"merged {int((~first).sum())} duplicate interactions of type "
            f"{self.edge_type!r} (e.g. {self.edge_type[0]} "
            f"{int(store.edge_index[0, example])}, {self.edge_type[2]} "
            f"{int(store.edge_index[1, example])})",
            stacklevel=4,
        )
        for key, value in _edge_attributes(store).items():
            store[key] = kept_entries(value, kept)
        store.edge_index = store.edge_index[:, kept]

    def _warn_of_cold_users(self, user: Tensor, train: Tensor, num_users: int) -> None:
        degree = torch.bincount(user[train], minlength=num_users)
        held_out = torch.bincount(user[~train], minlength=num_users)
        cold = ((degree == 0) & (held_out > 0)).nonzero().flatten()
        if cold.numel():
            warnings.warn(
                f"{cold.numel()} of {num_users} nodes of type {self.edge_type[0]!r} "
                f"have held-out interactions but none in training (e.g. number "
                f"{int(cold[0])}); they are kept, and left out of the evaluation",
                stacklevel=4,
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def refuse_matrices(data: HeteroData, edge_type: EdgeType, what: str) -> None:
    """Refuse interactions in a sparse matrix, which no split takes apart.

    Raises:
        ValueError: If edges between the users and items have one.
    """
    for other in data.edge_types:
        if {other[0], other[2]} != {edge_type[0], edge_type[2]}:
            continue
        for name, value in data[other].items():
            if isinstance(value, SparseTensor) or is_torch_sparse_tensor(value):
                raise ValueError(
                    f"{what} expects interactions as edge_index (got the sparse matrix "
                    f"{name!r} on {other!r}, which holds them all); delete it, and "
                    "apply ToSparseTensor to what is returned"
                )


def edges_between(
    data: HeteroData, edge_type: EdgeType
) -> Iterator[tuple[EdgeType, Tensor]]:
    """Yield the other edges between users and items, as (user, item)."""
    user_type, _, item_type = edge_type
    for other in data.edge_types:
        found = data[other].get("edge_index")
        if other == edge_type or found is None:
            continue
        if {other[0], other[2]} == {user_type, item_type}:
            yield other, found if other[0] == user_type else found.flip(0)


def warn_of_copies(
    data: HeteroData, held_out: Tensor, edge_type: EdgeType, stacklevel: int
) -> None:
    """Tell of held-out pairs that the training graph holds under another type."""
    for other, found in edges_between(data, edge_type):
        common = count_common(held_out, found)
        if common:
            warnings.warn(
                f"{common} of the {held_out.size(1)} interactions of {edge_type!r} "
                f"that are held out are edges of {other!r}, too, which stay in the "
                "training graph; a model that reads those knows them",
                stacklevel=stacklevel,
            )


def _rename_ratings(store: EdgeStorage) -> None:
    """Keep PyG's ``edge_label`` of ratings from being read as that of held-out pairs.

    Raises:
        ValueError: If there are ratings besides.
    """
    if "edge_label" not in store:
        return
    if "rating" in store:
        raise ValueError(
            f"{store._key!r} has both edge_label and rating, of which the former would "
            "be read as labels of the pairs that are held out; delete or rename it"
        )
    store.rating = store.edge_label
    del store.edge_label


def _edge_attributes(store: EdgeStorage) -> dict[str, Any]:
    """Return the attributes that hold one entry per interaction."""
    num_edges = store.edge_index.size(1)
    found = {}
    for key, value in store.items():
        scalar = isinstance(value, Tensor | np.ndarray) and value.ndim == 0
        sized = isinstance(value, Tensor | np.ndarray | list | tuple) and not scalar
        if key != "edge_index" and sized and len(value) == num_edges:
            found[key] = value
    return found


def kept_entries(value: Any, index: Tensor) -> Any:
    """Take entries of an attribute, by a mask or by their numbers."""
    if isinstance(value, Tensor):
        return value[index]
    if isinstance(value, np.ndarray):
        return value[index.cpu().numpy()]
    numbers = index.nonzero().view(-1) if index.dtype == torch.bool else index
    return type(value)(value[number] for number in numbers.tolist())


def edge_tensor(store: EdgeStorage, name: str, edge_type: EdgeType) -> Tensor:
    """Return an attribute of the interactions that orders or labels them.

    Raises:
        ValueError: If it is a list or an array.
    """
    value = store[name]
    if not isinstance(value, Tensor):
        raise ValueError(
            f"{name!r} on {edge_type!r} must be a tensor (got "
            f"{type(value).__name__}); convert it by torch.as_tensor"
        )
    return value


def interaction_times(store: EdgeStorage, split: InteractionSplit) -> Tensor:
    """Return the attribute ``time``, or raise ``ValueError``."""
    if "time" not in store:
        raise ValueError(
            f"{split!r} needs the attribute 'time' on {split.edge_type!r} (in MMRec's "
            f"format: the column timestamp); add it, or use another split, e.g. "
            f"RandomUserSplit()"
        )
    time = edge_tensor(store, "time", split.edge_type)
    if time.is_floating_point() and bool(time.isnan().any()):
        raise ValueError(
            f"'time' on {split.edge_type!r} has NaN for {int(time.isnan().sum())} "
            "interactions, which have no place in the order; set it, or leave them out"
        )
    if time.shape != store.edge_index[0].shape:
        raise ValueError(
            f"'time' on {split.edge_type!r} must hold one number per interaction, "
            f"{store.edge_index.size(1)} (got shape {list(time.shape)})"
        )
    return time
