import copy
import pickle

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sea_pyg.nn.models import LATTICE, MICRO, MMSSL, Recommender
from sea_pyg.nn.models.learned_item_graph import LearnedItemGraph
from sea_pyg.nn.models.periodic_search import PeriodicSearch
from sea_pyg.nn.models.preference_graph import PreferenceGraph
from tests.nn.models.base import example_batch, example_data


def due(schedule: PeriodicSearch, calls: int) -> list[bool]:
    return [schedule.search_is_due() for _ in range(calls)]


def test_searches_in_every_third_training_call() -> None:
    schedule = PeriodicSearch(3)
    assert due(schedule, 4) == [True, False, False, True]
    assert due(schedule.eval(), 2) == [True, True]
    assert due(schedule.train(), 3) == [False, False, True]
    assert int(schedule.step) == 7
    schedule.reset_parameters()
    assert int(schedule.step) == 0
    assert due(schedule, 2) == [True, False]


def copied(schedule: PeriodicSearch) -> PeriodicSearch:
    return copy.deepcopy(schedule)


def pickled(schedule: PeriodicSearch) -> PeriodicSearch:
    out = pickle.loads(pickle.dumps(schedule))
    assert isinstance(out, PeriodicSearch)
    return out


def loaded(schedule: PeriodicSearch) -> PeriodicSearch:
    out = PeriodicSearch(3)
    out.search_is_due()
    out.load_state_dict(schedule.state_dict())
    return out


def loaded_within(schedule: PeriodicSearch) -> PeriodicSearch:
    out = torch.nn.ModuleDict({"inner": PeriodicSearch(3)})
    saved = {"inner.step": schedule.step.clone()}
    out.load_state_dict(saved, assign=True)
    inner = out["inner"]
    assert isinstance(inner, PeriodicSearch)
    return inner


@pytest.mark.parametrize("taken", [copied, pickled, loaded, loaded_within])
def test_goes_on_where_it_was(taken) -> None:
    schedule = PeriodicSearch(3)
    due(schedule, 2)
    other = taken(schedule)
    assert list(other.state_dict()) == ["step"]
    assert int(other.step) == 2
    assert due(other, 4) == due(schedule, 4) == [False, True, False, False]
    assert int(other.step) == int(schedule.step) == 6


def test_keeps_its_count_where_none_was_saved() -> None:
    schedule = PeriodicSearch(3)
    due(schedule, 2)
    schedule.load_state_dict({}, strict=False)
    assert due(schedule, 2) == [False, True]


def test_another_shape_is_refused_by_torch() -> None:
    schedule = PeriodicSearch(3)
    with pytest.raises(RuntimeError, match="size mismatch for step"):
        schedule.load_state_dict({"step": torch.zeros(2, 1, dtype=torch.long)})


def test_reads_no_tensor() -> None:
    """As a GPU would have to be waited for: on ``meta`` there is nothing to read."""
    schedule = PeriodicSearch(3).to("meta")
    assert due(schedule, 4) == [True, False, False, True]


@pytest.mark.parametrize(
    ("model_class", "graph"),
    [(LATTICE, LearnedItemGraph), (MICRO, LearnedItemGraph), (MMSSL, PreferenceGraph)],
)
def test_models_search_as_often_as_they_are_told(
    model_class: type[Recommender],
    graph: type[PeriodicSearch],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = example_data(("text",))
    model = model_class.from_data(data, search_every=3)
    found, search = [], graph._search
    monkeypatch.setattr(graph, "_search", lambda *x: found.append(1) or search(*x))
    for _ in range(4):
        model.loss(data, example_batch(data))
    assert len(found) == 2


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_a_recomputation_does_what_the_forward_did(use_reentrant: bool) -> None:
    schedule, found = PeriodicSearch(2), []

    def layer(x: Tensor) -> Tensor:
        found.append(schedule.search_is_due())
        return x.exp()

    for _ in range(4):
        x = torch.ones(3, requires_grad=True)
        checkpoint(layer, x, use_reentrant=use_reentrant).sum().backward()
    assert found == [True, True, False, False, True, True, False, False]
    assert int(schedule.step) == 4
