"""What is tuned of every model; the published setting is always the first trial."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sea_pyg.nn import models
from sea_pyg.nn.models import Recommender, model_name
from sea_pyg.training.fit_setting import build_setting
from sea_pyg.training.log_uniform import LogUniform
from sea_pyg.utils import closest

SearchSpace = dict[str, "tuple[Any, ...] | LogUniform"]
"""Choices or ranges by the names of a model's arguments and of training's options."""

_LR = LogUniform(3e-4, 3e-3)
_REG = LogUniform(1e-6, 1e-1)
_LAYERS = (1, 2, 3, 4)
_TEMPERATURE = LogUniform(0.03, 1.0)

_NO_SETTING = ("seed", "metric", "eval_k", "max_epochs", "device")
"""Options of training that are no settings of a model."""

SEARCH_SPACES: dict[str, SearchSpace] = {
    "Popularity": {},
    "ItemKNN": {
        "k": (5, 10, 20, 50, 100, 200, 400),
        "shrink": (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
    },
    "EASE": {"l2_weight": LogUniform(1.0, 1e4)},
    "BPRMF": {"lr": _LR, "reg_weight": LogUniform(1e-4, 1.0)},
    "LightGCN": {"lr": _LR, "num_layers": _LAYERS, "reg_weight": _REG},
    "LayerGCN": {"lr": _LR, "num_layers": _LAYERS, "reg_weight": _REG},
    "VBPR": {"lr": _LR, "reg_weight": LogUniform(1e-4, 10.0)},
    "MMGCN": {"lr": _LR, "num_layers": _LAYERS, "reg_weight": _REG},
    "GRCN": {"lr": _LR, "num_layers": _LAYERS, "reg_weight": _REG},
    "DualGNN": {"lr": _LR, "num_layers": _LAYERS, "reg_weight": _REG},
    "LATTICE": {"lr": _LR, "num_layers": _LAYERS, "reg_weight": _REG},
    "MICRO": {
        "lr": _LR,
        "num_layers": _LAYERS,
        "reg_weight": _REG,
        "cl_weight": LogUniform(1e-3, 0.3),
    },
    "SLMRec": {
        "lr": _LR,
        "num_layers": _LAYERS,
        "ssl_weight": LogUniform(1e-3, 0.3),
        "ssl_temperature": _TEMPERATURE,
    },
    "BM3": {
        "lr": _LR,
        "num_layers": (1, 2),
        "dropout": (0.3, 0.5),
        "reg_weight": LogUniform(1e-3, 0.3),
    },
    "MMSSL": {
        "lr": _LR,
        "num_layers": (1, 2, 3),
        "cl_weight": LogUniform(1e-3, 0.3),
        "reg_weight": _REG,
    },
    "FREEDOM": {
        "lr": _LR,
        "num_layers": _LAYERS,
        "dropout": (0.5, 0.8, 0.9),
        "reg_weight": _REG,
    },
    "MGCN": {
        "lr": _LR,
        "num_layers": _LAYERS,
        "cl_weight": LogUniform(1e-3, 0.3),
        "temperature": _TEMPERATURE,
    },
    "DRAGON": {"lr": _LR, "num_layers": _LAYERS, "reg_weight": _REG},
    "LGMRec": {
        "lr": _LR,
        "num_hyperedges": (4, 8, 16, 32),
        "alpha": (0.1, 0.2, 0.3, 0.5),
        "cl_weight": LogUniform(1e-6, 1e-2),
    },
    "SMORE": {
        "lr": _LR,
        "num_layers": _LAYERS,
        "cl_weight": LogUniform(1e-3, 0.3),
        "dropout": (0.0, 0.1, 0.3),
    },
    "SEA": {
        "lr": _LR,
        "num_layers": _LAYERS,
        "alpha": LogUniform(1e-3, 1.0),
        "beta": LogUniform(1e-4, 1e-1),
        "temperature": _TEMPERATURE,
    },
    "SEA:tuned": {
        "lr": _LR,
        "num_layers": _LAYERS,
        "ranking_temperature": LogUniform(0.1, 0.4),
        "sampling_correction": (0.0, 0.25, 0.5, 0.75, 1.0),
        "walk_weight": (0.0, 6.0, 12.0, 24.0),
    },
}
"""The space of every model that :mod:`sea_pyg.nn.models` exports, by its name, and of
presets that have other options."""


def search_space(model: type[Recommender], preset: str | None = None) -> SearchSpace:
    """Return the entry of :data:`SEARCH_SPACES` of a preset, or else of its model.

    That of a model of your own has its name, or ``package.module.Class``.

    Args:
        model: The model's class.
        preset: A preset of it. (default: none)

    Raises:
        ValueError: If there is none.
    """
    # A class of one's own that has the name of one of ours does not have its space.
    named = model_name(model)
    own = getattr(models, model.__name__, model) is model
    name = model.__name__ if own and named not in SEARCH_SPACES else named
    if f"{name}:{preset}" in SEARCH_SPACES:
        return SEARCH_SPACES[f"{name}:{preset}"]
    if name not in SEARCH_SPACES:
        raise ValueError(
            f"no search space for {name!r}: {closest(name, SEARCH_SPACES)}; add an "
            "entry to SEARCH_SPACES, pass one to tune (sea-pyg tune --search), or make "
            "no trials (compare.py --trials 0)"
        )
    return SEARCH_SPACES[name]


def check_space(
    space: SearchSpace, model: type[Recommender], fixed: Mapping[str, Any], *how: Any
) -> None:
    """Check, before the first trial, that every value can be built and written.

    Args:
        space: The space.
        model: The model's class.
        fixed: Settings of all trials.
        *how: Further arguments of :func:`~sea_pyg.training.build_setting`.

    Raises:
        ValueError: If a name is no setting, or a value is wrong.
    """
    for name, values in space.items():
        if name in _NO_SETTING:
            raise ValueError(
                f"{name!r} cannot be searched: trials would not be compared by one "
                "measure; give all trials one value"
            )
        if isinstance(values, LogUniform):
            if not 0 < values.low <= values.high:
                raise ValueError(
                    f"the range of {name!r} must have 0 < low <= high (got {values})"
                )
            ends: Sequence[Any] = (values.low, values.high)
        else:
            ends = values
            if len(ends) == 0:
                raise ValueError(f"the space of {name!r} has no value; give some")
        for value in ends:
            try:
                json.dumps(value, allow_nan=False)
                build_setting(model, {**fixed, name: value}, *how)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{name}={value!r} of the search space: {error}"
                ) from error
