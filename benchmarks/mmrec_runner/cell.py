"""Cells of a grid that MMRec fills."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmrec_runner.checkout import Method
from mmrec_runner.errors import DivergedError
from mmrec_runner.run import Runner
from sea_pyg.training import Trial, best_trial, data_fingerprint, environment
from sea_pyg.training.atomic import write_text


def tune_mmrec(
    runner: Runner, method: Method, trials: int, seed: int, epochs: int, folder: Path
) -> list[Trial]:
    """Try settings of MMRec's own lists and keep their validation metric alone.

    MMRec's search prints the setting that is best in test; here every setting is a run
    of its own, of which validation Recall@20 at the best epoch is kept and the test
    metrics are not. Finished trials in ``folder`` are read.

    Args:
        runner: Runs MMRec.
        method: The model and its fixed options.
        trials: The budget; the first setting of MMRec's lists is one of them.
        seed: Seed of all trials.
        epochs: At most, per trial.
        folder: Where trials are kept, as ``trial-000.json`` and so on.

    Returns:
        The trials; none if there is but one setting or no budget.

    Raises:
        MMRecError: If MMRec fails in another way than by a loss that is NaN.
        ValueError: If a trial in ``folder`` is damaged.
    """
    settings = runner.checkout.proposals(method, trials)
    if trials < 1 or len(settings) == 1:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number, setting in enumerate(settings):
        path = folder / f"trial-{number:03d}.json"
        if path.is_file():
            found.append(Trial.load(path))
            continue
        try:
            log = path.with_suffix(".log")
            result = runner.run(method.model, setting, seed, epochs, log).result
            value = result.valid["recall@20"]
            trial = Trial(number, setting, value, result.best_epoch, result.epochs)
        except DivergedError as error:
            trial = Trial(number, setting, None, error=str(error))
        write_text(path, json.dumps(asdict(trial), indent=1) + "\n")
        found.append(trial)
    return found


def run_mmrec_cell(
    runner: Runner,
    method: Method,
    trials: list[Trial],
    seed: int,
    epochs: int,
    path: Path,
    about: Mapping[str, Any],
) -> None:
    """Train a model with its best setting, test it, and keep what MMRec prints.

    The cell is a file as of :func:`sea_pyg.training.run_cell`, but without values per
    user (``per_user`` is null), which MMRec does not print; ``valid`` and ``test`` are
    of the epoch that is best in validation Recall@20. ``seed-0.log`` beside it is
    MMRec's output. The seconds in ``seed-0.time.json`` are those of the process, with
    its start and its test evaluation of every epoch.

    Raises:
        MMRecError: If MMRec fails.
    """
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    known = runner.checkout.options(method.model)
    first = runner.checkout.proposals(method, 0)[0]
    setting = best_trial(trials).setting if trials else first
    log = path.with_suffix(".log")
    result, seconds, versions = runner.run(method.model, setting, seed, epochs, log)
    plain = {
        **about,
        "setting": setting,
        "trials": [asdict(trial) for trial in trials],
        "seed": seed,
        "deterministic": not known.get("req_training", True),
        "best_epoch": result.best_epoch,
        "epochs": result.epochs,
        "parameters": result.parameters,
        "parameters_with_gradient": None,
        "valid": result.valid,
        "test": result.test,
        "per_user": None,
        "history": result.history,
        "data_fingerprint": data_fingerprint(runner.splits),
        "environment": environment(),
        "mmrec": {"source": runner.checkout.fingerprint(), **versions},
    }
    time = {
        "seconds": round(seconds, 3),
        "seconds_per_epoch": round(seconds / result.epochs, 4),
    }
    write_text(path.with_suffix(".time.json"), json.dumps(time) + "\n")
    write_text(path, json.dumps(plain, indent=1, allow_nan=False) + "\n")
