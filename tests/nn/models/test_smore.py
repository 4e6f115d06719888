import pytest
import torch

from sea_pyg.nn.models import SMORE
from sea_pyg.nn.models.item_graph import largest_of
from tests.nn.models.base import RecommenderTests, example_data
from tests.nn.models.parity import assert_parity


class TestSMORE(RecommenderTests):
    model_class = SMORE
    kwargs = {"dropout": 0.0}


def test_parity() -> None:
    assert_parity("smore")


def test_largest_weight_of_every_edge() -> None:
    first = torch.tensor([[0, 1, 2], [1, 1, 0]]), torch.tensor([0.5, 0.2, 0.1])
    second = torch.tensor([[1, 0], [1, 1]]), torch.tensor([0.3, 0.4])
    edge_index, weight = largest_of([first, second], num_items=3)
    found = dict(zip(map(tuple, edge_index.t().tolist()), weight.tolist(), strict=True))
    assert found == pytest.approx({(2, 0): 0.1, (0, 1): 0.5, (1, 1): 0.3})


def test_largest_weight_follows_a_change_of_weights() -> None:
    edges = torch.tensor([[0, 1], [1, 0]]), torch.tensor([[0, 1], [1, 1]])
    cases = [
        (torch.tensor([0.5, 0.2]), torch.tensor([0.3, 0.4])),
        (torch.tensor([0.1, 0.2]), torch.tensor([0.3, 0.4])),
        (torch.tensor([0.1, 0.2]), torch.tensor([0.6, 0.4])),
        (None, torch.tensor([0.6, 0.4])),
        (torch.tensor([0.1, 0.2]), None),
        (None, None),
    ]
    for weights in cases:
        graphs = list(zip(edges, weights, strict=True))
        fresh = [(index.clone(), weight) for index, weight in graphs]
        for found, expected in zip(
            largest_of(graphs, 2), largest_of(fresh, 2), strict=True
        ):
            assert torch.equal(found, expected)
        assert largest_of(graphs, 2)[1] is largest_of(graphs, 2)[1], "made once"
    weight = torch.tensor([0.1, 0.2])
    largest_of([(edges[0], weight)], 2)
    weight[0] = 0.7  # in place
    assert 0.7 in largest_of([(edges[0], weight)], 2)[1]


def test_fused_view_follows_a_change_of_weights() -> None:
    torch.manual_seed(0)
    data = example_data()
    model = SMORE.from_data(data).eval()
    data = model.prepare(data)
    model.encode(data)
    other = data.clone()
    for graph in model.frozen_graphs.values():
        data[graph.edge_type].edge_weight = data[graph.edge_type].edge_weight.flip(0)
        weight = data[graph.edge_type].edge_weight
        other[graph.edge_type].edge_weight = weight.clone()
    for found, expected in zip(model.encode(data), model.encode(other), strict=True):
        torch.testing.assert_close(found, expected)


def test_dropout_in_training_only() -> None:
    torch.manual_seed(0)
    model, data = SMORE.from_data(example_data(), dropout=0.5), example_data()
    first, second = (model.train().encode(data).user for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (model.eval().encode(data).user for _ in range(2))
    assert torch.equal(first, second)


def test_name_of_the_fused_view_is_taken() -> None:
    with pytest.raises(ValueError, match="'fused'; rename"):
        SMORE(3, 3, {"fused": 4})


def test_neighbours_of_each_modality() -> None:
    data = example_data()
    model = SMORE.from_data(data, k={"text": 3, "image": 7})
    data = model.prepare(data)
    for name, k in (("image", 7), ("text", 3)):
        edges = data["item", f"similar_{name}", "item"].edge_index
        assert edges.size(1) == 30 * k


def test_an_odd_width() -> None:
    model = SMORE.from_data(example_data(), embedding_dim=5)
    assert model.encode(example_data()).item.shape == (30, 5)


def test_what_is_dropped_of_a_preference_is_zero() -> None:
    model = SMORE.from_data(example_data(("text",)), dropout=0.5)
    content = torch.randn(70, 64)
    views = {"text": torch.zeros(70, 64), "fused": torch.ones(70, 64)}
    out = model.fuse(content, views)
    kept = out != 0
    assert 0.4 < kept.float().mean() < 0.6
    # Twice what is kept, over two views.
    expected = model.preference["fused"](content).sigmoid()
    torch.testing.assert_close(out[kept], expected[kept])


def test_in_half_precision() -> None:
    data = example_data()
    model = SMORE.from_data(data).bfloat16()
    for x in model.encode(model.prepare(data)):
        assert x.dtype == torch.bfloat16
        assert x.isfinite().all()
