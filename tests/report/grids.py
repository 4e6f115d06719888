"""Small grids, as `benchmarks/compare.py` writes them."""

import json
from pathlib import Path
from typing import Any

import torch

from sea_pyg.evaluation import EvaluationResult

USERS = 40
METHODS = {"SEA": 0.30, "LightGCN": 0.25, "EASE": 0.28, "BPRMF": 0.10}
FIXED = "EASE"
PARAMETERS = [900, 1000, 20, 30000]
TRIALS = [
    {"number": 0, "setting": {}, "value": 0.2},
    {"number": 1, "setting": {"lr": 0.001234567}, "value": 0.3},
]
"""Of the second method; those of the others are best as published."""


def write_grid(folder: Path, data: str = "fake", split: str = "own") -> Path:
    """Write three seeds of every method, and one of the one that has no seed."""
    for n, (method, level) in enumerate(METHODS.items()):
        for seed in range(1 if method == FIXED else 3):
            write_cell(folder, method, seed, level + 0.005 * seed, n, data, split)
    return folder


def write_cell(
    folder: Path,
    method: str,
    seed: int,
    level: float,
    number: int = 0,
    data: str = "fake",
    split: str = "own",
    **more: Any,
) -> Path:
    """Write a cell of which the users' values lie around ``level``."""
    generator = torch.Generator().manual_seed(1000 * number + seed)
    noise = torch.rand(USERS, generator=generator) / 10 - 0.05
    values = (level + noise).clamp(0, 1)
    per_user = {"recall@20": values, "ndcg@20": values / 2}
    metrics = {name: float(v.double().mean()) for name, v in per_user.items()}
    beyond: dict[str, float | None] = {
        "coverage@20": 0.5 + 0.1 * number,
        "gini@20": 0.9 - 0.2 * number,
        "novelty@20": 3.0 + number,
        "cold_recall@20": None if number == 1 else 0.01 * number,
    }
    epochs = 0 if method == FIXED else 6
    plain = {
        "data": data,
        "split": split,
        "method": method,
        "setting": {"lr": 0.001234567} if number == 1 else {},
        "request": {"trials": 2, "epochs": 6, "trial_epochs": 3, "fixed": {}},
        "trials": TRIALS if number == 1 else TRIALS[:1],
        "seed": seed,
        "deterministic": method == FIXED,
        "best_epoch": 4 if epochs else 0,
        "epochs": epochs,
        "parameters": PARAMETERS[number],
        "parameters_with_gradient": PARAMETERS[number] - 1,
        "valid": {name: 0.9 * value for name, value in metrics.items()},
        "test": metrics | beyond,
        "test_users": USERS,
        "per_user": f"seed-{seed}.safetensors",
        "history": [
            {"epoch": n, "loss/total": 1 / n, "val/recall@20": level * n / epochs}
            for n in range(1, epochs + 1)
        ],
        "data_fingerprint": {"interactions": "1" * 64, "x_text": "2" * 64},
        "environment": {
            "python": "3.11.7",
            "packages": {"torch": "2.13.0", "optuna": None},
            "sha256": "3" * 64,
        },
        **more,
    }
    path = folder / f"{data}-{split}" / f"method-{number}" / f"seed-{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plain))
    time = {"seconds_per_epoch": 0.5 * (number + 1)}
    path.with_suffix(".time.json").write_text(json.dumps(time))
    users = torch.arange(USERS)
    result = EvaluationResult(
        metrics, per_user, users, torch.ones_like(users), 50, "train"
    )
    result.save(path.with_suffix(".safetensors"))
    return path
