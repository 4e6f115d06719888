"""Data sets by name or folder, as the command line takes them."""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from torch_geometric.data import HeteroData

from sea_pyg.datasets.fake_multimodal_dataset import FakeMultimodalDataset
from sea_pyg.datasets.mmrec_dataset import MMRecDataset
from sea_pyg.datasets.movielens_100k import MovieLens100K
from sea_pyg.transforms import (
    GlobalTimeSplit,
    InteractionSplit,
    LabelSplit,
    LeaveLastOut,
    RandomUserSplit,
)
from sea_pyg.typing import RATES
from sea_pyg.utils import closest, modality_names

DATASETS = ("fake", "movielens-100k")
SPLITS: dict[str, Callable[[int], InteractionSplit]] = {
    "label": lambda seed: LabelSplit(),
    "random": lambda seed: RandomUserSplit(seed=seed),
    "leave-last-out": lambda seed: LeaveLastOut(),
    "global-time": lambda seed: GlobalTimeSplit(),
}


def default_root() -> Path:
    """Return where downloaded data is kept: the user's cache directory.

    ``$SEA_PYG_CACHE``, else ``sea_pyg`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.
    """
    if "SEA_PYG_CACHE" in os.environ:
        return Path(os.environ["SEA_PYG_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sea_pyg"


def load_data(
    name_or_path: str | Path,
    modalities: Sequence[str] | None = None,
    root: str | Path | None = None,
) -> HeteroData:
    """Load a data set by its name, or a folder in MMRec's format.

    A name wins over a folder of the same name (write ``./fake`` for the folder).

    Args:
        name_or_path: ``'movielens-100k'``, ``'fake'`` or a folder.
        modalities: Modalities to keep. (default: all)
        root: Where downloaded data is kept. (default: :func:`default_root`)

    Raises:
        ValueError: If there is no such data set or modality.
    """
    name = str(name_or_path)
    if name == "movielens-100k":
        folder = default_root() if root is None else Path(root)
        data = MovieLens100K(folder / name)[0]
    elif name == "fake":
        data = FakeMultimodalDataset()[0]
    elif Path(name_or_path).is_dir():
        return MMRecDataset(name_or_path, modalities)[0]
    else:
        raise ValueError(
            f"no data set {name!r}: neither a folder nor a known name; "
            f"{closest(name, DATASETS)}"
        )
    return data if modalities is None else _keep_modalities(data, modalities)


def is_known(name_or_path: str | Path) -> bool:
    """Return whether there is a data set of that name or a folder."""
    return str(name_or_path) in DATASETS or Path(name_or_path).is_dir()


def load_splits(
    name_or_path: str | Path,
    modalities: Sequence[str] | None = None,
    split: str | None = None,
    seed: int = 0,
    root: str | Path | None = None,
) -> tuple[HeteroData, HeteroData, HeteroData]:
    """Load a data set and split it into ``(train, val, test)``.

    Each graph says in ``data.split`` which one it is.

    Args:
        name_or_path: ``'movielens-100k'``, ``'fake'`` or a folder in MMRec's format.
        modalities: Modalities to keep. (default: all)
        split: ``'label'``, ``'random'``, ``'leave-last-out'`` or ``'global-time'``.
            (default: ``'label'`` where the data is labelled, else ``'random'``, that
            is, 80/10/10 per user)
        seed: Seed of a random split. (default: :obj:`0`)
        root: Where downloaded data is kept. (default: :func:`default_root`)

    Raises:
        ValueError: If there is no such data set, modality or split.

    Warns:
        UserWarning: If there is a seed, and the split is not random.
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"no split {split!r}; {closest(split, SPLITS)}")
    data = load_data(name_or_path, modalities, root)
    if split is None:
        split = "label" if "split" in data[RATES] else "random"
    if seed and split != "random":
        warnings.warn(
            f"the seed {seed} of the split has no effect, as the split is {split!r}; "
            "ask for split='random' to have it drawn",
            stacklevel=2,
        )
    train, val, test = SPLITS[split](seed)(data)
    return train, val, test


def _keep_modalities(data: HeteroData, modalities: Sequence[str]) -> HeteroData:
    kept = modality_names(data, "item", modalities)
    for name in set(modality_names(data, "item")) - set(kept):
        for key in (f"x_{name}", f"mask_{name}"):
            if key in data["item"]:
                del data["item"][key]
    return data
