"""What tells the graphs of one split from those of another."""

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage

from sea_pyg.typing import EdgeType
from sea_pyg.utils.memo import memoize

_DIGITS = 16


def pair_digest(edge_index: Tensor) -> str:
    """Return 16 hex digits of the SHA-256 of a set of pairs.

    Order, duplicates and device do not matter. It is computed once per tensor.

    Shapes:
        ``edge_index`` :math:`[2, E]`.
    """
    return memoize(edge_index, "pair digest", lambda: _digest(_keys(edge_index)))


def positive_labels(store: EdgeStorage) -> Tensor | None:
    """Return the pairs to be ranked: with ``edge_label``, those above zero.

    The others are the negatives of ``RandomLinkSplit``, which are not to be found.

    ``None`` if the edges have no ``edge_label_index``.

    Raises:
        ValueError: If it is not int64, or there is not one label for each pair.
    """
    index: Tensor | None = store.get("edge_label_index")
    if index is not None and index.dtype != torch.long:
        raise ValueError(
            f"edge_label_index of {store._key!r} must hold integer ids of type int64; "
            f"convert it by .long() (got {index.dtype})"
        )
    label: Tensor | None = store.get("edge_label")
    if index is None or label is None:
        return index
    pairs = index
    if label.numel() != index.size(1):
        raise ValueError(
            f"edge_label of {store._key!r} must hold a label for each of the "
            f"{index.size(1)} pairs of edge_label_index (got {label.numel()}); call "
            "ratings by another name"
        )
    return memoize(index, "positive labels", lambda: pairs[:, label > 0], label)


def count_common(first: Tensor, second: Tensor) -> int:
    """Count the pairs of ``first`` that ``second`` holds too, once per two tensors.

    Shapes:
        Each :math:`[2, E]`.
    """
    return memoize(
        first,
        "common pairs",
        lambda: int(torch.isin(_keys(first), _keys(second)).sum()),
        second,
    )


def make_split_id(train: Tensor, val: Tensor, test: Tensor) -> str:
    """Return what names a split: the digests of its three parts, joined by ``-``.

    Args:
        train: The training interactions.
        val: The interactions to be ranked in validation.
        test: Those to be ranked in test.
    """
    return "-".join(pair_digest(pairs) for pairs in (train, val, test))


def get_split_id(store: EdgeStorage) -> str | None:
    """Return the ``split_id`` of a graph's edges; ``None`` if they have none."""
    noted: str | list[str] | None = store.get("split_id")
    if isinstance(noted, list):  # of the graphs of a batch
        noted = "/".join(sorted(set(noted)))
    return noted


def training_id(data: HeteroData, edge_type: EdgeType) -> str:
    """Return what names the interactions that a model is trained on.

    Its ``split_id`` if these are the training interactions of that split, otherwise
    their digest alone.
    """
    digest = pair_digest(data[edge_type].edge_index)
    noted = get_split_id(data[edge_type])
    return noted if noted is not None and noted.startswith(f"{digest}-") else digest


def fits_split(trained_on: str, split_id: str) -> bool:
    """Return whether a :func:`training_id` belongs to a split.

    A digest alone does if the training interactions are the split's.
    """
    return trained_on in (split_id, split_id.split("-")[0])


def first_of_another(trained_on: Iterable[str], split_id: str) -> str | None:
    """Return the first :func:`training_id` that does not belong to a split, if any."""
    return next((x for x in trained_on if not fits_split(x, split_id)), None)


def tensor_digest(*tensors: Tensor) -> str:
    """Return 16 hex digits of the SHA-256 of tensors, on whatever device."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype};{list(tensor.shape)};".encode())
        values = tensor.detach().cpu().flatten().contiguous()
        if values.dtype == torch.bfloat16:  # NumPy has none
            values = values.view(torch.int16)
        digest.update(values.numpy().data)
    return digest.hexdigest()[:_DIGITS]


def _keys(edge_index: Tensor) -> Tensor:
    # Independent of the number of nodes.
    return edge_index[0].long() * 2**32 + edge_index[1].long()


def _digest(keys: Tensor) -> str:
    array = keys.unique().cpu().numpy().astype("<i8")
    return hashlib.sha256(array.tobytes()).hexdigest()[:_DIGITS]
