"""Folders in the format of the MMRec toolbox."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch_geometric.data import HeteroData, InMemoryDataset

from sea_pyg.datasets.interaction_file import Interactions, read_interactions
from sea_pyg.typing import RATES
from sea_pyg.utils import closest

_SUFFIX = "_feat.npy"


class MMRecDataset(InMemoryDataset):
    r"""Read a folder in the format of the `MMRec toolbox
    <https://arxiv.org/abs/2302.03497>`_.

    The folder holds one ``*.inter``, a tab separated table with a header ``userID
    itemID [rating] [timestamp] [x_label]`` (``x_label`` 0, 1, 2 for training,
    validation, test; RecBole's ``user_id:token`` is understood as well), and any
    number of ``<modality>_feat.npy`` (floats, row number = item id), whose file names
    name the modalities. A row that is NaN throughout is an item without this modality.

    The folder is only ever read, and nothing is cached: parsing 300,000 interactions
    takes a fraction of a second, so a cache would save less than its staleness costs.

    Args:
        root: The folder.
        modalities: Modalities to read, in this order. (default: all)
        transform: Applied on every access.

    Shapes:
        ``data['item'].x_<modality>`` float32 :math:`[N_i, d]`, and
        ``data['item'].mask_<modality>`` bool :math:`[N_i]` if some items lack it;
        ``data['user', 'rates', 'item'].edge_index`` :math:`[2, E]` with all
        interactions sorted by user and item, and where the file has them ``rating``
        float32, ``time`` int64 (float64 if one has a fraction) and ``split`` int64,
        each :math:`[E]`.

    Raises:
        ValueError: If something is missing or malformed; names the file, the line or
            row, and the remedy.

    .. note::
        A pair that occurs more than once is merged, with a warning, into its
        occurrence of the lowest ``x_label`` (so that nothing leaks from test into
        training), and of those the earliest. Items without interactions are kept.
    """

    def __init__(
        self,
        root: str | Path,
        modalities: Sequence[str] | None = None,
        transform: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(None, transform)
        self.folder = Path(root)
        inter_path = find_interactions(self.folder)
        paths = find_features(self.folder, modalities)
        interactions = read_interactions(inter_path)
        for kind, ids in (("user", interactions.user), ("item", interactions.item)):
            check_ids(ids, kind, inter_path)
        warn_of_gaps(interactions.user, "user", inter_path)
        features = {name: read_features(path) for name, path in paths.items()}
        num_items = _num_items(interactions.item, inter_path, features, paths)
        data = build_graph(
            interactions, int(interactions.user.max()) + 1, num_items, str(inter_path)
        )
        for name, x in features.items():
            missing = x.isnan().all(dim=1)
            if bool(missing.any()):
                x[missing] = 0
                data["item"][f"mask_{name}"] = ~missing
            data["item"][f"x_{name}"] = x
        self.data, self.slices = self.collate([data])


def check_ids(ids: NDArray[np.int64], kind: str, path: Path) -> None:
    """Check that ids number nodes, as a table has a row for each number below.

    Raises:
        ValueError: If one is far beyond the number of interactions.
    """
    if ids.max() > 10_000_000 + 100 * ids.size:
        row = int(ids.argmax())
        raise ValueError(
            f"{path}, line {row + 2}: {kind}s must be numbered 0, 1, 2, ... (got "
            f"{ids[row]} in {ids.size} interactions); map the ids to such numbers"
        )


def warn_of_gaps(ids: NDArray[np.int64], kind: str, path: Path) -> None:
    """Warn if most nodes are there only because a number is left out."""
    used, there = np.unique(ids).size, int(ids.max()) + 1
    if 2 * used < there:
        warnings.warn(
            f"{path}: only {used} of the {kind}s 0 to {there - 1} have an interaction; "
            "the others are ranked or trained, too. Number them 0, 1, 2, ..., or take "
            "from_interactions, which does",
            stacklevel=3,
        )


def find_interactions(folder: Path) -> Path:
    """Return the folder's only ``*.inter``."""
    if not folder.is_dir():
        raise ValueError(f"expected a folder in MMRec's format (got {str(folder)!r})")
    found = sorted(folder.glob("*.inter"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise ValueError(
            f"{folder} must hold exactly one *.inter file (got {names}); add it or "
            f"move the others away"
        )
    return found[0]


def find_features(folder: Path, modalities: Sequence[str] | None) -> dict[str, Path]:
    """Return the feature files by modality."""
    found = {
        path.name.removesuffix(_SUFFIX): path
        for path in sorted(folder.glob(f"*{_SUFFIX}"))
    }
    if "" in found:
        raise ValueError(
            f"{found['']} has no modality in its name; call it <modality>{_SUFFIX}"
        )
    if modalities is None:
        return found
    for name in modalities:
        if name not in found:
            raise ValueError(
                f"{folder} has no file '{name}{_SUFFIX}' for the modality {name!r}; "
                f"{closest(name, found)}"
            )
    if len(set(modalities)) != len(modalities):
        raise ValueError(f"a modality is named twice (got {list(modalities)!r})")
    return {name: found[name] for name in modalities}


def read_features(path: Path) -> Tensor:
    """Read and check one feature file.

    Returns:
        The features; a row that is NaN throughout is an item without them.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"{path} is not a readable array file ({error}); pickled objects are never "
            f"loaded: save a plain float array with numpy.save(path, array)"
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(
            f"{path} holds several arrays (.npz); save one with numpy.save"
        )
    if array.ndim != 2 or array.dtype.kind not in "fiu" or array.shape[1] == 0:
        raise ValueError(
            f"{path} must hold floats of shape [items, channels] (got {array.dtype} "
            f"of shape {list(array.shape)})"
        )
    with np.errstate(over="ignore"):
        x = torch.from_numpy(array.astype(np.float32))
    missing = x.isnan().all(dim=1, keepdim=True)
    wrong = ~(torch.isfinite(x) | missing)
    if bool(wrong.any()):
        row, column = wrong.nonzero()[0].tolist()
        raise ValueError(
            f"{path}, row {row} (item {row}), column {column} is "
            f"{array[row, column]!s} in float32; replace NaN and infinity by numbers, "
            "or make the whole row NaN if the item has no such features"
        )
    if bool(missing.all()):
        raise ValueError(f"{path}: no item has features, as all of its rows are NaN")
    return x


def _num_items(
    item: NDArray[np.int64],
    inter_path: Path,
    features: dict[str, Tensor],
    paths: dict[str, Path],
) -> int:
    last = int(item.max())
    if not features:
        warn_of_gaps(item, "item", inter_path)
        return last + 1
    rows = {name: x.size(0) for name, x in features.items()}
    if len(set(rows.values())) > 1:
        listed = ", ".join(f"{paths[name].name} {n}" for name, n in rows.items())
        raise ValueError(
            f"the feature files of {inter_path.parent} must have one row per item and "
            f"so equally many rows (got {listed}); recreate the one that is off"
        )
    num_items = next(iter(rows.values()))
    if last >= num_items:
        line = int(np.argmax(item >= num_items)) + 2
        raise ValueError(
            f"{inter_path}, line {line}: item {item[line - 2]} has no row in "
            f"{', '.join(path.name for path in paths.values())} ({num_items} rows, for "
            f"items 0 to {num_items - 1}); add feature rows (the largest item id is "
            f"{last}) or correct the id"
        )
    return num_items


def build_graph(
    interactions: Interactions,
    num_users: int,
    num_items: int,
    name: str,
    first: tuple[str, int] = ("line", 2),
) -> HeteroData:
    """Build the graph of checked interactions, merging duplicates.

    Args:
        interactions: The interactions.
        num_users: Number of users.
        num_items: Number of items.
        name: Where they are from, in warnings.
        first: What the first one is called there. (default: a file's second line)
    """
    user, item, rating, time, label = interactions
    keys: list[Any] = [np.arange(user.size)]
    keys += [column for column in (time, label) if column is not None]
    pair = user * num_items + item
    order = np.lexsort((*keys, pair))
    once = np.append(True, np.diff(pair[order]) != 0)
    if not once.all():
        entry = int(order[np.argmin(once)])
        word, offset = first
        warnings.warn(
            f"{name}: merged {int((~once).sum())} duplicate interactions (e.g. {word} "
            f"{entry + offset}: user {user[entry]}, item {item[entry]})",
            stacklevel=3,
        )
    kept = order[once]
    data = HeteroData()
    data["user"].num_nodes = num_users
    data["item"].num_nodes = num_items
    store = data[RATES]
    store.edge_index = torch.from_numpy(np.stack([user[kept], item[kept]]))
    if rating is not None:
        store.rating = torch.from_numpy(rating[kept].astype(np.float32))
    if time is not None:
        store.time = torch.from_numpy(time[kept])
    if label is not None:
        store.split = torch.from_numpy(label[kept])
    return data
