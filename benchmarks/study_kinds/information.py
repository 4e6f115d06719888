"""Mutual information of parts, by estimators that training knows nothing of.

They are fitted on one half of the items and evaluated on the other, both ways round.
"""

from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from sea_pyg.nn.functional import gaussian_log_density, moments
from sea_pyg.nn.mi import InfoNCE, LinearGaussian
from sea_pyg.report import markdown_table
from study_kinds.parts import STAGES, Trained
from study_kinds.pictures import panels
from study_kinds.reports import Plain, join, measured_cells, spread, write
from study_kinds.variants import FULL

SUBJECT = FULL
OPTIONS: dict[str, Any] = {
    "channels": 16,
    "steps": 100,
    "lr": 1e-2,
    "batch_size": 256,
}
SMOKE: dict[str, Any] = {"channels": 4, "steps": 5}
ESTIMATORS = ("Gaussian", "InfoNCE")


def held_out_information(
    x: Tensor, y: Tensor, seed: int, options: dict[str, Any] = OPTIONS
) -> dict[str, float]:
    r"""Estimate :math:`I(X; Y)` in nats by two estimators.

    Both variables are reduced to their leading principal components. ``Gaussian`` is
    the log-likelihood that a linear q(y|x) in closed form gains over a Gaussian that
    knows nothing of x; ``InfoNCE`` has a bilinear critic.

    Args:
        x: First variable.
        y: Second variable.
        seed: Seed of the halves, and of the critic.
        options: As :data:`OPTIONS`.

    Shapes:
        ``x`` :math:`[N, d_x]`, ``y`` :math:`[N, d_y]`.

    Raises:
        ValueError: If there are fewer than four pairs.
    """
    if len(x) < 4:
        raise ValueError(f"half of the items must be two at least (got {len(x)} items)")
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randperm(len(x), generator=generator).tensor_split(2)
    found = [
        _estimate(x, y, fit, held, generator, options)
        for fit, held in ((first, second), (second, first))
    ]
    return {name: mean(one[name] for one in found) for name in ESTIMATORS}


def _estimate(
    x: Tensor,
    y: Tensor,
    fit: Tensor,
    held: Tensor,
    generator: torch.Generator,
    options: dict[str, Any],
) -> dict[str, float]:
    x, y = (whiten(value, fit, options["channels"]) for value in (x, y))
    linear = LinearGaussian(x.size(1), y.size(1))
    linear.fit(x[fit], y[fit])
    with torch.random.fork_rng():
        torch.manual_seed(generator.initial_seed())
        contrast = InfoNCE(x.size(1), y.size(1), critic="bilinear")
    contrast.fit(
        x[fit],
        y[fit],
        steps=options["steps"],
        lr=options["lr"],
        batch_size=options["batch_size"],
        generator=generator,
    )
    with torch.no_grad():
        own = gaussian_log_density(y[held], *linear(x[held]))
        marginal = gaussian_log_density(y[held], *moments(y[fit]))
        return {
            "Gaussian": float((own - marginal).mean()),
            "InfoNCE": float(contrast(x[held], y[held])),
        }


def whiten(x: Tensor, fit: Tensor, channels: int) -> Tensor:
    """Return the leading principal components, of variance one, of some of the rows.

    Args:
        x: All rows.
        fit: The numbers of those that say what the components are.
        channels: How many components, at most.

    Shapes:
        ``x`` :math:`[N, d]`, ``fit`` :math:`[F]`; returns :math:`[N, C]`.
    """
    x = x.double()
    center = x[fit].mean(dim=0)
    _, scale, axes = torch.linalg.svd(x[fit] - center, full_matrices=False)
    rank = int((scale > 1e-6 * scale[0]).sum())
    count = max(min(channels, rank), 1)
    deviation = scale[:count].clamp(min=1e-12) / len(fit) ** 0.5
    return ((x - center) @ axes[:count].t() / deviation).float()


def measure(trained: Trained, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Estimate the information of all pairs, before and after training."""
    parts = trained.stages()
    rows = []
    for stage in STAGES:
        part = parts[stage]
        pairs = {}
        for name, rows_of in part.present.items():
            for kind, chosen in (("", part.halves), (", as compared", part.compared)):
                generic, unique = chosen[name]
                label = f"{name}: generic and unique{kind}"
                pairs[label] = generic[rows_of], unique[rows_of]
        for a, b in combinations(part.halves, 2):
            both = part.present[a][torch.isin(part.present[a], part.present[b])]
            pair = (part.halves[a].generic[both], part.halves[b].generic[both])
            pairs[f"generic: {a} and {b}"] = pair
        rows += [
            {
                "stage": stage,
                "pair": label,
                **held_out_information(*pair, trained.seed, options),
            }
            for label, pair in pairs.items()
        ]
    return rows


Values = dict[tuple[str, str, str], list[float]]
"""Every seed's estimate, by pair, estimator and stage."""


def collect(found: list[dict[str, Any]]) -> Values:
    """Put the seeds' estimates side by side."""
    values: Values = {}
    for one in found:
        for row in one["rows"]:
            for name in ESTIMATORS:
                key = (row["pair"], name, row["stage"])
                values.setdefault(key, []).append(row[name])
    return values


def result(found: list[dict[str, Any]]) -> tuple[str, Plain]:
    """Return the table of all seeds, and its numbers in full.

    Args:
        found: Each seed's measurements, with the :obj:`"rows"` of :func:`measure`.
    """
    values = collect(found)
    rows, entries = [], []
    for label in dict.fromkeys(pair for pair, _, _ in values):
        for name in ESTIMATORS:
            before, after = (values[label, name, stage] for stage in STAGES)
            change = [b - a for a, b in zip(before, after, strict=True)]
            row: list[Any] = [label, name]
            for numbers in (before, after, change):
                row += [mean(numbers), spread(numbers)]
            rows.append(row)
            entries.append(
                {
                    "pair": label,
                    "estimator": name,
                    "before": before,
                    "after": after,
                    "change": change,
                    "cells": measured_cells("information", found),
                }
            )
    header = ["pair", "estimator", "before", "std", "after", "std", "change", "std"]
    text = (
        "Nats, in the leading principal components, of estimators that were fitted on "
        "one half of the items and evaluated on the other, both ways round; mean and "
        f"standard deviation of {len(found)} seed(s)."
    )
    return join(markdown_table(rows, header), text), {"rows": entries}


def report(out: Path, found: list[dict[str, Any]]) -> None:
    """Write the table and the picture of all seeds.

    Args:
        out: The folder.
        found: Each seed's measurements, with the :obj:`"rows"` of :func:`measure`.
    """
    values = collect(found)
    labels = list(dict.fromkeys(pair for pair, _, _ in values))
    figure, axes = panels(len(ESTIMATORS), 2, 4.5, 1.2 + 0.5 * len(labels))
    for axis, name in zip(axes, ESTIMATORS, strict=True):
        for shift, stage in zip((-0.2, 0.2), STAGES, strict=True):
            numbers = [values[label, name, stage] for label in labels]
            axis.barh(
                [i + shift for i in range(len(labels))],
                [mean(n) for n in numbers],
                0.38,
                xerr=[spread(n) or 0.0 for n in numbers],
                label=f"{stage} training",
            )
        axis.set_title(name)
        axis.set_yticks(range(len(labels)), labels if axis is axes[0] else [])
        axis.invert_yaxis()
        axis.set_xlabel("nats")
        axis.grid(alpha=0.3, axis="x")
    axes[0].legend(fontsize="small")
    write(out, "information", *result(found), figure)
