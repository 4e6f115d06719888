import struct

import pytest

from sea_pyg.datasets import FakeMultimodalDataset, load_splits
from sea_pyg.report import describe, format_table, plot_curves
from sea_pyg.transforms import RandomUserSplit


def test_table_aligns_numbers_to_the_right():
    text = format_table([["a", 1, 0.5], ["bcd", 10, None]], ["name", "n", "value"])
    lines = text.splitlines()
    assert lines[0].split() == ["name", "n", "value"]
    assert lines[2] == "a      1  0.5000"
    assert lines[3] == "bcd   10  -"


@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_curves_are_a_picture(tmp_path, epochs):
    history = [
        {"epoch": n + 1, "loss/bpr": 1 / (n + 1), "val/recall@20": n / 10}
        for n in range(epochs)
    ]
    del history[1:2]  # a row may lack what others have
    if history:
        history.append({"epoch": 9, "loss/bpr": 0.1})
    plot_curves(history, tmp_path / "c.tmp", 1, "run", "png")
    content = (tmp_path / "c.tmp").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width > 300
    assert height > 300


def test_describe_counts():
    splits = load_splits("fake")
    found = describe(*splits)
    assert found["users"] == 200
    assert found["items"] == 120
    sizes = found["splits"]
    assert sizes["val"] == splits[1]["user", "rates", "item"].edge_label_index.size(1)
    degree = found["training_degree"]["user"]
    assert degree["mean"] == pytest.approx(sizes["train"] / 200)
    assert found["training_degree"]["item"]["mean"] * 120 == pytest.approx(
        sizes["train"]
    )


def test_describe_counts_nodes_without_training_edges():
    splits = load_splits("fake")
    user, item = splits[0]["user", "rates", "item"].edge_index
    found = describe(*splits)["training_degree"]
    assert found["user"]["without_edges"] == 200 - user.unique().numel()
    assert found["item"]["without_edges"] == 120 - item.unique().numel()
    assert found["item"]["max"] == item.bincount().max()


def test_describe_finds_missing_and_broken_rows():
    data = FakeMultimodalDataset(missing={"image": 0.25})[0]
    data["item"].x_text[3, 0] = float("nan")
    data["item"].x_text[5] = 0
    found = describe(*RandomUserSplit(seed=0)(data))["modalities"]
    assert found["image"]["missing"] == int((~data["item"].mask_image).sum()) > 0
    assert found["text"]["missing"] == 0
    assert found["text"]["non_finite_rows"] == 1
    assert found["text"]["zero_rows"] == 1
