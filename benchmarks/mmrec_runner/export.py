"""Data in MMRec's format."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import HeteroData

from mmrec_runner.errors import MMRecError
from sea_pyg.typing import RATES
from sea_pyg.utils import modality_names

UNUSED = 3
"""An ``x_label`` that belongs to no split."""


def modality_roles(names: Sequence[str]) -> dict[str, str]:
    """Say which modality is MMRec's ``text`` and which its ``image``.

    ``text`` and ``image`` keep their roles. Others take those that are left: the first
    that of the text and the second that of the image, as in
    ``SEA.preset_arguments('released', ...)``.

    Args:
        names: The modalities, in order.

    Returns:
        The modality by role; a role may be missing.

    Raises:
        MMRecError: If there are more than two.
    """
    if len(names) > 2:
        raise MMRecError(
            f"MMRec knows two modalities, image and text (got {', '.join(names)}); "
            f"name two of them, as in --data NAME:{names[0]}+{names[1]}"
        )
    roles = {name: name for name in names if name in ("text", "image")}
    left = [role for role in ("text", "image") if role not in roles]
    others = [name for name in names if name not in roles]
    return roles | dict(zip(left, others, strict=False))


def export_mmrec(
    splits: tuple[HeteroData, HeteroData, HeteroData],
    folder: str | Path,
    modalities: Sequence[str] | None = None,
    features: bool = True,
) -> None:
    """Write a data set as MMRec reads it.

    ``<folder's name>.inter`` has the columns ``userID``, ``itemID`` and ``x_label`` (0,
    1, 2 for training, validation, test); ``text_feat.npy`` and ``image_feat.npy`` are
    float32 with one row per item. An item that lacks a modality is given the mean of
    the others, as MMRec's preprocessing does.

    MMRec takes the highest item number that it reads for the last item. Where the last
    item is in no split, a line with the ``x_label`` 3, which MMRec puts into no split,
    names it: the catalogue to be ranked is the same.

    Args:
        splits: Training, validation and test graph.
        folder: The folder to write to; made where it is missing.
        modalities: The modalities to write, in order; see :func:`modality_roles`.
            (default: all)
        features: Whether to write features.

    Raises:
        MMRecError: If there are more than two modalities.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    train = splits[0]
    items = train["item"]
    parts = [train[RATES].edge_index, *(s[RATES].edge_label_index for s in splits[1:])]
    rows = [
        torch.cat([part, torch.full_like(part[:1], label)]).t().cpu()
        for label, part in enumerate(parts)
    ]
    table = torch.cat(rows)
    last = int(items.num_nodes) - 1
    if int(table[:, 1].max()) < last:
        table = torch.cat([table, torch.tensor([[int(table[0, 0]), last, UNUSED]])])
    np.savetxt(
        folder / f"{folder.name}.inter",
        table.numpy(),
        fmt="%d",
        delimiter="\t",
        header="userID\titemID\tx_label",
        comments="",
    )
    if not features:
        return
    for role, name in modality_roles(modality_names(train, "item", modalities)).items():
        x = items[f"x_{name}"].detach().float().cpu()
        mask = items.get(f"mask_{name}")
        if mask is not None:
            mask = mask.cpu().view(-1, 1)
            mean = x.where(mask, x.new_zeros(())).sum(dim=0) / mask.sum().clamp(min=1)
            x = x.where(mask, mean)
        np.save(folder / f"{role}_feat.npy", x.numpy(), allow_pickle=False)
