import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.nn.models import (
    VBPR,
    LightGCN,
    Recommender,
    WithSeparateLearning,
    classes,
    resolve,
)
from sea_pyg.nn.models.ranking import evaluation_mode, rank_items
from sea_pyg.typing import RATES, Embeddings, Triplets
from tests.nn.models.base import example_data

USERS = torch.arange(3)


@pytest.mark.parametrize("training", [False, True])
def test_every_module_has_its_own_mode_back(training: bool) -> None:
    model = WithSeparateLearning(VBPR.from_data(example_data())).train(training)
    model.backbone.train(not training)
    modes = [module.training for module in model.modules()]
    assert len(set(modes)) == 2
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == modes
    with pytest.raises(KeyError), evaluation_mode(model):
        raise KeyError
    assert [module.training for module in model.modules()] == modes


def test_embeddings_have_no_mode() -> None:
    with evaluation_mode(Embeddings(torch.eye(2), torch.eye(2))):
        pass


class Modes(LightGCN):
    """Notes the mode that it is encoded in, and fails if it is to."""

    fails = False

    def encode(self, data: HeteroData) -> Embeddings:
        self.seen_modes = {module.training for module in self.modules()}
        if self.fails:
            raise KeyError
        return super().encode(data)


@pytest.mark.parametrize("fails", [False, True])
def test_recommends_in_evaluation_mode(fails: bool) -> None:
    data = example_data()
    model = Modes.from_data(data).train()
    assert isinstance(model, Modes)
    model.fails = fails
    if fails:
        with pytest.raises(KeyError):
            model.recommend(data, USERS, 5)
    else:
        model.recommend(data, USERS, 5)
    assert model.seen_modes == {False}
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ([0, 1], r"user_index must be a tensor of .* torch.tensor \(got list\)"),
        (None, r"user_index must be a tensor of .* \(got NoneType\)"),
        (torch.ones(40) > 0, r"numbers.* mask.nonzero.* \(got torch.bool\)"),
        (torch.ones(3).byte(), r"int64 or int32.* \(got torch.uint8\)"),
        (torch.ones(3), r"int64 or int32.* \(got torch.float32\)"),
        (torch.tensor([]), r"non-empty vector .* \(got shape \[0\]\)"),
        (torch.zeros(2, 1).long(), r"non-empty vector .* \(got shape \[2, 1\]\)"),
        (torch.tensor([0, 40]), r"must lie in 0..39 \(got 40\)"),
        (torch.tensor([0, -1]), r"must lie in 0..39 \(got -1\)"),
    ],
)
def test_bad_users(users: Tensor, message: str) -> None:
    check(message, users=users)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 0}, r"k must lie between 1 and the number of items 30 \(got 0\)"),
        ({"k": 2.0}, r"k must lie between .* \(got 2.0\)"),
        ({"k": True}, r"k must lie between .* \(got True\)"),
        ({"k": 31}, r"k must lie between 1 and the number of items 30 \(got 31\)"),
        ({"batch_size": -1}, r"batch_size must be at least 1 \(got -1\)"),
        ({"batch_size": 0}, r"batch_size must be at least 1 \(got 0\)"),
        ({"batch_size": 1.5}, r"batch_size must be an integer \(got 1.5\)"),
    ],
)
def test_bad_numbers(wrong: dict, message: str) -> None:
    check(message, **wrong)


def check(message: str, users: Tensor = USERS, k: int = 5, batch_size: int = 7) -> None:
    """Check that neither a model nor its embeddings rank, for this reason."""
    data = example_data()
    model: Recommender = LightGCN.from_data(data)
    with pytest.raises(ValueError, match=message):
        model.recommend(data, users, k, batch_size=batch_size)
    assert model.training
    for ranked in (model, model.encode(data)):
        with pytest.raises(ValueError, match=message):
            list(rank_items(ranked, data, users, k, None, 30, batch_size))


def test_numbers_of_either_type() -> None:
    data = example_data()
    model = LightGCN.from_data(data)
    found = [model.recommend(data, users, 5) for users in (USERS, USERS.int())]
    assert torch.equal(found[0].item_index, found[1].item_index)
    assert torch.equal(found[0].score, found[1].score)


def test_numbers_of_numpy() -> None:
    data = example_data()
    model = LightGCN.from_data(data)
    users = torch.arange(3)
    expected = model.recommend(data, users, 5, batch_size=2)
    found = model.recommend(data, users, np.int64(5), batch_size=np.int64(2))
    assert torch.equal(found.item_index, expected.item_index)
    for wrong in (5.0, True, np.float64(5)):
        with pytest.raises(ValueError, match="k must lie between"):
            model.recommend(data, users, wrong)


def test_pairs_to_exclude_are_a_tensor_of_ids() -> None:
    data = example_data()
    model, users = LightGCN.from_data(data), torch.arange(3)
    for wrong in ([[0], [1]], torch.zeros(2, 1), torch.zeros(2, 1, dtype=torch.int32)):
        with pytest.raises(ValueError, match="^exclude of .* must (be a tensor|hold)"):
            model.recommend(data, users, 5, exclude=wrong)


def test_edges_of_numpy_are_named() -> None:
    data = example_data()
    model, users = LightGCN.from_data(data), torch.arange(3)
    data[RATES].edge_index = data[RATES].edge_index.numpy()
    with pytest.raises(ValueError, match="edge_index of .* must be a tensor"):
        model.recommend(data, users, 5)


@pytest.mark.parametrize("name", [n for n in classes if resolve(n).trainable])
def test_an_empty_batch_is_no_loss(name: str) -> None:
    data = example_data()
    model = resolve(name).from_data(data)
    none = torch.empty(0, dtype=torch.long)
    with pytest.raises(ValueError, match="batch must hold|[BN] > 0"):
        model.loss(model.prepare(data), Triplets(none, none, none))
