"""Every option of every model has an effect."""

from typing import Any

import pytest
import torch
from torch import Tensor

from sea_pyg.nn import models
from sea_pyg.nn.models.closed_form import ClosedFormRecommender
from sea_pyg.nn.models.recommender import Recommender
from tests.nn.models.base import example_batch, example_data

SIZES = {"num_users", "num_items", "in_channels", "edge_type"}
IDLE = {
    "": {"chunk_size"},
    "LATTICE": {"search_every"},
    "MICRO": {"search_every"},
    "MMSSL": {"search_every"},
    "MMGCN": {"latent_dim"},
    "SEA": {
        "user_k",
        "walk_k",
        "ranking_temperature",
        "sampling_correction",
        "collapsed",
        "stale_evaluation",
    },
}
"""What changes no number, or none of one step, or belongs to another option."""


def _other(option: str, value: Any) -> Any:
    """Return another value of an option, if its type is one that has an obvious one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int) and option.endswith("k"):
        return 3
    if isinstance(value, int):
        return value + 1 if value % 2 else 2 * value
    if isinstance(value, float):
        return value / 2 if value else 0.5
    return None


def _outcome(model_class: type[Recommender], **options: Any) -> list[Tensor]:
    """Return the losses and scores of a model, and what its parameters are."""
    data = example_data()
    torch.manual_seed(0)
    model = model_class.from_data(data, **options)
    data = model.prepare(data)
    found = []
    if isinstance(model, ClosedFormRecommender):
        model.fit(data)
    else:
        torch.manual_seed(1)
        state = model.train().representations(data)
        estimator = model.estimator_loss(data, state)
        found += [] if estimator is None else [estimator.detach()]
        losses = model.loss(data, example_batch(data), state)
        found += [x.detach() for x in losses.values()]
    torch.manual_seed(1)
    with torch.no_grad():
        found.append(model.eval().score(data, torch.arange(40)))
    return found + [
        torch.tensor([*p.shape, p.requires_grad]) for p in model.parameters()
    ]


def _cases() -> list[tuple[str, str, Any]]:
    cases = []
    for name in models.classes:
        idle = SIZES | IDLE[""] | IDLE.get(name, set())
        settings = getattr(models, name).from_data(example_data()).hparams()
        for option in sorted(settings.keys() - idle):
            value = _other(option, settings[option])
            if value is not None:
                cases.append((name, option, value))
    return cases


@pytest.mark.parametrize(("name", "option", "value"), _cases())
def test_option_counts(name: str, option: str, value: Any) -> None:
    model_class = getattr(models, name)
    before, after = _outcome(model_class), _outcome(model_class, **{option: value})
    assert len(before) != len(after) or not all(map(torch.equal, before, after))
