import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.transforms import KCore, MaskModality, RandomUserSplit
from sea_pyg.typing import RATES


def naive_core(
    pairs: set[tuple[int, int]], k: int, user_k: int
) -> set[tuple[int, int]]:
    while True:
        users = [user for user, _ in pairs]
        items = [item for _, item in pairs]
        kept = {
            (user, item)
            for user, item in pairs
            if users.count(user) >= user_k and items.count(item) >= k
        }
        if kept == pairs:
            return pairs
        pairs = kept


@pytest.mark.parametrize(("k", "user_k"), [(5, None), (8, 3), (3, 9)])
def test_equals_a_naive_removal(k, user_k):
    data = FakeMultimodalDataset(60, 50, avg_degree=8, missing=0.3)[0]
    data[RATES].number = torch.arange(data[RATES].edge_index.size(1))
    expected = naive_core(
        {(user, item) for user, item in data[RATES].edge_index.t().tolist()},
        k,
        k if user_k is None else user_k,
    )
    assert 0 < len(expected) < data[RATES].edge_index.size(1)
    out = KCore(k, user_k)(data)
    user, item = out[RATES].edge_index
    assert user.unique().tolist() == list(range(out["user"].num_nodes))
    assert item.unique().tolist() == list(range(out["item"].num_nodes))
    old_user, old_item = out["user"].n_id[user], out["item"].n_id[item]
    assert set(zip(old_user.tolist(), old_item.tolist(), strict=True)) == expected
    # What belongs to nodes and edges follows them.
    for key in ("x_text", "mask_image", "planted_generic"):
        assert torch.equal(out["item"][key], data["item"][key][out["item"].n_id])
    assert out["item"].title == [
        data["item"].title[number] for number in out["item"].n_id.tolist()
    ]
    old = torch.stack([old_user, old_item])
    assert torch.equal(data[RATES].edge_index[:, out[RATES].number], old)
    assert "n_id" not in data["item"]
    assert data["item"].num_nodes == len(data["item"].title) == 50


def test_old_numbers_compose():
    data = FakeMultimodalDataset(60, 50, avg_degree=8)[0]
    twice = KCore(6)(KCore(4)(data))
    once = KCore(6)(data)
    assert torch.equal(twice["item"].n_id, once["item"].n_id)
    assert torch.equal(twice[RATES].edge_index, once[RATES].edge_index)


def test_duplicates_count_once():
    data = HeteroData()
    data["user"].num_nodes = data["item"].num_nodes = 1
    data[RATES].edge_index = torch.tensor([[0, 0], [0, 0]])
    with pytest.raises(ValueError, match=r"KCore\(k=2, user_k=2\) leaves nothing"):
        KCore(2)(data)


def test_bad_use():
    with pytest.raises(ValueError, match=r"k must be at least 1 \(got 0"):
        KCore(0)
    data = FakeMultimodalDataset()[0]
    with pytest.raises(ValueError, match=r"leaves nothing .*lower k"):
        KCore(1000)(data)
    with pytest.raises(ValueError, match=r"before the split"):
        KCore(2)(RandomUserSplit()(data)[0])


def test_composes_with_other_transforms():
    data = MaskModality(0.5)(KCore(3)(FakeMultimodalDataset()[0]))
    assert data["item"].mask_text.numel() == data["item"].num_nodes


def test_lists_and_tuples_follow() -> None:
    data = FakeMultimodalDataset(60, 50, avg_degree=8)[0]
    number = torch.arange(data[RATES].edge_index.size(1))
    data[RATES].number, data[RATES].listed = number, number.tolist()
    data["user"].named = tuple(range(60))
    out = KCore(5)(data)
    assert 0 < out[RATES].number.numel() < number.numel()
    assert out[RATES].listed == out[RATES].number.tolist()
    assert out["user"].named == tuple(out["user"].n_id.tolist())


def test_edges_within_one_type_are_refused() -> None:
    with pytest.raises(ValueError, match="between two node types"):
        KCore(3, edge_type=("user", "follows", "user"))
