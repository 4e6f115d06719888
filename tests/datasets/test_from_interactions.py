import numpy as np
import pandas
import pytest
import scipy.sparse
import torch

from sea_pyg.datasets.from_interactions import from_interactions
from sea_pyg.nn.models import SEA
from sea_pyg.training import TrainingConfig, fit
from sea_pyg.transforms import RandomUserSplit
from sea_pyg.typing import RATES

USER = ["u7", "anna", "u7", "bob", "anna"]
ITEM = ["b2", "b2", "a", "z", "a"]


def test_strings_are_numbered_in_order() -> None:
    data = from_interactions(USER, ITEM, time=[5, 1, 2, 3, 4], rating=[1, 2, 3, 4, 5])
    assert data["user"].original_id == ["anna", "bob", "u7"]
    assert data["item"].original_id == ["a", "b2", "z"]
    pairs = data[RATES].edge_index.t().tolist()
    assert pairs == [[0, 0], [0, 1], [1, 2], [2, 0], [2, 1]]
    assert data[RATES].time.tolist() == [4, 1, 3, 2, 5]
    assert data[RATES].time.dtype == torch.int64
    assert data[RATES].rating.tolist() == [5, 2, 4, 3, 1]


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_numbers_keep_their_ids(kind) -> None:
    data = from_interactions(kind([30, 7, 30]), kind([500, 500, 2]), time=[0.5, 1, 2])
    assert data["user"].original_id.tolist() == [7, 30]
    assert data["item"].original_id.tolist() == [2, 500]
    assert data[RATES].edge_index.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert data[RATES].time.tolist() == [1.0, 2.0, 0.5]


def test_features_come_to_their_items() -> None:
    text = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    image = np.arange(16.0).reshape(4, 4)
    data = from_interactions(
        USER,
        ITEM,
        features={"text": (["z", "new", "a"], text), "image": (list("aznb"), image)},
    )
    store = data["item"]
    assert store.original_id == ["a", "b", "b2", "n", "new", "z"]
    assert store.num_nodes == 6
    assert store.x_text[:, 0].tolist() == [3, 0, 0, 0, 2, 1]
    assert store.mask_text.tolist() == [True, False, False, False, True, True]
    assert store.x_image[:, 0].tolist() == [0, 12, 0, 8, 0, 4]
    assert store.mask_image.tolist() == [True, True, False, True, False, True]
    full = from_interactions([1, 2], [4, 4], features={"text": ([4], text[:1])})
    assert "mask_text" not in full["item"]


def test_long_whole_numbers_keep_their_digits() -> None:
    when = [2**60 + 1, 2**60]  # one as float64
    data = from_interactions([1, 1], [1, 2], time=when)
    assert data[RATES].time.tolist() == when
    with pytest.raises(ValueError, match="below 2\\*\\*63"):
        from_interactions(np.array([2**63], dtype=np.uint64), [1])
    with pytest.raises(ValueError, match="time must be below 2\\*\\*63"):
        from_interactions([1], [1], time=np.array([2**63], dtype=np.uint64))


def test_the_earliest_of_several_stays() -> None:
    with pytest.warns(
        UserWarning, match=r"merged 1 duplicate .*\(e.g. row 0: user 0, item 0\)"
    ):
        data = from_interactions(["a", "b", "a"], ["i"] * 3, time=[9, 2, 3])
    assert data[RATES].time.tolist() == [3, 2]


def test_models_train_on_it() -> None:
    generator = np.random.default_rng(0)
    user, item = generator.integers(0, 12, 80), generator.integers(0, 15, 80)
    pairs = np.unique(np.stack([user, item]), axis=1)
    ids = [f"item {i}" for i in range(15)]
    x = generator.normal(size=(15, 8))
    data = from_interactions(
        [f"user {u}" for u in pairs[0]],
        [ids[i] for i in pairs[1]],
        features={"text": (ids[2:], x[2:])},
    )
    train, val, _ = RandomUserSplit(seed=0)(data)
    model = SEA.from_data(train)
    config = TrainingConfig(max_epochs=1, inner_steps=1, eval_k=(5,), metric="recall@5")
    assert fit(model, train, val, config).epochs == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item": ITEM[:2]}, "one user and one item each, .*5 user, 2 item"),
        ({"user": [], "item": []}, "there must be some"),
        ({"user": [1.5] * 5}, "ids of user must be strings or whole numbers"),
        ({"item": [None] * 5}, "ids of item must be"),
        ({"user": ["a", "b", np.nan, "c", "d"]}, "ids of user must be .*got object"),
        ({"item": ["1", 1, "2", 2, "3"]}, "ids of item must be"),
        ({"time": [1, 2]}, "one user and one item each, .*2 time"),
        ({"time": ["now"] * 5}, "time must be a number per interaction"),
        ({"rating": [np.nan] * 5}, "rating must be finite"),
        ({"features": {"text": (["a", "a"], np.ones((2, 3)))}}, "an item twice"),
        ({"features": {"text": (["a"], np.ones((2, 3)))}}, r"a row per id, \[1, ch"),
        ({"features": {"text": (["a"], np.full((1, 2), np.nan))}}, "must be finite"),
        ({"features": {"text": ([1], np.ones((1, 2)))}}, "must both be strings"),
    ],
)
def test_bad_input(change: dict, message: str) -> None:
    given = {"user": USER, "item": ITEM, **change}
    with pytest.raises(ValueError, match=message):
        from_interactions(**given)


def _frame(x):
    return pandas.DataFrame(x, columns=["a", "b"])


def _column(x):
    return pandas.Series([*x], index=[7, 1, 4])  # of a table that rows were dropped of


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        scipy.sparse.csr_matrix,
        lambda x: torch.tensor(x).to_sparse(),
        lambda x: torch.tensor(x).bfloat16().requires_grad_(),
        lambda x: x.astype(">f4"),
        lambda x: x[::-1][::-1],
        lambda x: x.astype(object),
        lambda x: [*x],
        lambda x: x.tolist(),
        _frame,
        _column,
    ],
)
def test_features_of_any_form(form) -> None:
    x = np.array([[1.0, 2.0], [0.0, 4.0], [5.0, 0.5]])
    data = from_interactions([0, 0, 1], ["a", "b", "c"], features={"t": ("abc", x)})
    given = {"t": (["a", "b", "c"], form(x))}
    found = from_interactions([0, 0, 1], ["a", "b", "c"], features=given)
    assert found["item"].x_t.dtype == torch.float32
    assert torch.equal(found["item"].x_t, data["item"].x_t)
    assert found["item"].x_t.tolist() == x.tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.ones((2, 2)), "'t' must be a pair"),
        ((["a", "b"], [[1.0, 2.0], [1.0]]), "as many for every item"),
        ((["a", "b"], [["x"], ["y"]]), "must be numbers"),
        ((["a", "b"], np.ones((2, 2), complex)), "must be numbers"),
        ((["a.jpg", "b.jpg"], np.ones((2, 2))), r"no item .*'t'.*'a'.*'a\.jpg'"),
    ],
)
def test_features_that_are_refused(given, message) -> None:
    with pytest.raises(ValueError, match=message):
        from_interactions([0, 1], ["a", "b"], features={"t": given})
