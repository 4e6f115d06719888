"""What tells the data of one run from another's; saved runs and cells hold it."""

import hashlib
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch_geometric.data import HeteroData


def fingerprint(splits: Sequence[HeteroData]) -> str:
    """Return the SHA-256 of the interactions in (train, val, test)."""
    digest = hashlib.sha256()
    for data in splits:
        for edge_type in data.edge_types:
            store = data[edge_type]
            if "edge_label_index" not in store:  # no interactions that were split
                continue
            for name in ("edge_index", "edge_label_index"):
                index = store[name].contiguous().to(torch.int64)
                digest.update(f"{name};{list(index.shape)};".encode())
                digest.update(index.cpu().numpy().astype("<i8").tobytes())
    return digest.hexdigest()


def feature_fingerprints(
    data: HeteroData, names: Iterable[str], item_type: str = "item"
) -> dict[str, str]:
    """Return the SHA-256 of item features and their masks, by attribute.

    Args:
        data: The graph.
        names: The modalities.
        item_type: The node type of the items. (default: :obj:`"item"`)
    """
    items = data[item_type]
    keys = [f"{kind}_{name}" for name in sorted(names) for kind in ("x", "mask")]
    return {key: _tensor_digest(items[key]) for key in keys if key in items}


def _tensor_digest(x: Tensor) -> str:
    x = x.detach().cpu().contiguous()
    kind = str(x.dtype).removeprefix("torch.")
    if x.dtype == torch.bfloat16:  # NumPy has none
        x = x.view(torch.int16)
    array = x.numpy()
    digest = hashlib.sha256(f"{kind};{array.shape};".encode())
    digest.update(array.tobytes())
    return digest.hexdigest()
