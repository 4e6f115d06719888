import math

import pytest
import torch

from sea_pyg.nn.models.item_knn import ItemKNN
from tests.nn.models.base import ClosedFormTests, example_data


class TestItemKNN(ClosedFormTests):
    model_class = ItemKNN
    kwargs = {"k": 10}


@pytest.mark.parametrize("shrink", [0.0, 3.0])
def test_scores_are_those_of_a_naive_loop(shrink: float) -> None:
    data = example_data(())
    edges = set(zip(*data["user", "rates", "item"].edge_index.tolist(), strict=True))
    users_of = [{u for u, i in edges if i == item} for item in range(30)]
    model = ItemKNN(40, 30, k=4, shrink=shrink, chunk_size=7)
    model.fit(data)
    score = model.score(data, torch.arange(40))
    for item in range(30):
        cosine = {
            other: len(users_of[item] & users_of[other])
            / (
                math.sqrt(max(len(users_of[item]), 1) * max(len(users_of[other]), 1))
                + shrink
            )
            for other in range(30)
            if other != item
        }
        best = sorted(cosine.values(), reverse=True)[:4]
        assert model.similarity[item].sort(descending=True).values.tolist() == (
            pytest.approx(best)
        )
        kept = model.neighbour[item].tolist()
        for user in range(40):
            expected = sum(cosine[j] for j in kept if (user, j) in edges)
            assert score[user, item].item() == pytest.approx(expected, abs=1e-5)


def test_refuses_negative_shrinkage() -> None:
    with pytest.raises(ValueError, match=r"shrink must lie in \[0, inf\) \(got -1\)"):
        ItemKNN(4, 3, shrink=-1)


def test_scores_under_autocast() -> None:
    data = example_data(())
    model = ItemKNN(40, 30)
    model.fit(data)
    users = torch.arange(40)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model.recommend(data, users, 5)
    expected = model.recommend(data, users, 5)
    assert torch.equal(found.item_index, expected.item_index)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_scores_in_half_precision(dtype: torch.dtype) -> None:
    data = example_data(())
    model = ItemKNN(40, 30)
    model.fit(data)
    users = torch.arange(40)
    expected = model.score(data, users)
    score = model.to(dtype).score(data, users)
    assert score.dtype == dtype
    torch.testing.assert_close(score.float(), expected, rtol=0.01, atol=0.01)


def test_is_fitted_in_half_precision() -> None:
    data = example_data(())
    model, half = ItemKNN(40, 30), ItemKNN(40, 30).bfloat16()
    model.fit(data)
    half.fit(data)
    assert torch.equal(half.neighbour, model.neighbour)
    torch.testing.assert_close(
        half.similarity.float(), model.similarity, rtol=0.01, atol=0
    )
