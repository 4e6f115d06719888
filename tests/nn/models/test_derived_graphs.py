"""Whose derived graph a model reads, when the data holds one already."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import (
    DRAGON,
    FREEDOM,
    LATTICE,
    MGCN,
    MICRO,
    SEA,
    SMORE,
    DualGNN,
    Recommender,
    WithSeparateLearning,
)
from sea_pyg.transforms import (
    ItemKNNGraph,
    ItemWalkGraph,
    KCore,
    MaskModality,
    UserCooccurrence,
)
from sea_pyg.typing import CO_RATES, LEADS_TO, RATES, SIMILAR, EdgeType
from tests.nn.models.base import example_batch, example_data, sum_parts

SEPARATE = {"walk_weight": 1.0, "user_graph": True}
BUYS: EdgeType = ("user", "buys", "item")


def build(cls: type[Recommender], data: HeteroData, **kwargs: Any) -> Recommender:
    torch.manual_seed(0)
    model: Recommender = cls.from_data(data, **kwargs)
    return model.eval()


def assert_own_graphs(model: Recommender, data: HeteroData, bare: HeteroData) -> None:
    """Check that the model makes of ``data`` what it makes of the bare graph."""
    before = copy.copy(data)
    expected, found = model.prepare(bare), model.prepare(data)
    for edge_type in expected.edge_types:
        for key, value in expected[edge_type].to_dict().items():
            other = found[edge_type][key]
            equal = torch.equal(value, other) if torch.is_tensor(value) else None
            assert (value == other) if equal is None else equal, (edge_type, key)
    assert model.prepare(found) is found, "the second call finds its own"
    users = torch.arange(5)
    torch.testing.assert_close(model.score(data, users), model.score(bare, users))
    for store, old in zip(data.edge_stores, before.edge_stores, strict=True):
        assert list(store.values()) == list(old.values()), "the caller's is as it was"


@pytest.mark.parametrize(
    "cls, first, second",
    [
        (FREEDOM, {"k": 2}, {"k": 10}),
        (FREEDOM, {}, {"item_graph_weights": {"image": 0.9, "text": 0.1}}),
        (FREEDOM, {}, {"modalities": ["text"]}),
        (SEA, {"k": 2}, {"k": 5}),
        (SEA, {"user_k": 2, **SEPARATE}, {"user_k": 7, **SEPARATE}),
        (SEA, {"walk_k": 3, **SEPARATE}, {"walk_k": 8, **SEPARATE}),
        (SEA, {"k": 2, **SEPARATE}, {"k": 5, **SEPARATE}),
        (DualGNN, {"k": 3}, {"k": 40}),
        (DRAGON, {"item_k": 2, "user_k": 3}, {"item_k": 5, "user_k": 4}),
        (MGCN, {"k": 3}, {"k": 5}),
        (SMORE, {"k": 3}, {"k": 5}),
        (LATTICE, {"k": 3}, {"k": 5}),
        (MICRO, {"k": 3}, {"k": 5}),
    ],
)
def test_a_graph_of_other_settings_is_made_anew(
    cls: type[Recommender], first: dict[str, Any], second: dict[str, Any]
) -> None:
    data = example_data()
    prepared = build(cls, data, **first).prepare(data)
    assert_own_graphs(build(cls, data, **second), prepared, data)


def test_another_models_graph_is_made_anew() -> None:
    data = example_data()
    prepared = build(FREEDOM, data, k=10).prepare(data)
    model = build(SEA, data, modalities=["text"])
    assert_own_graphs(model, prepared, data)
    plugged = WithSeparateLearning(build(FREEDOM, data, k=3))
    assert_own_graphs(plugged, prepared, data)


def test_one_graph_serves_models_of_equal_settings() -> None:
    data = example_data()
    prepared = build(FREEDOM, data, k=4).prepare(data)
    weights = {"text": 0.5, "image": 0.5}
    for model in (
        build(SEA, data, k=4),
        build(DRAGON, data, item_k=4),
        build(FREEDOM, data, k=4, modalities=["text", "image"]),
        build(FREEDOM, data, k=4, item_graph_weights=weights),
    ):
        found = model.prepare(prepared)[SIMILAR]
        assert found.edge_index is prepared[SIMILAR].edge_index
    by_hand = ItemKNNGraph(4)(data)
    found = build(SEA, data, k=4).prepare(by_hand)[SIMILAR]
    assert found.edge_index is by_hand[SIMILAR].edge_index
    by_hand = UserCooccurrence(7)(data)
    found = build(DualGNN, data, k=7).prepare(by_hand)[CO_RATES]
    assert found.edge_index is by_hand[CO_RATES].edge_index


def test_a_graph_of_other_interactions_is_made_anew() -> None:
    data = example_data()
    data[BUYS].edge_index = data[RATES].edge_index[:, ::3].contiguous()
    prepared = build(DualGNN, data).prepare(data)
    assert_own_graphs(build(DualGNN, data, edge_type=BUYS), prepared, data)
    # The same edge type, with other edges now.
    for model in (build(DualGNN, data), build(SEA, data, **SEPARATE)):
        fewer, bare = model.prepare(data), copy.copy(data)
        fewer[RATES].edge_index = bare[RATES].edge_index = data[BUYS].edge_index
        assert_own_graphs(model, fewer, bare)
    fewer = build(DualGNN, data).prepare(data)
    del fewer[BUYS]
    with pytest.raises(ValueError, match="no edge_index of type .*'buys'"):
        build(DualGNN, data, edge_type=BUYS).prepare(fewer)


def _mask_text(data: HeteroData) -> HeteroData:
    masked: HeteroData = MaskModality({"text": 0.5})(data)
    return masked


def _new_text(data: HeteroData) -> HeteroData:
    data = copy.copy(data)
    data["item"].x_text = data["item"].x_text.flip(0)
    return data


def _core(data: HeteroData) -> HeteroData:
    core: HeteroData = KCore(4)(data)
    return core


@pytest.mark.parametrize("change", [_mask_text, _new_text, _core])
@pytest.mark.parametrize("cls", [FREEDOM, SEA, MGCN])
def test_a_graph_of_other_features_is_made_anew(
    cls: type[Recommender], change: Callable[[HeteroData], HeteroData]
) -> None:
    data = example_data()
    kwargs = SEPARATE if cls is SEA else {}
    prepared = build(cls, data, k=3, **kwargs).prepare(data)
    changed, bare = change(prepared), change(data)
    assert_own_graphs(build(cls, bare, k=3, **kwargs), changed, bare)


def test_features_changed_in_place() -> None:
    data = example_data()
    model = build(FREEDOM, data)
    prepared = model.prepare(data)
    prepared["item"].x_text.neg_()[:9] += 1
    assert_own_graphs(model, prepared, data)


@pytest.mark.parametrize("cls, edge_type", [(FREEDOM, SIMILAR), (DualGNN, CO_RATES)])
def test_a_graph_of_ones_own_is_kept(
    cls: type[Recommender], edge_type: EdgeType
) -> None:
    data = example_data()
    data[edge_type].edge_index = torch.tensor([[0, 1], [1, 2]])
    data[edge_type].edge_weight = torch.tensor([0.5, 0.5])
    assert build(cls, data).prepare(data) is data
    prepared = build(cls, data, k=2).prepare(example_data())
    del prepared[edge_type].made_by
    assert build(cls, data, k=5).prepare(prepared) is prepared
    prepared[edge_type].made_by = "hand"  # no note of ours
    assert build(cls, data, k=5).prepare(prepared) is prepared


def test_walks_over_similar_items_of_ones_own() -> None:
    data = example_data()
    data[SIMILAR].edge_index = torch.tensor([[0, 1], [1, 2]])
    model = build(SEA, data, **SEPARATE)
    prepared = model.prepare(data)
    assert prepared[SIMILAR].edge_index is data[SIMILAR].edge_index
    assert model.prepare(prepared) is prepared
    other = copy.copy(prepared)
    other[SIMILAR].edge_weight = torch.tensor([0.5, 0.25])
    expected = ItemWalkGraph(100, SIMILAR)(other)[LEADS_TO]
    found = model.prepare(other)[LEADS_TO]
    assert torch.equal(found.edge_weight, expected.edge_weight)
    assert not torch.equal(found.edge_weight, prepared[LEADS_TO].edge_weight)


def test_a_graph_outlives_its_features() -> None:
    data = example_data()
    model = build(FREEDOM, data)
    prepared = model.prepare(data)
    del prepared["item"].x_text
    assert model.prepare(prepared) is prepared
    with pytest.raises(ValueError, match="no modality 'text'"):
        build(FREEDOM, data, k=3).prepare(prepared)


def test_two_models_take_turns_on_one_graph() -> None:
    data = example_data()
    first, second = build(FREEDOM, data, k=2), build(FREEDOM, data, k=5)
    prepared = first.prepare(data)
    graphs = [second.prepare(prepared)[SIMILAR].edge_index for _ in range(3)]
    assert graphs[0] is graphs[1] is graphs[2], "made once"
    assert first.prepare(prepared) is prepared


@pytest.mark.parametrize(
    "cls, kwargs, edge_type",
    [
        (DualGNN, {}, CO_RATES),
        (DRAGON, {}, CO_RATES),
        (SEA, {"user_graph": True}, CO_RATES),
        (SMORE, {}, ("item", "similar_text", "item")),
    ],
)
def test_weights_of_a_graph_of_ones_own_learn_after_an_evaluation(
    cls: type[Recommender], kwargs: dict[str, Any], edge_type: EdgeType
) -> None:
    data = example_data()
    model = build(cls, data, **kwargs)
    data = model.prepare(data)
    del data[edge_type].made_by
    fixed = data[edge_type].edge_weight
    users, gradients = torch.arange(5), []
    expected = model.score(data, users)
    for evaluated_first in (False, True):
        weight = data[edge_type].edge_weight = fixed.clone().requires_grad_()
        for _ in range(2):
            if evaluated_first:
                with torch.no_grad():
                    torch.testing.assert_close(model.score(data, users), expected)
            torch.manual_seed(0)
            sum_parts(model.train().loss(data, example_batch(data))).backward()
            model.eval()
            assert weight.grad is not None
            gradients.append(weight.grad)
            weight.grad = None
    assert gradients[0].any()
    for gradient in gradients[1:]:
        torch.testing.assert_close(gradient, gradients[0])
