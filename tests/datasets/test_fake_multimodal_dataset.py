import pytest
import torch
from torch import Tensor

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.typing import RATES


def explained(x: Tensor, y: Tensor) -> float:
    """Return the share of the variance of y that is linear in x."""
    x = torch.cat([x, torch.ones(x.size(0), 1)], dim=1).double()
    y = y.double()
    residual = y - x @ torch.linalg.lstsq(x, y).solution
    return 1 - float(residual.var(0).sum() / y.var(0).sum())


def test_shapes_and_counts():
    data = FakeMultimodalDataset(30, 40, {"a": 6, "b": 4, "c": 2}, avg_degree=10)[0]
    assert data["user"].num_nodes == 30
    assert data["item"].num_nodes == 40
    assert data["item"].x_a.shape == (40, 6)
    assert data["item"].x_c.shape == (40, 2)
    assert data["item"].planted_generic.shape == (40, 4)
    assert data["user"].planted_unique_b.shape == (30, 4)
    assert len(data["item"].title) == 40
    edge_index = data[RATES].edge_index
    assert edge_index.unique(dim=1).size(1) == edge_index.size(1)
    degree = torch.bincount(edge_index[0], minlength=30)
    assert degree.min() >= 5
    assert degree.max() <= 20
    assert 8 < degree.float().mean() < 12
    assert data[RATES].time.shape == edge_index[0].shape
    assert not any(key.startswith("mask_") for key in data["item"])


def test_seed_decides_everything():
    first, same, other = (FakeMultimodalDataset(seed=seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first[RATES].edge_index, same[RATES].edge_index)
    assert torch.equal(first[RATES].time, same[RATES].time)
    assert torch.equal(first["item"].x_text, same["item"].x_text)
    assert not torch.equal(first["item"].x_text, other["item"].x_text)


def test_global_generator_is_untouched():
    state = torch.get_rng_state()
    FakeMultimodalDataset(missing=0.2)
    assert torch.equal(state, torch.get_rng_state())


def test_each_modality_shows_its_own_factors_only():
    item = FakeMultimodalDataset(num_users=5, num_items=2000)[0]["item"]
    for name, other in (("image", "text"), ("text", "image")):
        x = item[f"x_{name}"]
        assert explained(x, item.planted_generic) > 0.9
        assert explained(x, item[f"planted_unique_{name}"]) > 0.9
        assert explained(x, item[f"planted_unique_{other}"]) < 0.05


def test_interactions_follow_the_factors():
    data = FakeMultimodalDataset(num_users=400)[0]
    user, item = data[RATES].edge_index
    for name in ("planted_generic", "planted_unique_image", "planted_unique_text"):
        score = data["user"][name] @ data["item"][name].t()
        assert score[user, item].mean() > score.mean() + 0.3
    shuffled = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    score = data["user"].planted_generic[shuffled] @ data["item"].planted_generic.t()
    assert abs(score[user, item].mean() - score.mean()) < 0.3


@pytest.mark.parametrize(("avg_degree", "degree"), [(0.0, 5), (1000.0, 20)])
def test_degrees_have_bounds(avg_degree, degree):
    edge_index = FakeMultimodalDataset(30, 40, avg_degree=avg_degree)[0][
        RATES
    ].edge_index
    assert torch.bincount(edge_index[0]).tolist() == [degree] * 30


def test_items_differ_in_popularity():
    item = FakeMultimodalDataset(num_users=400, strength=0.0)[0][RATES].edge_index[1]
    degree = torch.bincount(item, minlength=120).float()
    assert degree.std() > 0.5 * degree.mean()  # by chance alone a ninth


def test_missing_modalities():
    data = FakeMultimodalDataset(num_items=1000, missing={"text": 0.4})[0]["item"]
    missing = ~data.mask_text
    assert 0.35 < missing.float().mean() < 0.45
    assert (data.x_text[missing] == 0).all()
    assert (data.x_text[~missing] != 0).any(dim=1).all()
    assert data.mask_image.all()
    data = FakeMultimodalDataset(num_items=1000, missing=0.9)[0]["item"]
    assert (data.mask_image | data.mask_text).all()


def test_without_timestamps_and_one_item():
    data = FakeMultimodalDataset(3, 1, timestamps=False)[0]
    assert "time" not in data[RATES]
    assert data[RATES].edge_index.tolist() == [[0, 1, 2], [0, 0, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_items": 0}, r"at least 1 .*num_items=0"),
        ({"in_channels": {}}, r"at least 1 .*in_channels=\{\}"),
        ({"missing": {"imag": 0.1}}, r"unknown modality 'imag'; did you mean 'image'"),
        ({"missing": 1.5}, r"missing share of 'image' must lie in \[0, 1\)"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FakeMultimodalDataset(**arguments)
