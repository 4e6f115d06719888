import pytest
import sklearn
import torch
from torch_geometric.data import HeteroData

from sea_pyg.datasets import FakeMultimodalDataset, load_splits
from sea_pyg.nn.models import VBPR
from sea_pyg.training import data_fingerprint, environment, run_cell, tune
from sea_pyg.transforms import RandomUserSplit
from sea_pyg.typing import RATES

WATCHES = ("viewer", "watches", "movie")


def test_what_computes_features_is_named() -> None:
    """MovieLens' titles are embedded by scikit-learn."""
    packages = environment()["packages"]
    assert packages["scikit-learn"] == sklearn.__version__
    assert {"torch", "torch_geometric", "numpy", "scipy"} <= packages.keys()


def test_features_of_any_type_have_a_fingerprint() -> None:
    train, val, test = load_splits("fake")
    found = set()
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        for data in (train, val, test):
            data["item"].x_text = data["item"].x_text.to(dtype)
        found.add(data_fingerprint((train, val, test))["x_text"])
    assert len(found) == 3


def test_interactions_of_any_edge_type_have_a_fingerprint() -> None:
    found = set()
    for seed in (0, 1):
        data = FakeMultimodalDataset()[0]
        bought = ("user", "buys", "item")
        data[bought].edge_index = data[RATES].edge_index
        del data[RATES]
        splits = RandomUserSplit(seed=seed, edge_type=bought)(data)
        found.add(data_fingerprint(splits)["interactions"])
    assert len(found) == 2


def test_features_of_any_item_type_have_a_fingerprint() -> None:
    splits = _movies()
    found = data_fingerprint(splits, WATCHES)
    assert found.keys() == {"interactions", "x_image", "x_text"}
    assert found == data_fingerprint(load_splits("fake", split="random"))
    with pytest.raises(ValueError, match=r"no nodes of type 'item' .*\['viewer', 'mov"):
        data_fingerprint(splits)
    assert all(data.node_types == ["viewer", "movie"] for data in splits)


def test_a_cell_and_a_search_of_another_edge_type(tmp_path) -> None:
    """They know the features, and leave the graphs as they are."""
    splits = _movies()
    fixed = {"edge_type": WATCHES, "max_epochs": 1, "embedding_dim": 4}
    path = tmp_path / "seed-0.json"
    cell = run_cell(VBPR, fixed, splits, path)
    assert cell["data_fingerprint"] == data_fingerprint(splits, WATCHES)
    space = {"lr": (0.001, 0.01)}
    trials = tune(VBPR, *splits[:2], 2, tmp_path / "trials", space, fixed)
    assert [trial.setting for trial in trials] == [{}, {"lr": 0.01}]
    assert trials[0].value == cell["valid"]["recall@20"]
    with pytest.raises(ValueError, match="no edge_index of type"):
        tune(VBPR, *splits[:2], 1, tmp_path / "other", space)
    for data in splits:
        assert data.node_types == ["viewer", "movie"]
        assert data.edge_types == [WATCHES]

    assert run_cell(VBPR, fixed, splits, path) == cell
    for data in splits:
        data["movie"].x_text = data["movie"].x_text + 1
    with pytest.raises(ValueError, match="made with data_fingerprint"):
        run_cell(VBPR, fixed, splits, path)
    with pytest.raises(ValueError, match="trials of another search: of data"):
        tune(VBPR, *splits[:2], 2, tmp_path / "trials", space, fixed)


def _movies() -> tuple[HeteroData, HeteroData, HeteroData]:
    known, data = FakeMultimodalDataset()[0], HeteroData()
    data["viewer"].num_nodes, data["movie"].num_nodes = 200, 120
    for name in ("x_image", "x_text"):
        data["movie"][name] = known["item"][name]
    data[WATCHES].edge_index = known[RATES].edge_index
    train, val, test = RandomUserSplit(seed=0, edge_type=WATCHES)(data)
    return train, val, test
