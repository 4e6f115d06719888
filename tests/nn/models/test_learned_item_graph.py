import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import LATTICE, MICRO, Recommender
from sea_pyg.nn.models.learned_item_graph import (
    ItemEdges,
    LearnedItemGraph,
    normalize_edges,
    out_degree,
)
from sea_pyg.typing import RATES
from tests.nn.models.base import example_batch, example_data, train


def dense(edges: ItemEdges, num_items: int) -> torch.Tensor:
    """Row = item, column = neighbour."""
    matrix = torch.zeros(num_items, num_items, dtype=edges.weight.dtype)
    matrix[edges.edge_index[1], edges.edge_index[0]] = edges.weight
    return matrix


def test_values_and_gradients_are_those_of_the_dense_graph() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 4, dtype=torch.double, generator=generator)
    weight = torch.randn(20, 20, dtype=torch.double, generator=generator)
    results = []
    for is_dense in (True, False):
        leaf = x.clone().requires_grad_()
        if is_dense:
            unit = leaf / leaf.norm(dim=1, keepdim=True)
            cosine = unit @ unit.t()
            value, index = cosine.topk(5, dim=1)
            graph = torch.zeros_like(cosine).scatter(1, index, value)
            inverse = graph.sum(dim=1).rsqrt()
            graph = inverse.view(-1, 1) * graph * inverse
        else:
            learned = LearnedItemGraph(20, ["text"], k=5, chunk_size=7)
            edges = learned({"text": leaf})["text"]
            graph = dense(normalize_edges(edges, out_degree(edges, 20)), 20)
        (gradient,) = torch.autograd.grad((graph * weight).sum(), leaf)
        results.append((graph.detach(), gradient))
    torch.testing.assert_close(results[0], results[1])


def test_keeps_neighbours_between_searches() -> None:
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    graph = LearnedItemGraph(20, ["text"], k=3, search_every=2)
    first = graph({"text": x})["text"]
    second = graph({"text": -x.roll(1, 0)})["text"]
    third = graph({"text": x.roll(1, 0)})["text"]
    assert torch.equal(first.edge_index, second.edge_index)
    assert not torch.equal(first.edge_index, third.edge_index)
    assert not torch.equal(first.weight, second.weight)


def test_evaluation_always_searches_and_changes_nothing() -> None:
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    graph = LearnedItemGraph(20, ["text"], k=3, search_every=100)
    graph({"text": x})
    before = {name: value.clone() for name, value in graph.state_dict().items()}
    graph.eval()
    edges = graph({"text": x.roll(1, 0)})["text"]
    fresh = LearnedItemGraph(20, ["text"], k=3).eval()({"text": x.roll(1, 0)})["text"]
    assert torch.equal(edges.edge_index, fresh.edge_index)
    for name, value in graph.state_dict().items():
        assert torch.equal(value, before[name])


def test_items_without_the_modality_stay_apart() -> None:
    x = torch.ones(6, 2)
    mask = torch.tensor([True, False, True, True, False, True])
    edges = LearnedItemGraph(6, ["text"], k=5)({"text": x}, {"text": mask})["text"]
    matrix = dense(edges, 6)
    assert (matrix[~mask] == 0).all()
    assert (matrix[:, ~mask] == 0).all()
    torch.testing.assert_close(matrix.diagonal()[mask], torch.ones(4))
    normalized = normalize_edges(edges, out_degree(edges, 6))
    assert normalized.weight.isfinite().all()


@pytest.mark.parametrize("model_class", [LATTICE, MICRO])
def test_rows_of_zeros_are_missing(model_class: type[Recommender]) -> None:
    """Not each other's nearest, which the maps' bias would make of them."""
    found = []
    for masked in (False, True):
        data = example_data(("text",))
        data["item"].x_text[:6] = 0
        if masked:
            data["item"].mask_text = torch.arange(30) >= 6
        torch.manual_seed(0)
        model = model_class.from_data(data, k=4, frozen_weight=0.5)
        data = model.prepare(data)
        losses = train(model, data, [example_batch(data)] * 2, lr=0.01)
        found.append((losses, model.recommend(data, torch.arange(5), 5).score))
    assert found[0][0] == found[1][0]
    assert torch.equal(found[0][1], found[1][1])


def test_items_without_a_positive_degree_lose_their_edges() -> None:
    edge_index = torch.tensor([[0, 1, 0, 2], [0, 0, 1, 2]])
    edges = ItemEdges(edge_index, torch.tensor([1.0, 3.0, -2.0, 0.25]))
    degree = out_degree(edges, 3)
    assert degree.tolist() == [4.0, -2.0, 0.25]
    found = normalize_edges(edges, degree).weight
    torch.testing.assert_close(found, torch.tensor([0.25, 0.0, 0.0, 1.0]))


def test_missing_items_are_no_neighbours() -> None:
    x, mask = torch.randn(8, 3), torch.arange(8) < 5
    x[:5] = x[:5].abs()  # nearer to each other than to their opposites
    x[5:] = x[0]
    for sign in (1, -1):  # a cosine of zero is more than a negative one
        x[0] = sign * x[0].abs()
        graph = LearnedItemGraph(8, ["text"], k=3)({"text": x}, {"text": mask})["text"]
        own = graph.edge_index[0, graph.edge_index[1] == 0]
        assert bool(mask[own].all())


def without_graphs(model: Recommender, data: HeteroData) -> Tensor:
    """Return what items are but for the graphs between them."""
    tables = model.user_embedding, model.item_embedding
    return model.propagation(*tables, data[RATES].edge_index).item


def test_lattice_leaves_missing_items_alone() -> None:
    data = example_data(("text",))
    data["item"].mask_text = torch.arange(30) >= 6
    model = LATTICE.from_data(data, k=4, frozen_weight=0.0).eval()
    plain, found = without_graphs(model, data), model.encode(data).item
    torch.testing.assert_close(found[:6], plain[:6])
    assert not torch.isclose(found[6:], plain[6:]).all()


@pytest.mark.parametrize("model_class", [LATTICE, MICRO])
def test_an_only_neighbour_is_the_item_itself(model_class: type[Recommender]) -> None:
    data = example_data(("text",))
    model = model_class.from_data(data, k=1, frozen_weight=0.0).eval()
    expected = without_graphs(model, data) + F.normalize(model.item_embedding)
    torch.testing.assert_close(model.encode(data).item, expected)
