"""Graphs of interactions whose users and items have any ids."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.datasets.interaction_file import Interactions
from sea_pyg.datasets.mmrec_dataset import build_graph

Ids = Iterable[Any]
"""Strings or whole numbers, as a list, an array, a tensor or a column of a table."""


def from_interactions(
    user: Ids,
    item: Ids,
    time: Iterable[float] | None = None,
    rating: Iterable[float] | None = None,
    features: Mapping[str, tuple[Ids, Any]] | None = None,
) -> HeteroData:
    r"""Number users and items, and build the graph that models and splits take.

    Nodes are numbered in the order of their ids, which are kept in
    ``data['user'].original_id`` and ``data['item'].original_id``: whole numbers in a
    tensor, strings in a list. Items that have features alone are nodes without
    interactions; where an item lacks a modality, ``data['item'].mask_<modality>`` says
    so.

    .. code-block:: python

        table = pandas.read_csv("ratings.csv")
        data = from_interactions(
            table["user"],
            table["item"],
            time=table["timestamp"],
            features={"text": (item_ids, text_embeddings)},  # [items, channels]
        )
        train, val, test = RandomUserSplit(seed=0)(data)

    Args:
        user: The user of each interaction.
        item: The item of each interaction.
        time: When it was.
        rating: How the item was rated.
        features: Of every modality, the items' ids and their features, row by row.

    Shapes:
        ``user``, ``item``, ``time`` and ``rating`` of one length :math:`E`; of
        :math:`n` ids, features are :math:`[n, d]`. Returns what
        :class:`MMRecDataset` does: ``data['item'].x_<modality>`` float32
        :math:`[N_i, d]` and ``data['user', 'rates', 'item'].edge_index``
        :math:`[2, E']`.

    Raises:
        ValueError: If lengths differ, there is no interaction, ids are neither strings
            nor whole numbers, an item has features twice, these are no finite matrix,
            or no item of the interactions has any.

    Warns:
        UserWarning: If a user has an item more than once, which is merged into the
            earliest.
    """
    users, items = _ids("user", user), _ids("item", item)
    columns = {"time": _numbers("time", time), "rating": _numbers("rating", rating)}
    lengths = {"user": users.size, "item": items.size}
    lengths |= {name: x.size for name, x in columns.items() if x is not None}
    if len(set(lengths.values())) > 1 or users.size == 0:
        raise ValueError(
            "interactions must have one user and one item each, and there must be some "
            f"(got {', '.join(f'{n} {name}' for name, n in lengths.items())})"
        )
    tables = {name: _features(name, given) for name, given in (features or {}).items()}
    for name, (own, _) in tables.items():
        if own.dtype.kind != items.dtype.kind:
            raise ValueError(
                f"ids of the items and of the features {name!r} must both be strings, "
                f"or whole numbers (got {items.dtype} and {own.dtype})"
            )
        if not np.isin(own, items).any():
            raise ValueError(
                f"no item of the interactions has features {name!r}: their ids differ "
                f"(such as {items[0]!r} and {own[0]!r}); write both in one way"
            )
    user_ids, user_index = np.unique(users, return_inverse=True)
    item_ids = np.unique(np.concatenate([items, *(own for own, _ in tables.values())]))
    data = build_graph(
        Interactions(
            user_index.astype(np.int64),
            np.searchsorted(item_ids, items).astype(np.int64),
            columns["rating"],
            columns["time"],
            None,
        ),
        user_ids.size,
        item_ids.size,
        "from_interactions",
        ("row", 0),
    )
    data["user"].original_id = _kept(user_ids)
    data["item"].original_id = _kept(item_ids)
    for name, (own, x) in tables.items():
        row = torch.from_numpy(np.searchsorted(item_ids, own))
        data["item"][f"x_{name}"] = x.new_zeros(item_ids.size, x.size(1)).index_copy(
            0, row, x
        )
        if own.size < item_ids.size:
            mask = torch.zeros(item_ids.size, dtype=torch.bool)
            mask[row] = True
            data["item"][f"mask_{name}"] = mask
    return data


def _array(given: Any) -> NDArray[Any]:
    if isinstance(given, Tensor):
        return given.detach().cpu().numpy()
    if hasattr(given, "__array__"):
        return np.asarray(given)
    values = list(given)
    array = np.asarray(values)
    # NumPy would spell out numbers among strings, as NaN for what is missing.
    mixed = array.dtype.kind == "U" and not all(isinstance(v, str) for v in values)
    return np.asarray(values, dtype=object) if mixed else array


def _ids(name: str, given: Ids) -> NDArray[Any]:
    ids = _array(given)
    if ids.dtype == object and all(isinstance(i, str) for i in ids.ravel()):
        ids = ids.astype(str)
    if ids.ndim != 1 or (ids.size > 0 and ids.dtype.kind not in "Uiu"):
        raise ValueError(
            f"ids of {name} must be strings or whole numbers, one per row (got "
            f"{ids.dtype} of shape {list(ids.shape)})"
        )
    if ids.dtype.kind == "u" and ids.size > 0 and int(ids.max()) >= 2**63:
        raise ValueError(f"ids of {name} must be below 2**63 (got {ids.max()})")
    return ids.astype(np.int64) if ids.dtype.kind in "iu" else ids


def _numbers(name: str, given: Iterable[float] | None) -> NDArray[Any] | None:
    if given is None:
        return None
    numbers = _array(given)
    if numbers.ndim != 1 or numbers.dtype.kind not in "fiu":
        raise ValueError(
            f"{name} must be a number per interaction (got {numbers.dtype} of shape "
            f"{list(numbers.shape)})"
        )
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite; leave out interactions without one")
    if numbers.dtype.kind == "u" and numbers.size > 0 and numbers.max() >= 2**63:
        raise ValueError(f"{name} must be below 2**63 (got {numbers.max()})")
    return numbers.astype(np.float64 if numbers.dtype.kind == "f" else np.int64)


def _features(name: str, given: tuple[Ids, Any]) -> tuple[NDArray[Any], Tensor]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise ValueError(
            f"features {name!r} must be a pair: the items' ids, and their features row "
            f"by row (got {type(given).__name__})"
        )
    ids = _ids(f"the features {name!r}", given[0])
    x = _matrix(name, given[1])
    if x.dim() != 2 or x.size(0) != ids.size or x.numel() == 0:
        raise ValueError(
            f"features {name!r} must have a row per id, [{ids.size}, channels] (got "
            f"{list(x.shape)})"
        )
    if np.unique(ids).size < ids.size:
        raise ValueError(f"features {name!r} name an item twice; keep one row of each")
    if not bool(torch.isfinite(x).all()):
        raise ValueError(
            f"features {name!r} must be finite; leave out the items that have none"
        )
    return ids, x


def _matrix(name: str, given: Any) -> Tensor:
    """Read a matrix of any kind: a tensor, an array, sparse or not, a table, a column
    or list of rows.
    """
    if isinstance(given, Tensor):
        given = given if given.layout == torch.strided else given.to_dense()
        dtype = torch.float32 if given.is_floating_point() else given.dtype
        given = given.detach().cpu().to(dtype)  # NumPy has no bfloat16
    elif hasattr(given, "toarray"):  # SciPy's sparse matrices
        given = given.toarray()
    try:
        array = np.asarray(given)
        if array.dtype == object and array.ndim == 1:
            array = np.stack([np.asarray(row) for row in array])
        if array.dtype == object:
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"features {name!r} must be numbers, as many for every item: {error}"
        ) from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"features {name!r} must be numbers (got {array.dtype})")
    with np.errstate(over="ignore"):
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))


def _kept(ids: NDArray[Any]) -> Tensor | list[str]:
    return torch.from_numpy(ids) if ids.dtype.kind == "i" else ids.tolist()
