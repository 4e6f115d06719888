import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from sea_pyg.datasets import (
    FakeMultimodalDataset,
    default_root,
    load_data,
    load_splits,
)
from sea_pyg.typing import RATES
from sea_pyg.utils import modality_names

X = np.ones((3, 4), dtype=np.float32)


def test_folder_with_labels(write_folder):
    folder = write_folder(text=X, image=X)
    train, val, test = load_splits(str(folder), modalities=["text"])
    assert modality_names(train) == ["text"]
    assert train[RATES].edge_index is test[RATES].edge_index
    assert val[RATES].edge_label_index.tolist() == [[0], [1]]
    assert test[RATES].edge_label_index.tolist() == [[0], [2]]


def test_folder_without_labels_is_split_at_random(write_folder):
    lines = "".join(f"{user}\t{item}\n" for user in range(4) for item in range(10))
    folder = write_folder("userID\titemID\n" + lines)
    train, val, test = load_splits(folder, seed=1)
    assert train[RATES].edge_index.size(1) == 32
    assert val[RATES].edge_label_index.size(1) == 4
    again = load_splits(folder, seed=1)[2][RATES].edge_label_index
    assert torch.equal(test[RATES].edge_label_index, again)
    other = load_splits(folder, seed=2)[2][RATES].edge_label_index
    assert not torch.equal(test[RATES].edge_label_index, other)
    with pytest.raises(ValueError, match=r"column x_label"):
        load_splits(folder, split="label")


@pytest.mark.parametrize("split", [None, "random", "leave-last-out"])
def test_fake(split):
    train, _, test = load_splits("fake", ["image"], split)
    assert modality_names(train) == ["image"]
    assert test[RATES].edge_label_index.size(1) > 0
    assert "mask_text" not in train["item"]


def test_a_seed_without_effect_is_told():
    with pytest.warns(UserWarning, match="seed 3 of the split has no effect"):
        load_splits("fake", split="leave-last-out", seed=3)
    load_splits("fake", split="leave-last-out")
    load_splits("fake", seed=3)


def test_a_modality_leaves_with_its_mask(monkeypatch):
    made = FakeMultimodalDataset(missing=0.5)
    module = importlib.import_module("sea_pyg.datasets.load_splits")
    monkeypatch.setattr(module, "FakeMultimodalDataset", lambda: made)
    assert "mask_text" in load_data("fake")["item"]
    item = load_data("fake", ["image"])["item"]
    assert "mask_image" in item
    assert not {"x_text", "mask_text"} & set(item.keys())


def test_name_wins_over_folder(tmp_path, monkeypatch, write_folder):
    write_folder().rename(tmp_path / "fake")
    monkeypatch.chdir(tmp_path)
    assert load_data("fake")["item"].num_nodes == 120
    assert load_data("./fake")["item"].num_nodes == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("movielens100k",), r"'movielens100k'.*did you mean 'movielens-100k'\?"),
        (("no/such/folder",), r"neither a folder nor a known name"),
        (("fake", ["imag"]), r"no modality 'imag'.*did you mean 'image'\?"),
        (("fake", None, "randm"), r"no split 'randm'; did you mean 'random'\?"),
    ],
)
def test_unknown_names(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_splits(*arguments)


def test_default_root(monkeypatch):
    monkeypatch.delenv("SEA_PYG_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_root() == Path("/somewhere/sea_pyg")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_root() == Path.home() / ".cache" / "sea_pyg"
    monkeypatch.setenv("SEA_PYG_CACHE", "/elsewhere")
    assert default_root() == Path("/elsewhere")
