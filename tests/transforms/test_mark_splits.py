import copy

import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import RandomLinkSplit, ToUndirected

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.transforms import RandomUserSplit, mark_splits
from sea_pyg.typing import RATES

Splits = tuple[HeteroData, HeteroData, HeteroData]


@pytest.fixture
def own() -> Splits:
    data = FakeMultimodalDataset(num_users=40, num_items=30, avg_degree=8)[0]
    parts = RandomUserSplit()(data)
    for part in parts:
        del part.split
        del part[RATES].split_id
    return parts


def _add(part: HeteroData, name: str, pairs: torch.Tensor) -> HeteroData:
    out = copy.copy(part)
    out[RATES][name] = torch.cat([out[RATES][name], pairs[:, :2]], dim=1)
    return out


def test_marks_as_the_splits_do(own):
    data = FakeMultimodalDataset(num_users=40, num_items=30, avg_degree=8)[0]
    marked, expected = mark_splits(*own), RandomUserSplit()(data)
    for number, part in enumerate(marked):
        assert part.split == expected[number].split
        assert part[RATES].split_id == expected[number][RATES].split_id
        assert "split" not in own[number]
        assert "split_id" not in own[number][RATES]


def test_test_may_have_other_edges(own):
    train, val, test = own
    later = _add(test, "edge_index", val[RATES].edge_label_index)
    assert mark_splits(train, val, later)[2].split == "test"


def test_negatives_are_no_labels(own):
    train, val, test = own
    negative = _add(val, "edge_label_index", test[RATES].edge_label_index)
    label = torch.ones(negative[RATES].edge_label_index.size(1))
    label[-2:] = 0
    negative[RATES].edge_label = label
    split_id = mark_splits(train, negative, test)[0][RATES].split_id
    assert split_id == mark_splits(train, val, test)[0][RATES].split_id


def test_what_is_held_out_must_be(own):
    train, val, test = own
    edges = train[RATES].edge_index
    labels = [part[RATES].edge_label_index for part in own]
    both = r"val and train of .* no pair in common \(got 2 of"
    with pytest.raises(ValueError, match=both):
        mark_splits(train, _add(val, "edge_label_index", edges), test)
    with pytest.raises(ValueError, match="test and train of"):
        mark_splits(train, val, _add(test, "edge_label_index", edges))
    with pytest.raises(ValueError, match="test and val of"):
        mark_splits(train, val, _add(test, "edge_label_index", labels[1]))
    with pytest.raises(ValueError, match="edge_label_index and edge_index of test"):
        mark_splits(train, val, _add(test, "edge_index", labels[2]))
    with pytest.raises(ValueError, match="must hold the training edges"):
        mark_splits(train, _add(val, "edge_index", labels[1]), test)
    with pytest.raises(ValueError, match="must hold the training edges"):
        mark_splits(train, _add(val, "edge_index", labels[2]), test)
    for number in (1, 2):
        parts = [copy.copy(part) for part in own]
        del parts[number][RATES].edge_label_index
        with pytest.raises(ValueError, match="graph has no edge_label_index"):
            mark_splits(*parts)


def test_held_out_pairs_in_reverse_are_refused() -> None:
    """As RandomLinkSplit leaves them where rev_edge_types was forgotten."""
    data = ToUndirected()(FakeMultimodalDataset()[0])
    options = {"num_val": 0.1, "num_test": 0.1, "neg_sampling_ratio": 0.0}
    reverse = ("item", "rev_rates", "user")
    forgotten = RandomLinkSplit(edge_types=RATES, **options)(data)
    with pytest.raises(ValueError, match="'rev_rates'.* train graph holds all"):
        mark_splits(*forgotten)
    split = RandomLinkSplit(edge_types=RATES, rev_edge_types=reverse, **options)
    train, val, test = split(data)
    assert mark_splits(train, val, test)[0].split == "train"
    some = val[RATES].edge_label_index[:, :1].flip(0)
    train[reverse].edge_index = torch.cat([train[reverse].edge_index, some], dim=1)
    with pytest.warns(UserWarning, match="1 of the .* held out are edges of"):
        mark_splits(train, val, test)
