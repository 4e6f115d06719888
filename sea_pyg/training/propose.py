"""The next setting of a search, from those that were tried."""

import hashlib
import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from sea_pyg.training.log_uniform import LogUniform
from sea_pyg.training.search_spaces import SearchSpace
from sea_pyg.utils import require

_STARTUP = 5
"""Trials before the sampler learns from them: the published one and random ones."""


class Tried(Protocol):
    """What is known of a trial."""

    @property
    def setting(self) -> Mapping[str, Any]:
        """What differs from the published setting."""

    @property
    def value(self) -> float | None:
        """The validation metric; ``None`` if training failed."""


def propose(
    space: SearchSpace,
    published: Mapping[str, Any],
    trials: Sequence[Tried],
    seed: str,
) -> dict[str, Any] | None:
    """Return the next setting, or ``None`` if all have been tried."""
    if not space:
        return None
    optuna = require("optuna", "tune")
    distributions: dict[str, Any] = {}
    with warnings.catch_warnings():
        # A mapping as a choice is told to be hard to store; nothing is stored there.
        warnings.filterwarnings("ignore", message="Choices for a categorical")
        for name, values in space.items():
            if isinstance(values, LogUniform):
                distributions[name] = optuna.distributions.FloatDistribution(
                    values.low, values.high, log=True
                )
            else:
                distributions[name] = optuna.distributions.CategoricalDistribution(
                    values
                )
    tried = [{**published, **trial.setting} for trial in trials]
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # A sampler of its own for every trial: nothing but the trials is remembered.
    digest = hashlib.sha256(f"{seed};{len(trials)}".encode()).digest()
    try:
        sampler = optuna.samplers.TPESampler(
            seed=int.from_bytes(digest[:4], "little"), n_startup_trials=_STARTUP
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for trial, setting in zip(trials, tried, strict=True):
            inside = all(
                name in setting and _contains(values, setting[name])
                for name, values in space.items()
            )
            if inside and trial.value is not None:
                study.add_trial(
                    optuna.trial.create_trial(
                        params=setting, distributions=distributions, value=trial.value
                    )
                )
        for _ in range(100):
            found = study.ask(distributions)
            if found.params not in tried:
                return dict(found.params)
            # Told as it is known, so that the sampler looks elsewhere.
            study.tell(found, state=optuna.trial.TrialState.FAIL)
    finally:
        optuna.logging.set_verbosity(verbosity)
    # The sampler insists on what it knows; what is left of a small space is drawn.
    left = [setting for setting in _settings(space) if setting not in tried]
    return left[int.from_bytes(digest[4:8], "little") % len(left)] if left else None


def _settings(space: SearchSpace) -> Iterator[dict[str, Any]]:
    """Yield all settings of a space without ranges; nothing of another."""
    choices = [
        values for values in space.values() if not isinstance(values, LogUniform)
    ]
    if len(choices) == len(space):
        for values in itertools.product(*choices):
            yield dict(zip(space, values, strict=True))


def _contains(values: tuple[Any, ...] | LogUniform, value: Any) -> bool:
    if isinstance(values, LogUniform):
        return isinstance(value, int | float) and values.low <= value <= values.high
    return value in values
