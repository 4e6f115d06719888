"""The part of SEA's score that walks over the interactions give."""

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.evaluation import evaluate
from sea_pyg.nn import SEA
from sea_pyg.nn.models.walk_graph import walk_scores, with_walk_graph
from sea_pyg.transforms import ItemKNNGraph
from sea_pyg.typing import LEADS_TO, RATES, SIMILAR, Embeddings
from sea_pyg.utils import EdgeMembership
from tests.nn.models.base import RecommenderTests, example_batch, example_data


class TestSEAWithWalks(RecommenderTests):
    model_class = SEA
    kwargs = {"walk_weight": 3.0, "walk_k": 5, "distance": "vub"}


def test_scores_are_those_of_a_naive_loop() -> None:
    data = with_walk_graph(ItemKNNGraph(k=3)(example_data()), 4, SIMILAR, RATES)
    seen = EdgeMembership(data[RATES].edge_index, 40, 30)
    users = torch.tensor([7, 0, 39, 7])
    found = walk_scores(data, seen, users, "item")
    assert found.shape == (4, 30)
    edges = zip(
        *data[LEADS_TO].edge_index.tolist(),
        data[LEADS_TO].edge_weight.tolist(),
        strict=True,
    )
    weight = {(start, end): value for start, end, value in edges}
    pairs = set(zip(*data[RATES].edge_index.tolist(), strict=True))
    for row, user in enumerate(users.tolist()):
        items = [item for other, item in pairs if other == user]
        for end in range(30):
            total = sum(weight.get((start, end), 0.0) for start in items)
            expected = total / max(len(items), 1)
            assert found[row, end].item() == pytest.approx(expected, abs=1e-6)
    assert float(found[2].abs().sum()) == 0  # the user has no edges
    assert float(found[0].abs().sum()) > 0


def test_the_weight_is_applied_once_and_training_does_not_see_it() -> None:
    data = example_data()
    torch.manual_seed(0)
    plain = SEA.from_data(data)
    walking = SEA.from_data(data, walk_weight=2.5, walk_k=6)
    walking.load_state_dict(plain.state_dict())
    prepared = walking.prepare(data)
    users = torch.arange(40)
    walks = walk_scores(prepared, walking.seen_items(prepared), users, "item")
    difference = walking.score(prepared, users) - plain.score(prepared, users)
    torch.testing.assert_close(difference, 2.5 * walks, rtol=1e-4, atol=1e-5)
    batch = example_batch(data)
    for ours, theirs in zip(
        walking.loss(prepared, batch).values(),
        plain.loss(prepared, batch).values(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


def test_evaluation_and_recommendation_rank_by_the_whole_score() -> None:
    data = example_data()
    user = torch.arange(39)
    data[RATES].edge_label_index = torch.stack([user, (user * 7) % 29])
    torch.manual_seed(0)
    model = SEA.from_data(data, walk_weight=1e4)
    prepared = model.prepare(data)
    walks = walk_scores(prepared, model.seen_items(prepared), user, "item")
    walks[model.seen_items(prepared).seen(user)] = -1
    best = walks.max(dim=1).values
    top = model.recommend(data, user, 1).item_index
    assert torch.equal(walks.gather(1, top).squeeze(1), best)
    with pytest.warns(UserWarning, match="of the 39 labels"):
        found = evaluate(model, prepared, k=1, metrics=("hit_ratio",))
    hits = (top.squeeze(1) == data[RATES].edge_label_index[1]).float().mean()
    assert found.metrics["hit_ratio@1"] == pytest.approx(float(hits))
    assert SEA.from_data(data).scores_by_embeddings
    assert not model.scores_by_embeddings


def test_a_subclass_that_scores_otherwise_is_ranked_by_its_score() -> None:
    class Reversed(SEA):
        def score(
            self,
            data: HeteroData,
            user_index: Tensor,
            embeddings: Embeddings | None = None,
        ) -> Tensor:
            return -super().score(data, user_index, embeddings)

    data = example_data()
    user = torch.arange(39)
    torch.manual_seed(0)
    model = Reversed.from_data(data)
    top = model.recommend(data, user, 1).item_index.squeeze(1)
    data[RATES].edge_label_index = torch.stack([user, top])
    found = evaluate(model, model.prepare(data), k=1, metrics=("hit_ratio",))
    assert found.metrics["hit_ratio@1"] == 1


@pytest.mark.parametrize(
    "option, message",
    [
        ({"walk_weight": -1.0}, r"walk_weight must lie in \[0, inf\)"),
        ({"walk_k": 0}, "walk_k must be at least 1"),
    ],
)
def test_refuses_bad_options(option: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SEA.from_data(example_data(), **option)
