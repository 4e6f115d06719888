import sklearn
import torch

from sea_pyg.datasets import FakeMultimodalDataset, load_splits
from sea_pyg.training import data_fingerprint, environment
from sea_pyg.transforms import RandomUserSplit
from sea_pyg.typing import RATES


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
