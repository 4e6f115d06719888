import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.transforms import ItemKNNGraph, MaskModality
from sea_pyg.typing import SIMILAR


def data(num_items: int = 1000):
    return FakeMultimodalDataset(5, num_items, {"a": 4, "b": 4, "c": 4})[0]


def test_rates_per_modality():
    original = data()
    out = MaskModality({"a": 0.3, "b": 1.0})(original)["item"]
    assert abs(float((~out.mask_a).float().mean()) - 0.3) < 0.05
    assert not out.mask_b.any()
    assert out.mask_c.all()
    assert (out.x_a[~out.mask_a] == 0).all()
    assert torch.equal(out.x_a[out.mask_a], original["item"].x_a[out.mask_a])
    assert "mask_a" not in original["item"]
    assert (original["item"].x_b != 0).all()


@pytest.mark.parametrize("keep_one", [True, False])
def test_last_modality(keep_one):
    out = MaskModality(1.0, keep_one=keep_one)(data())["item"]
    kept = torch.stack([out.mask_a, out.mask_b, out.mask_c]).float()
    assert kept.sum(dim=0).eq(float(keep_one)).all()
    if keep_one:  # the one that stays is drawn uniformly
        assert (kept.mean(dim=1) - 1 / 3).abs().max() < 0.06


def test_missing_stays_missing():
    first = MaskModality({"a": 0.5}, seed=1)(data())
    second = MaskModality({"a": 0.5, "b": 1.0, "c": 1.0}, seed=2)(first)["item"]
    assert not (second.mask_a & ~first["item"].mask_a).any()
    assert (second.mask_a | second.mask_b | second.mask_c).all()


def test_missing_rows_may_hold_nan():
    graph = data()
    graph["item"].mask_a = torch.arange(1000) > 0
    graph["item"].x_a[0] = torch.nan
    assert MaskModality(0.5)(graph)["item"].x_a.isfinite().all()


def test_seed():
    first, same, other = (MaskModality(0.5, seed=seed)(data()) for seed in (0, 0, 1))
    assert torch.equal(first["item"].mask_a, same["item"].mask_a)
    assert not torch.equal(first["item"].mask_a, other["item"].mask_a)


def test_graphs_of_masked_features_are_taken_away():
    graph = data(50)
    own, of_a, of_b = (("item", f"similar_{name}", "item") for name in ("x", "a", "b"))
    for edge_type, names in ((SIMILAR, None), (of_a, ["a"]), (of_b, ["b"])):
        graph = ItemKNNGraph(3, modalities=names, edge_type=edge_type)(graph)
    graph[own].edge_index = graph[SIMILAR].edge_index
    before = graph.edge_types
    masked = MaskModality({"a": 0.5, "b": 0.0})(graph)
    assert set(before) - set(masked.edge_types) == {SIMILAR, of_a}
    assert graph.edge_types == before
    assert MaskModality(0.0)(graph).edge_types == before


def test_graphs_of_another_node_type_stay():
    graph = data(50)
    graph["artist"].num_nodes, graph["artist"].x_a = 50, graph["item"].x_a
    likes = ("artist", "like", "artist")
    graph = ItemKNNGraph(3, edge_type=likes)(graph)
    assert MaskModality(0.5)(graph).edge_types == graph.edge_types


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"rate must lie in \[0, 1\] \(got 1.2\)"):
        MaskModality(1.2)
    with pytest.raises(ValueError, match=r"seed must be at least 0 \(got -1\)"):
        MaskModality(0.5, seed=-1)
    with pytest.raises(ValueError, match=r"no modality 'd'"):
        MaskModality({"d": 0.2})(data())
    assert repr(MaskModality(0.2)) == "MaskModality(rate=0.2)"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"x_year": torch.arange(40.0)}, r"x_year must be of shape \[40, channels\]"),
        ({"x_b": np.ones((40, 4))}, r"x_b of 'item' must be a tensor \(got ndarray\)"),
        ({"mask_a": torch.ones(40)}, "mask_a must be a bool tensor"),
        ({"mask_a": torch.ones(3, dtype=torch.bool)}, r"of shape \[40\]"),
    ],
)
def test_attributes_of_another_shape_are_refused(attributes, message):
    graph = data(40)
    graph["item"].update(attributes)
    with pytest.raises(ValueError, match=message):
        MaskModality(0.2)(graph)


def test_what_is_missing_is_named():
    graph = HeteroData()
    graph["item"].num_nodes = 3
    with pytest.raises(ValueError, match="no modality to mask"):
        MaskModality(0.2)(graph)
    graph = HeteroData()
    graph["item"].x_a = torch.ones(3, 2)
    with (
        pytest.warns(UserWarning, match="num_nodes"),  # PyG's own
        pytest.raises(ValueError, match=r"set data\['item'\].num_nodes"),
    ):
        MaskModality(0.2)(graph)


def test_what_is_missing_does_not_depend_on_features_of_the_same_seed() -> None:
    graph = FakeMultimodalDataset(5, 4000, num_generic=2, seed=0)[0]
    item = MaskModality(0.5, seed=0)(graph)["item"]
    missing = torch.stack([~item.mask_image, ~item.mask_text])
    both = torch.cat([missing.float(), item.planted_generic.abs().t()])
    assert torch.corrcoef(both)[:2, 2:].abs().max() < 0.06
