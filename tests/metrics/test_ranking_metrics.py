import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.metrics import (
    LinkPredMetricCollection,
    LinkPredNDCG,
    LinkPredRecall,
)

from sea_pyg import metrics
from sea_pyg.metrics import NDCG, RankingData, Recall, ranking_classes
from tests.metrics.naive import naive_metrics

NUM_ITEMS = 9


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[list[int]], list[set[int]]]:
    num_users = draw(st.integers(1, 4))
    length = draw(st.integers(1, NUM_ITEMS))
    ranked, labels = [], []
    for _ in range(num_users):
        order = draw(st.permutations(range(NUM_ITEMS)))[:length]
        filler = draw(st.integers(0, length))  # the last places are empty
        ranked.append(order[: length - filler] + [-1] * filler)
        labels.append(draw(st.sets(st.integers(0, NUM_ITEMS - 1), min_size=1)))
    return ranked, labels


@settings(max_examples=80)
@given(rankings(), st.integers(1, NUM_ITEMS), st.randoms())
def test_agree_with_the_definitions(case, k, random) -> None:
    ranked, labels = case
    k = min(k, len(ranked[0]))
    pairs = [(u, i) for u, items in enumerate(labels) for i in items]
    pairs = pairs + pairs[:2]  # a label that stands twice counts once
    random.shuffle(pairs)
    edge_label_index = torch.tensor(pairs).t()
    data = RankingData(torch.tensor(ranked), edge_label_index)
    for name, cls in ranking_classes.items():
        expected = [
            naive_metrics(order, true, k)[name]
            for order, true in zip(ranked, labels, strict=True)
        ]
        metric = cls(k)
        assert metric.per_user(data).tolist() == pytest.approx(expected, abs=1e-6)
        metric.update(torch.tensor(ranked), edge_label_index)
        mean = sum(expected) / len(expected)
        assert float(metric.compute()) == pytest.approx(mean, abs=1e-6)


def test_agree_with_pyg_where_it_has_no_trap() -> None:
    generator = torch.Generator().manual_seed(0)
    ranked = torch.rand(50, 40, generator=generator).topk(20, dim=1).indices
    labels = (torch.rand(50, 40, generator=generator) < 0.15).nonzero().t()
    pairs = [(Recall, LinkPredRecall), (NDCG, LinkPredNDCG)]
    for ours, theirs in pairs:
        mine, reference = ours(20), theirs(20)
        mine.update(ranked, labels)
        reference.update(ranked, labels)
        assert torch.equal(mine.compute(), reference.compute())


def test_agree_with_torchmetrics() -> None:
    retrieval = pytest.importorskip("torchmetrics.functional.retrieval")
    generator = torch.Generator().manual_seed(0)
    score = torch.rand(30, 25, generator=generator)
    target = torch.rand(30, 25, generator=generator) < 0.3
    target[:, 0] = True
    data = RankingData(score.topk(10, dim=1).indices, target.nonzero().t())
    functions = {
        "recall": retrieval.retrieval_recall,
        "precision": retrieval.retrieval_precision,
        "ndcg": retrieval.retrieval_normalized_dcg,
        "mrr": retrieval.retrieval_reciprocal_rank,
        "hit_ratio": retrieval.retrieval_hit_rate,
    }
    for name, function in functions.items():
        for k in (1, 5, 10):
            expected = [
                float(function(score[u], target[u], top_k=k)) for u in range(30)
            ]
            found = ranking_classes[name](k).per_user(data).tolist()
            assert found == pytest.approx(expected, abs=1e-6), (name, k)


def test_a_filler_is_nobodys_item() -> None:
    # PyG reads -1 as the last item of the user before, here item 3 of user 0.
    ranked = torch.tensor([[0, 1], [-1, -1]])
    labels = torch.tensor([[0, 1], [3, 2]])
    assert Recall(2).per_user(RankingData(ranked, labels)).tolist() == [0.0, 0.0]


def test_a_user_without_labels_has_zero_and_does_not_count() -> None:
    ranked = torch.tensor([[0, 1], [1, 0]])
    labels = torch.tensor([[1], [1]])
    for cls in ranking_classes.values():
        metric = cls(1)
        assert metric.per_user(RankingData(ranked, labels)).tolist() == [0.0, 1.0]
        metric.update(ranked, labels)
        assert float(metric.compute()) == 1.0
        empty = RankingData(ranked, torch.empty(2, 0, dtype=torch.long))
        assert metric.per_user(empty).tolist() == [0.0, 0.0]


def test_bad_input() -> None:
    ranked = torch.tensor([[0, 1]])
    with pytest.raises(ValueError, match="num_users, k"):
        RankingData(ranked[0], torch.tensor([[0], [0]]))
    with pytest.raises(ValueError, match="rows in 0..0"):
        RankingData(ranked, torch.tensor([[1], [0]]))
    with pytest.raises(ValueError, match="smallest item -2"):
        RankingData(ranked, torch.tensor([[0], [-2]]))
    with pytest.raises(ValueError, match="a row and an item per label"):
        RankingData(ranked, (torch.tensor([0, 0]), torch.tensor([0])))
    with pytest.raises(ValueError, match="binary relevance"):
        Recall(1).update(ranked, torch.tensor([[0], [0]]), torch.ones(1))
    for cls in ranking_classes.values():
        with pytest.raises(ValueError, match="k"):
            cls(0)


def test_classes_are_exported() -> None:
    assert set(metrics.classes) == {c.__name__ for c in ranking_classes.values()}
    assert set(metrics.classes) <= set(metrics.__all__)
    assert repr(NDCG(k=3)) == "NDCG(k=3)"


@pytest.mark.parametrize("name", list(ranking_classes))
def test_a_collection_is_cleaned_as_well(name: str) -> None:
    ranked = torch.tensor([[1, 4], [2, -1]])  # the filler is no hit of item 9
    labels = torch.tensor([[0, 1, 0, 0], [9, 0, 4, 4]])  # a label stands twice
    alone, one_of_many = ranking_classes[name](2), ranking_classes[name](2)
    alone.update(ranked, labels)
    collection = LinkPredMetricCollection({"one": one_of_many})
    collection.update(ranked, labels)
    assert collection.compute()["one"] == alone.compute() > 0


def test_small_types_of_numbers_do_not_overflow() -> None:
    items = torch.tensor([[60_000], [60_000]], dtype=torch.int32)
    labels = torch.tensor([[0, 1], [60_000, 7]], dtype=torch.int32)
    many = torch.zeros(60_000, 1, dtype=torch.int32)
    rows = torch.stack([labels[0] + 59_000, labels[1]])
    many[59_000:59_002] = items
    metric = Recall(1)
    metric.update(many, rows)
    assert metric.compute() == 0.5


def test_a_ranking_names_an_item_once() -> None:
    with pytest.raises(ValueError, match="item 3 twice in row 1"):
        Recall(2).update(
            torch.tensor([[1, -1, -1], [3, 5, 3]]), torch.tensor([[0], [3]])
        )
