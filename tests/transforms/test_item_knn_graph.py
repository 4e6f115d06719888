from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric.data import HeteroData

from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import SIMILAR
from sea_pyg.utils import noted_inputs, spmm

REFERENCE = Path(__file__).parents[1] / "reference" / "sea.npz"


def items(**features: torch.Tensor) -> HeteroData:
    data = HeteroData()
    for name, value in features.items():
        data["item"][name] = value
        data["item"].num_nodes = value.size(0)
    return data


def randn(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def dense(data: HeteroData, num_items: int) -> torch.Tensor:
    """Return the graph as a matrix: row = item, column = neighbour."""
    store = data[SIMILAR]
    out = torch.zeros(num_items, num_items)
    out[store.edge_index[1], store.edge_index[0]] = store.edge_weight
    return out


def naive(x: torch.Tensor, k: int, edge_value: str, loop: bool) -> torch.Tensor:
    cosine = torch.nn.functional.cosine_similarity(x[:, None], x[None], dim=-1).double()
    out = torch.zeros_like(cosine)
    for i in range(len(x)):
        order = cosine[i].argsort(descending=True).tolist()
        if not loop:
            order.remove(i)
        for j in order[:k]:
            out[i, j] = 1.0 if edge_value == "binary" else cosine[i, j]
    degree = out.sum(dim=1)
    return (out / (degree[:, None] * degree[None]).sqrt()).float()


def test_equals_the_released_graph():
    reference = np.load(REFERENCE, allow_pickle=False)
    data = items(
        x_image=torch.from_numpy(reference["image"]),
        x_text=torch.from_numpy(reference["text"]),
    )
    out = ItemKNNGraph(10, weights={"image": 0.1, "text": 0.9})(data)[SIMILAR]
    neighbour, item = out.edge_index.numpy()
    index = reference["item_graph_index"]
    order = np.lexsort((index[1], index[0]))
    assert np.array_equal(np.stack([item, neighbour]), index[:, order])
    np.testing.assert_allclose(
        out.edge_weight.numpy(), reference["item_graph_weight"][order], rtol=1e-6
    )


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("edge_value", ["binary", "cosine"])
@pytest.mark.parametrize("chunk_size", [1, 7, 1024])
def test_equals_a_naive_search(edge_value, loop, chunk_size):
    x = randn(30, 8).abs()
    transform = ItemKNNGraph(4, edge_value=edge_value, loop=loop, chunk_size=chunk_size)
    out = dense(transform(items(x_a=x)), 30)
    torch.testing.assert_close(out, naive(x, 4, edge_value, loop))


def test_modalities_are_mixed_by_weight():
    data = items(x_a=randn(20, 5), x_b=randn(20, 6, seed=1), x_c=randn(20, 3, seed=2))
    single = {
        name: dense(ItemKNNGraph(3, modalities=[name])(data), 20) for name in "abc"
    }
    mixed = dense(ItemKNNGraph(3, weights={"a": 0.3, "b": 0.7})(data), 20)
    torch.testing.assert_close(mixed, 0.3 * single["a"] + 0.7 * single["b"])
    equal = dense(ItemKNNGraph(3)(data), 20)
    torch.testing.assert_close(equal, sum(single.values()) / 3)
    zero = ItemKNNGraph(3, weights={"a": 1.0, "b": 0.0})(data)
    torch.testing.assert_close(dense(zero, 20), single["a"])
    assert zero[SIMILAR].edge_index.size(1) == 20 * 3


def test_aggregates_neighbours_into_items():
    data = ItemKNNGraph(2)(items(x_a=torch.tensor([[1.0, 0], [1, 0.1], [0, 1]])))
    store = data[SIMILAR]
    out = spmm(store.edge_index, store.edge_weight, torch.eye(3))
    # The third item's neighbour is the second, whose own is the first.
    assert out.tolist() == [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0.5, 0.5]]


def test_items_that_miss_a_modality():
    mask = torch.tensor([True] * 8 + [False] * 2)
    b = randn(10, 4, seed=1)
    b[0] = 0  # a row without direction counts as missing
    data = items(x_a=randn(10, 4), x_b=b, mask_b=mask)
    weights = {"a": 0.25, "b": 0.75}
    out = dense(ItemKNNGraph(3, weights=weights)(data), 10)
    only_a = dense(ItemKNNGraph(3, modalities=["a"])(data), 10)
    torch.testing.assert_close(out.sum(dim=1), torch.ones(10))
    for item in (0, 8, 9):
        torch.testing.assert_close(out[item], only_a[item])
    only_b = dense(ItemKNNGraph(3, modalities=["b"])(data), 10)
    assert only_b[[0, 8, 9]].sum() == only_b[:, [0, 8, 9]].sum() == 0
    assert only_b.isfinite().all()


def test_equal_items_keep_their_loop():
    out = dense(ItemKNNGraph(3)(items(x_a=torch.ones(50, 4))), 50)
    assert (out.diagonal() > 0).all()
    assert (out > 0).sum(dim=1).eq(3).all()


def test_items_that_point_away_from_all_others():
    data = items(x_a=torch.tensor([[1.0, 0], [-1, 0.1], [-1, -0.1]]))
    transform = ItemKNNGraph(2, edge_value="cosine", loop=False)
    assert dense(transform(data), 3).tolist() == [[0.0] * 3] * 3
    near = dense(ItemKNNGraph(1, edge_value="cosine", loop=False)(data), 3)
    assert near.isfinite().all()
    assert near[1, 2] == near[2, 1] > 0


def test_one_item():
    data = ItemKNNGraph(1)(items(x_a=torch.ones(1, 4)))
    assert dense(data, 1).tolist() == [[1.0]]
    with pytest.raises(ValueError, match=r"at least 10 nodes .*'item'.*got 1.*lower k"):
        ItemKNNGraph()(items(x_a=torch.ones(1, 4)))


def test_input_and_generator_stay_as_they_are():
    data = items(x_a=randn(20, 4))
    state = torch.get_rng_state()
    ItemKNNGraph()(data)
    assert data.edge_types == []
    assert torch.equal(state, torch.get_rng_state())


def test_other_edge_type():
    data = HeteroData()
    data["film"].x_a = randn(20, 4)
    data["film"].num_nodes = 20
    out = ItemKNNGraph(edge_type=("film", "like", "film"))(data)
    assert out["film", "like", "film"].edge_weight.sum() > 0
    assert noted_inputs(out["film", "like", "film"]).keys() == {"x_a"}


class Largest(TorchDispatchMode):
    """Record the largest tensor that any operation makes."""

    numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for value in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(value, torch.Tensor) and not value.is_sparse:
                self.numel = max(self.numel, value.numel())
        return out


def test_never_holds_all_similarities():
    data = items(x_a=randn(500, 8))
    with Largest() as largest:
        ItemKNNGraph(5, chunk_size=10)(data)
    assert 500 * 10 <= largest.numel < 500 * 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, r"k must be at least 1 \(got 0\)"),
        ({"edge_value": "cos"}, r"'binary' or 'cosine' \(got 'cos'\)"),
        ({"edge_type": ("a", "b", "c")}, r"link a node type to itself"),
        ({"k": 21}, r"ItemKNNGraph\(k=21\) needs at least 21 .*'a' \(got 20\)"),
        ({"k": 20, "loop": False}, r"needs at least 21 nodes"),
        ({"modalities": ["d"]}, r"no modality 'd'"),
        ({"weights": {"a": 0.5, "d": 0.5}}, r"no modality 'd'"),
        ({"weights": {"a": 0.5, "b": 0.6}}, r"sum to 1 \(got .*0.6"),
        ({"weights": {"a": -0.5, "b": 1.5}}, r"at least 0 and sum to 1"),
        (
            {"weights": {"a": 1.0}, "modalities": ["a", "b"]},
            r"all modalities; add \['b'\]",
        ),
    ],
)
def test_bad_arguments(arguments, message):
    data = items(x_a=randn(20, 4), x_b=randn(20, 4))
    with pytest.raises(ValueError, match=message):
        ItemKNNGraph(**arguments)(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite(value):
    x = randn(20, 4)
    x[7, 2] = value
    with pytest.raises(ValueError, match=r"'item'\]\.x_a has a NaN .* row 7"):
        ItemKNNGraph()(items(x_a=x))


def test_without_modalities():
    data = HeteroData()
    data["item"].num_nodes = 20
    with pytest.raises(ValueError, match=r"'item' has no attribute x_<modality>"):
        ItemKNNGraph()(data)


def test_repr():
    assert repr(ItemKNNGraph(5)) == "ItemKNNGraph(k=5)"
