import copy
import io

import numpy as np
import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, HeteroData, InMemoryDataset

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.transforms import (
    ItemKNNGraph,
    ItemWalkGraph,
    RandomUserSplit,
    UserCooccurrence,
)
from sea_pyg.typing import CO_RATES, LEADS_TO, RATES, SIMILAR
from sea_pyg.utils import (
    edges_digest,
    feature_digests,
    graph_note,
    has_graph,
    made_of_interactions,
)

DERIVED = (SIMILAR, CO_RATES, LEADS_TO)


@pytest.fixture
def data() -> HeteroData:
    return FakeMultimodalDataset(40, 30, {"a": 4, "b": 4}, avg_degree=8)[0]


@pytest.fixture
def derived(data: HeteroData) -> HeteroData:
    for transform in (ItemKNNGraph(5), UserCooccurrence(5), ItemWalkGraph(5, SIMILAR)):
        data = transform(data)
    return data


def test_the_note_survives(derived: HeteroData, tmp_path) -> None:
    file = io.BytesIO()
    torch.save(derived.to_dict(), file)
    file.seek(0)
    batch = Batch.from_data_list([derived, derived.clone()])
    path = str(tmp_path / "data.pt")
    InMemoryDataset.save([derived, derived.clone()], path)
    saved = InMemoryDataset(str(tmp_path))
    saved.load(path, data_cls=HeteroData)
    copies = [
        copy.copy(derived),
        copy.deepcopy(derived),
        derived.clone(),
        derived.to("cpu"),
        derived.clone().contiguous().coalesce(),
        HeteroData.from_dict(derived.to_dict()),
        HeteroData.from_dict(torch.load(file, weights_only=True)),
        batch.get_example(1),
        saved[1],
    ]
    for other in copies:
        assert other.validate()
        for edge_type in DERIVED:
            assert other[edge_type].made_by == derived[edge_type].made_by
    assert derived.num_edges == sum(s.edge_index.size(1) for s in derived.edge_stores)
    assert "made_by" not in derived[CO_RATES].edge_attrs()


def test_notes_are_equal_across_copies(data: HeteroData) -> None:
    # Of equal content, and of content that stands elsewhere in another order.
    other = data.clone()
    order = torch.randperm(data[RATES].edge_index.size(1))
    other[RATES].edge_index = other[RATES].edge_index[:, order]
    other["item"].mask_a = torch.ones(30, dtype=torch.bool)
    for make in (ItemKNNGraph(5).note, UserCooccurrence(5).note, ItemWalkGraph(5).note):
        assert make(data) == make(other)


@pytest.mark.parametrize(
    "first, second",
    [
        (ItemKNNGraph(5), ItemKNNGraph(6)),
        (ItemKNNGraph(5), ItemKNNGraph(5, edge_value="cosine")),
        (ItemKNNGraph(5), ItemKNNGraph(5, loop=False)),
        (ItemKNNGraph(5), ItemKNNGraph(5, modalities=["a"])),
        (ItemKNNGraph(5), ItemKNNGraph(5, weights={"a": 0.4, "b": 0.6})),
        (UserCooccurrence(5), UserCooccurrence(None)),
        (UserCooccurrence(5), ItemWalkGraph(5)),
        (ItemWalkGraph(5), ItemWalkGraph(6)),
    ],
)
def test_notes_differ(data: HeteroData, first, second) -> None:
    assert first.note(data) != second.note(data)


def test_the_note_of_walks_tells_the_similar_items(derived: HeteroData) -> None:
    walks = ItemWalkGraph(5, SIMILAR)
    note = walks.note(derived)
    assert note != ItemWalkGraph(5).note(derived)
    derived[SIMILAR].edge_weight = derived[SIMILAR].edge_weight * 2
    assert note != walks.note(derived)


def test_what_changes_no_edge_is_not_noted(data: HeteroData) -> None:
    note = ItemKNNGraph(5).note(data)
    assert ItemKNNGraph(5, modalities=["b", "a"], chunk_size=3).note(data) == note
    assert ItemKNNGraph(5, weights={"b": 0.5, "a": 0.5}).note(data) == note
    alone = ItemKNNGraph(5, modalities=["a"]).note(data)
    assert ItemKNNGraph(np.int64(5), weights={"a": 1, "b": 0}).note(data) == alone
    note = UserCooccurrence(5, block_size=7).note(data)
    assert UserCooccurrence(5).note(data) == note


def test_digests_of_features(data: HeteroData) -> None:
    store = data["item"]
    digests = feature_digests(data, ["a", "b", "c"], "item")
    assert digests.keys() == {"x_a", "x_b"}
    assert digests["x_a"] != digests["x_b"]
    store.mask_a = torch.arange(30) > 3
    masked = feature_digests(data, ["a"], "item")["x_a"]
    assert masked != digests["x_a"]
    store.mask_a[:] = True
    assert feature_digests(data, ["a"], "item")["x_a"] == digests["x_a"]
    store.x_a = store.x_a.t().contiguous().t().requires_grad_()
    assert feature_digests(data, ["a"], "item")["x_a"] == digests["x_a"]
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        store.x_a = store.x_b.to(dtype)
        assert len(feature_digests(data, ["a"], "item")["x_a"]) == 16


def test_digest_of_edges() -> None:
    edges = torch.tensor([[0, 1], [1, 2]])
    weight = torch.tensor([0.5, 1.0])
    digest = edges_digest(edges, weight)
    assert edges_digest(edges.clone(), weight.clone()) == digest
    assert edges_digest(EdgeIndex(edges), weight) == digest
    assert edges_digest(edges, None) != digest
    assert edges_digest(edges, weight.flip(0)) != digest
    weight[0] = 2
    assert edges_digest(edges, weight) != digest
    assert len(edges_digest(edges[:, :0], weight[:0])) == 16


def test_what_is_no_note_is_ones_own(data: HeteroData) -> None:
    note = graph_note("Other", {"x": "0"})

    def never(_: HeteroData) -> str:
        raise AssertionError("compared a graph without a note")

    assert not has_graph(data, SIMILAR, never)
    data[SIMILAR].edge_index = torch.zeros(2, 1, dtype=torch.long)
    for value in (None, "me", "[1]", '{"a": 1}', [note, note], 3):
        data[SIMILAR].made_by = value
        assert has_graph(data, SIMILAR, never)
    data[SIMILAR].made_by = note
    assert has_graph(data, SIMILAR, lambda _: note)
    assert not has_graph(data, SIMILAR, lambda _: graph_note("Other", {"x": "1"}))


def test_splits_keep_the_note_of_similar_items(data: HeteroData) -> None:
    data = ItemKNNGraph(5)(data)
    for part in RandomUserSplit()(data):
        assert (
            part[SIMILAR].made_by == data[SIMILAR].made_by == ItemKNNGraph(5).note(part)
        )


def test_edges_between_two_types_may_have_any_relation(data: HeteroData) -> None:
    store = data["user", LEADS_TO[1], "item"]
    store.edge_index = data[RATES].edge_index[:, :3]
    assert made_of_interactions(data) == []
    data["item", LEADS_TO[1], "item"].edge_index = store.edge_index
    assert made_of_interactions(data) == [LEADS_TO]
