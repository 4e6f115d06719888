"""Generic and unique parts as points in a plane, before and after training."""

from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from sea_pyg.report import markdown_table
from study_kinds.parts import STAGES, Trained
from study_kinds.pictures import panels
from study_kinds.reports import Plain, join, measured_cells, spread, write
from study_kinds.variants import FULL

SUBJECT = FULL
OPTIONS: dict[str, Any] = {"max_items": 500, "perplexity": 30, "random_state": 0}
SMOKE: dict[str, Any] = {"max_items": 20}
KINDS = ("generic", "unique")


def measure(trained: Trained, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Map both parts of every modality to a plane by t-SNE, some items at most.

    Args:
        trained: The model; its seed chooses the items.
        options: As :data:`OPTIONS`.
    """
    parts = trained.stages()
    rows = []
    for stage in STAGES:
        for name, pair in parts[stage].halves.items():
            present = parts[stage].present[name]
            generator = torch.Generator().manual_seed(trained.seed)
            order = torch.randperm(len(present), generator=generator)
            chosen = present[order[: options["max_items"]].sort().values]
            points, silhouette = plane(
                pair.generic[chosen], pair.unique[chosen], options
            )
            rows.append(
                {
                    "stage": stage,
                    "modality": name,
                    "silhouette": silhouette,
                    **dict(zip(KINDS, points, strict=True)),
                }
            )
    return rows


def plane(
    generic: Tensor, unique: Tensor, options: dict[str, Any] = OPTIONS
) -> tuple[list[Any], float]:
    """Map two clouds of points to a plane together, and say how far apart they are.

    Returns:
        The points of both, :math:`[N, 2]` as lists, and the silhouette of the two
        clouds where they came from: 1 if they are far apart, 0 if they are mixed.

    Raises:
        ValueError: If there are fewer than four items.
    """
    from sklearn.manifold import TSNE
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    count = len(generic)
    if count < 4:
        raise ValueError(f"a picture needs four items or more (got {count})")
    x = torch.cat([generic, unique]).double().numpy()
    labels = [0] * count + [1] * count
    with threadpool_limits(1):  # sums in a fixed order
        tsne = TSNE(
            perplexity=min(options["perplexity"], (2 * count - 1) / 3),
            init="pca",
            random_state=options["random_state"],
        )
        points = tsne.fit_transform(x).round(3).tolist()
        silhouette = float(silhouette_score(x, labels))
    return [points[:count], points[count:]], silhouette


def result(found: list[dict[str, Any]]) -> tuple[str, Plain]:
    """Return the table of all seeds, and its numbers in full.

    Args:
        found: Each seed's measurements, with the :obj:`"rows"` of :func:`measure`.
    """
    first = found[0]
    names = list(dict.fromkeys(row["modality"] for row in first["rows"]))
    rows, entries = [], []
    for name in names:
        cells: list[Any] = [name]
        entry: dict[str, Any] = {"modality": name}
        for stage in STAGES:
            values = [
                row["silhouette"]
                for one in found
                for row in one["rows"]
                if (row["modality"], row["stage"]) == (name, stage)
            ]
            cells += [mean(values), spread(values)]
            entry[stage] = values
        rows.append(cells)
        entries.append({**entry, "cells": measured_cells("embeddings", found)})
    table = markdown_table(rows, ["modality", "before", "std", "after", "std"])
    text = (
        "Silhouette of the generic and the unique parts in the space of the features, "
        f"mean and standard deviation of {len(found)} seed(s). The picture is that of "
        f"seed {first['seed']}, by t-SNE."
    )
    return join(table, text), {"rows": entries}


def report(out: Path, found: list[dict[str, Any]]) -> None:
    """Write the table of all seeds, and the picture of the first.

    Args:
        out: The folder.
        found: Each seed's measurements, with the :obj:`"rows"` of :func:`measure`.
    """
    first = found[0]
    names = list(dict.fromkeys(row["modality"] for row in first["rows"]))
    figure, axes = panels(2 * len(names), 2, 3.8, 3.6)
    for axis, row in zip(
        axes,
        sorted(first["rows"], key=lambda row: names.index(row["modality"])),
        strict=True,
    ):
        for kind in KINDS:
            x, y = zip(*row[kind], strict=True)
            axis.scatter(x, y, s=5, linewidths=0, label=kind)
        axis.set_title(f"{row['modality']}, {row['stage']} training")
        axis.set_xticks([])
        axis.set_yticks([])
    axes[0].legend(fontsize="small", markerscale=2)
    write(out, "embeddings", *result(found), figure)
