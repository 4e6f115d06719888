import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.metrics import LinkPredF1
from torch_geometric.metrics.link_pred import LinkPredMetricData

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.evaluation import BEYOND_ACCURACY, DEFAULT_METRICS, evaluate
from sea_pyg.metrics import RankingMetric, Recall, gini, novelty, ranking_classes
from sea_pyg.nn.models import BPRMF, Popularity, Recommender
from sea_pyg.transforms import RandomUserSplit
from sea_pyg.typing import RATES, EdgeType, Embeddings
from tests.evaluation.graphs import graph, random_graph
from tests.metrics.naive import naive_metrics

REFERENCE = Path(__file__).parents[1] / "reference" / "sea.npz"


def exactly(score: Tensor) -> Embeddings:
    """Return embeddings whose products are these very scores."""
    return Embeddings(score, torch.eye(score.size(1)))


def sets(index: Tensor) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for user, item in index.t().tolist():
        found.setdefault(user, set()).add(item)
    return found


def naive_evaluate(
    score: Tensor, train: Tensor, labels: Tensor, masked: Tensor, k: int
) -> dict[int, dict[str, float]]:
    """Rank by sorting all items in Python."""
    edges, true, hidden = sets(train), sets(labels), sets(masked)
    found = {}
    for user in sorted(true):
        if user in edges:
            rest = set(range(score.size(1))) - hidden.get(user, set())
            order = sorted(rest, key=lambda i: (-float(score[user, i]), i))
            found[user] = naive_metrics(order, true[user], k)
    return found


class Counting(BPRMF):
    """Counts how often it is encoded, and in which mode."""

    modes: list[tuple[bool, bool]]

    def encode(self, data: HeteroData) -> Embeddings:
        self.modes.append((self.training, torch.is_grad_enabled()))
        return super().encode(data)


class Stored(Recommender):
    """Scores with a view of a matrix that it keeps."""

    def __init__(self, matrix: Tensor, edge_type: EdgeType = RATES) -> None:
        super().__init__(*matrix.shape, edge_type)
        self.matrix = matrix

    def encode(self, data: HeteroData) -> Embeddings:
        return Embeddings(self.matrix, self.matrix.t())

    def loss(self, data, batch, state=None):
        raise NotImplementedError

    def score(self, data, user_index, embeddings=None) -> Tensor:
        first = int(user_index[0])
        return self.matrix[first : first + user_index.numel()]


@pytest.mark.parametrize("exclude", ["train", "train+val", "none"])
@pytest.mark.parametrize("batch_size", [1, 7, 1000, None])
def test_agrees_with_a_loop(exclude: str, batch_size: int | None) -> None:
    val, test, score = random_graph()
    train, labels = test[RATES].edge_index, test[RATES].edge_label_index
    empty = train[:, :0]
    masked = {
        "train": train,
        "train+val": torch.cat([train, val[RATES].edge_label_index], dim=1),
        "none": empty,
    }[exclude]
    result = evaluate(
        exactly(score),
        test,
        k=(1, 3, 20, 30),
        exclude=exclude,
        val=val,
        batch_size=batch_size,
    )
    assert list(result.metrics) == [
        f"{name}@{k}" for name in DEFAULT_METRICS for k in (1, 3, 20, 30)
    ]
    for k in (1, 3, 20, 30):
        expected = naive_evaluate(score, train, labels, masked, k)
        assert result.user_index.tolist() == list(expected)
        for name in DEFAULT_METRICS:
            values = [metrics[name] for metrics in expected.values()]
            key = f"{name}@{k}"
            assert result.per_user[key].tolist() == pytest.approx(values, abs=1e-6)
            mean = sum(values) / len(values)
            assert result.metrics[key] == pytest.approx(mean, abs=1e-6)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(2, 8), st.data())
def test_agrees_with_a_loop_on_any_graph(seed, num_users, num_items, draw) -> None:
    generator = torch.Generator().manual_seed(seed)
    kind = torch.rand(num_users, num_items, generator=generator)
    cut = draw.draw(st.floats(0.2, 0.9))
    train, labels = (kind < cut).nonzero().t(), (kind >= cut).nonzero().t()
    if not sets(train).keys() & sets(labels).keys():
        return
    # Few distinct scores, so that there are ties.
    score = torch.randint(3, kind.shape, generator=generator).float()
    k = draw.draw(st.integers(1, num_items))
    data = graph(train, labels, num_users, num_items)
    result = evaluate(exactly(score), data, k=k, batch_size=3)
    expected = naive_evaluate(score, train, labels, train, k)
    assert result.user_index.tolist() == list(expected)
    for name in DEFAULT_METRICS:
        values = [metrics[name] for metrics in expected.values()]
        found = result.per_user[f"{name}@{k}"].tolist()
        assert found == pytest.approx(values, abs=1e-6)


def test_gives_the_released_codes_metrics() -> None:
    with np.load(REFERENCE, allow_pickle=False) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files}
    data = graph(arrays["train_edge"], arrays["test_edge"], 30, 24)
    embeddings = Embeddings(arrays["user_emb"], arrays["item_emb"])
    result = evaluate(embeddings, data, k=(1, 5, 10, 20))
    assert torch.equal(result.user_index, arrays["test_users"])
    compared = 0
    for name in arrays:
        if not name.startswith("metric/"):
            continue
        key = name.removeprefix("metric/")
        if key.startswith("recall2@"):
            found = result.pooled_recall(int(key.partition("@")[2]))
        else:
            found = result.metrics[key]
        assert found == pytest.approx(float(arrays[name]), abs=1e-6), key
        compared += 1
    assert compared == 20


def test_pooled_recall_weighs_users_by_their_labels() -> None:
    score = torch.tensor([[3.0, 2.0, 1.0, 0.0], [3.0, 2.0, 1.0, 0.0]])
    train = torch.tensor([[0, 1], [0, 0]])
    labels = torch.tensor([[0, 1, 1], [1, 2, 3]])
    result = evaluate(exactly(score), graph(train, labels, 2, 4), k=1)
    assert result.metrics["recall@1"] == pytest.approx((1 + 0) / 2)
    assert result.pooled_recall(1) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="was not evaluated"):
        result.pooled_recall(2)


def test_seen_items_are_never_ranked_even_if_too_few_are_left() -> None:
    # User 0 has seen all but item 3; the rest of the ranking stays empty.
    train = torch.tensor([[0, 0, 0, 1], [0, 1, 2, 0]])
    labels = torch.tensor([[0, 0, 1], [2, 3, 1]])
    score = torch.tensor([[9.0, 8.0, 7.0, 1.0], [0.0, 3.0, 2.0, 1.0]])
    data = graph(train, labels, 2, 4)
    with pytest.warns(UserWarning, match="1 of the 3 labels"):
        result = evaluate(exactly(score), data, k=4, beyond_accuracy=True)
    assert result.per_user["recall@4"].tolist() == [0.5, 1.0]
    assert result.per_user["precision@4"].tolist() == [0.25, 0.25]
    assert result.per_user["mrr@4"].tolist() == [1.0, 1.0]
    assert result.metrics["coverage@4"] == pytest.approx(3 / 4)


def test_counts_the_users_that_are_left_out() -> None:
    train = torch.tensor([[0, 1, 3], [0, 0, 1]])
    labels = torch.tensor([[0, 2, 2, 3], [1, 1, 2, 0]])
    result = evaluate(exactly(torch.rand(5, 3)), graph(train, labels, 5, 3), k=1)
    assert result.user_index.tolist() == [0, 3]
    assert result.num_users == 2
    assert result.num_users_without_labels == 2  # users 1 and 4
    assert result.num_users_without_edges == 1  # user 2


def test_a_label_that_stands_twice_counts_once() -> None:
    _, test, score = random_graph()
    once = evaluate(exactly(score), test)
    labels = test[RATES].edge_label_index
    test[RATES].edge_label_index = torch.cat([labels, labels.flip(1)], dim=1)
    twice = evaluate(exactly(score), test)
    assert once.metrics == twice.metrics
    assert torch.equal(once.num_labels, twice.num_labels)
    assert once.fingerprint == twice.fingerprint


def test_negative_labels_do_not_count() -> None:
    _, test, score = random_graph()
    labels = test[RATES].edge_label_index
    expected = evaluate(exactly(score), test).metrics
    others = torch.stack([labels[0], (labels[1] + 1) % 30])
    test[RATES].edge_label_index = torch.cat([labels, others], dim=1)
    test[RATES].edge_label = torch.cat(
        [torch.ones(labels.size(1)), torch.zeros(labels.size(1))]
    )
    assert evaluate(exactly(score), test).metrics == expected


@pytest.mark.parametrize("training", [True, False])
def test_encodes_once_in_evaluation_mode(training: bool) -> None:
    _, test, _ = random_graph()
    model = Counting(40, 30)
    model.modes = []
    model.part = torch.nn.Dropout()
    model.train(training).part.train(not training)
    evaluate(model, test, batch_size=3)
    assert model.modes == [(False, False)]
    assert model.training is training
    assert model.part.training is not training


def test_restores_the_mode_after_an_error() -> None:
    _, test, _ = random_graph()
    model = Counting(40, 30)
    model.modes = []
    model.train()
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    with pytest.raises(ValueError, match="NaN"):
        evaluate(model, test)
    assert model.training


def test_never_writes_into_a_models_state() -> None:
    train = torch.tensor([[0, 1, 2], [0, 1, 2]])
    labels = torch.tensor([[0, 1, 2], [1, 2, 3]])
    matrix = torch.rand(3, 4)
    before = matrix.clone()
    data = graph(train, labels, 3, 4)
    result = evaluate(Stored(matrix), data, k=2)
    assert torch.equal(matrix, before)
    assert result.metrics == evaluate(exactly(matrix), data, k=2).metrics


def test_ranks_as_recommend_does() -> None:
    _, test, _ = random_graph()
    model = Popularity(40, 30)  # with ties
    model.fit(test)
    result = evaluate(model, test, k=5)
    ranked = model.recommend(test, result.user_index, 5).item_index.tolist()
    true = sets(test[RATES].edge_label_index)
    for name in DEFAULT_METRICS:
        expected = [
            naive_metrics(order, true[user], 5)[name]
            for user, order in zip(result.user_index.tolist(), ranked, strict=True)
        ]
        assert result.per_user[f"{name}@5"].tolist() == pytest.approx(expected)


def test_is_deterministic_and_leaves_the_random_state_alone() -> None:
    _, test, score = random_graph()
    state = torch.get_rng_state()
    first, second = (evaluate(exactly(score), test) for _ in range(2))
    assert first.metrics == second.metrics
    assert torch.equal(torch.get_rng_state(), state)


def test_beyond_accuracy() -> None:
    _, test, score = random_graph()
    train, labels = test[RATES].edge_index, test[RATES].edge_label_index
    degree = torch.bincount(train[1], minlength=30)
    threshold = int(degree.median())
    result = evaluate(
        exactly(score),
        test,
        k=(3, 8),
        metrics=("recall",),
        beyond_accuracy=True,
        cold_degree=threshold,
        batch_size=7,
    )
    names = ("recall", *BEYOND_ACCURACY)
    assert list(result.metrics) == [f"{name}@{k}" for name in names for k in (3, 8)]
    seen, true = sets(train), sets(labels)
    for k in (3, 8):
        ranked, cold = [], []
        for user in result.user_index.tolist():
            rest = set(range(30)) - seen[user]
            order = sorted(rest, key=lambda i: -float(score[user, i]))[:k]
            ranked.append(order)
            wanted = {i for i in true[user] if int(degree[i]) < threshold}
            hits = wanted & set(order)
            cold.append(len(hits) / len(wanted) if wanted else math.nan)
        shown = Counter(i for order in ranked for i in order)
        count = torch.tensor([shown[i] for i in range(30)])
        assert result.metrics[f"coverage@{k}"] == pytest.approx(len(shown) / 30)
        assert result.metrics[f"gini@{k}"] == pytest.approx(gini(count))
        bits = float(novelty(torch.tensor(ranked), degree, 40).mean())
        assert result.metrics[f"novelty@{k}"] == pytest.approx(bits, abs=1e-6)
        found = result.per_user[f"cold_recall@{k}"].tolist()
        assert found == pytest.approx(cold, abs=1e-6, nan_ok=True)
        kept = [v for v in cold if not math.isnan(v)]
        assert 0 < len(kept) < len(cold)
        mean = sum(kept) / len(kept)
        assert result.metrics[f"cold_recall@{k}"] == pytest.approx(mean)


def test_items_of_less_than_five_edges_are_cold_by_default() -> None:
    edges = [(user, item) for item in range(8) for user in range(item + 1)]
    train = torch.tensor(edges).t()
    labels = torch.tensor([[8] * 8, list(range(8))])
    train = torch.cat([train, torch.tensor([[8], [8]])], dim=1)
    score = torch.zeros(9, 9)
    score[8, :4] = 1.0  # the cold ones are ranked first
    data = graph(train, labels, 9, 9)
    found = evaluate(exactly(score), data, k=4, beyond_accuracy=True)
    assert found.metrics["cold_recall@4"] == 1.0
    score[8, 4] = 2.0  # item 4 has five
    found = evaluate(exactly(score), data, k=4, beyond_accuracy=True)
    assert found.metrics["cold_recall@4"] == 0.75


def test_without_cold_labels_the_mean_is_nan_and_null_in_json() -> None:
    _, test, score = random_graph()
    result = evaluate(exactly(score), test, k=3, metrics="cold_recall", cold_degree=0)
    assert math.isnan(result.metrics["cold_recall@3"])
    assert '"cold_recall@3": null' in result.to_json()


def test_another_edge_type() -> None:
    _, test, score = random_graph()
    edge_type = ("reader", "borrows", "book")
    store = test[RATES]
    other = graph(store.edge_index, store.edge_label_index, 40, 30, edge_type)
    expected = evaluate(exactly(score), test).metrics
    assert evaluate(exactly(score), other, edge_type=edge_type).metrics == expected
    stored = Stored(score, edge_type)  # a model knows its edge type
    assert evaluate(stored, other, batch_size=1).metrics == expected


def test_the_fingerprint_tells_protocols_apart() -> None:
    val, test, score = random_graph()
    embeddings = exactly(score)
    prints = {
        evaluate(embeddings, test).fingerprint,
        evaluate(embeddings, val).fingerprint,
        evaluate(embeddings, test, exclude="none").fingerprint,
        evaluate(embeddings, test, exclude="train+val", val=val).fingerprint,
    }
    assert len(prints) == 4
    again = evaluate(exactly(score.flip(0)), test, metrics="mrr").fingerprint
    assert again in prints
    # Also where nothing but the users differs, who need an edge in training.
    store = test[RATES]
    user = store.edge_label_index[0, 0]
    edges = store.edge_index[:, store.edge_index[0] != user]
    fewer = graph(edges, store.edge_label_index, 40, 30)
    assert evaluate(embeddings, fewer, exclude="none").fingerprint not in prints


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, r"between 1 and the number of items 30 \(got 0\)"),
        ({"k": 31}, r"between 1 and the number of items 30 \(got 31\)"),
        ({"k": (5, 31)}, r"\(got 31\)"),
        ({"k": ()}, "at least one length"),
        ({"k": 2.5}, "whole number"),
        ({"k": True}, "whole number"),
        ({"metrics": ("recal",)}, "'recal'; did you mean 'recall'"),
        ({"metrics": ()}, "no metric was asked for"),
        ({"exclude": "trian"}, "did you mean 'train'"),
        ({"exclude": "train+val"}, "pass val="),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"edge_type": ("user", "buys", "item")}, "buys"),
    ],
)
def test_bad_arguments(arguments, message: str) -> None:
    _, test, score = random_graph()
    with pytest.raises(ValueError, match=message):
        evaluate(exactly(score), test, **arguments)


def test_lengths_of_numpy_and_a_bare_pair_of_tables() -> None:
    _, test, score = random_graph()
    embeddings = exactly(score)
    expected = evaluate(embeddings, test, k=(3, 5)).metrics
    assert evaluate(embeddings, test, k=list(np.array([5, 3]))).metrics == expected
    with pytest.raises(ValueError, match=r"got tuple\).*pass Embeddings\(user, item"):
        evaluate(tuple(embeddings), test)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[], []], "empty"),
        ([[0], [30]], "item 30, but items go from 0 to 29"),
        ([[-1], [0]], "user -1, but users go from 0 to 39"),
        ([[40], [0]], "user 40"),
        (np.array([[0], [1]], np.int32), r"int64; convert it by .long\(\) .*int32"),
        ([[0.5], [1.0]], "int64; .*float32"),
    ],
)
def test_bad_labels(labels: Any, message: str) -> None:
    _, test, score = random_graph()
    index = torch.as_tensor(labels)
    test[RATES].edge_label_index = index if index.numel() else index.long()
    with pytest.raises(ValueError, match=message):
        evaluate(exactly(score), test)


def test_bad_graphs() -> None:
    _, test, score = random_graph()
    with pytest.raises(ValueError, match="40 users and 30 items, but the model"):
        evaluate(exactly(score[:-1]), test)
    with pytest.raises(ValueError, match="40 users and 30 items, but the model"):
        evaluate(BPRMF(40, 31), test)
    val = random_graph()[0]
    val[RATES].edge_label_index = torch.tensor([[0], [99]])
    with pytest.raises(ValueError, match="validation graph's edge_label_index"):
        evaluate(exactly(score), test, exclude="train+val", val=val)
    lonely = graph(torch.tensor([[0], [0]]), torch.tensor([[1], [1]]), 40, 30)
    with pytest.raises(ValueError, match="both a label and a training edge"):
        evaluate(exactly(score), lonely)
    del test[RATES].edge_label_index
    with pytest.raises(ValueError, match="no edge_label_index"):
        evaluate(exactly(score), test)


def test_labels_that_are_left_out_are_told() -> None:
    train = torch.tensor([[0, 1, 1], [0, 1, 2]])
    scores = exactly(torch.randn(2, 4))
    with pytest.raises(ValueError, match="3 of the 3 labels.*exclude='none'"):
        evaluate(scores, graph(train, train, 2, 4), k=1)
    labels = torch.tensor([[0, 1], [0, 3]])
    with pytest.warns(UserWarning, match="1 of the 2 labels") as warned:
        evaluate(scores, graph(train, labels, 2, 4), k=1)
    assert warned[0].filename == __file__  # the line that called it
    evaluate(scores, graph(train, train, 2, 4), k=1, exclude="none")


def test_negatives_among_the_labels_are_none_of_the_validation() -> None:
    train = torch.tensor([[0, 1], [0, 1]])
    test = graph(train, torch.tensor([[0, 1], [2, 3]]), 2, 4)
    test[RATES].edge_label = torch.tensor([1.0, 0.0])
    val = graph(train, torch.tensor([[1], [3]]), 2, 4)
    scores = exactly(torch.randn(2, 4))
    found = evaluate(scores, test, k=1, exclude="train+val", val=val)
    assert found.user_index.tolist() == [0]


class RPrec(RankingMetric):
    """Precision at the number of a user's true items, at most k."""

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        rank = torch.arange(data.pred_rel_mat.size(1))
        wanted = data.label_count.clamp(max=self.k)[:, None]
        return (data.pred_rel_mat & (rank < wanted)).sum(dim=1) / wanted.squeeze(1)


class Hits(RankingMetric):
    """Weighted number of hits, and of nothing but what is ranked up to k."""

    def __init__(self, k: int, weight: int = 1) -> None:
        super().__init__(k)
        self.weight = weight

    def _compute(self, data: LinkPredMetricData) -> Tensor:
        return self.weight * data.pred_rel_mat.sum(dim=1)


class F1(RankingMetric, LinkPredF1):
    pass


def test_a_metric_of_ones_own() -> None:
    _, test, score = random_graph()
    asked: list[Any] = [RPrec, "recall", Hits(3, weight=2), F1, "novelty", Recall(4)]
    result = evaluate(exactly(score), test, k=(1, 8), metrics=asked, batch_size=7)
    assert list(result.metrics) == [
        *("r_prec@1", "r_prec@8", "recall@1", "recall@8", "hits@3"),
        *("f1@1", "f1@8", "novelty@1", "novelty@8", "recall@4"),
    ]
    assert list(result.per_user) == list(result.metrics)
    seen, true = (sets(test[RATES][n]) for n in ("edge_index", "edge_label_index"))
    for row, user in enumerate(result.user_index.tolist()):
        rest = set(range(30)) - seen[user]
        order = sorted(rest, key=lambda i: -float(score[user, i]))
        for k in (1, 8):
            wanted = min(len(true[user]), k)
            hits = len(true[user] & set(order[:wanted]))
            found = float(result.per_user[f"r_prec@{k}"][row])
            assert found == pytest.approx(hits / wanted)
        twice = 2.0 * len(true[user] & set(order[:3]))
        assert result.per_user["hits@3"][row] == twice
    values = result.per_user["hits@3"]
    assert values.dtype == torch.float32
    assert result.metrics["hits@3"] == pytest.approx(float(values.mean()))
    names = evaluate(exactly(score), test, k=(4, 8), metrics="recall")
    for k in (4, 8):
        assert torch.equal(
            result.per_user[f"recall@{k}"], names.per_user[f"recall@{k}"]
        )


def test_a_metric_has_its_own_length_alone() -> None:
    data = FakeMultimodalDataset(num_users=20, num_items=15)[0]
    train, val, _ = RandomUserSplit(seed=0)(data)
    model = BPRMF.from_data(train)
    metric = Recall(5)
    found = evaluate(model, val, metrics=metric)  # 20 items cannot be ranked
    assert found.metrics == evaluate(model, val, k=5, metrics=Recall).metrics
    assert metric.total == 0  # nothing was added to it
    both = evaluate(model, val, k=3, metrics=[metric], beyond_accuracy=True).metrics
    assert list(both) == ["recall@5", *(f"{name}@3" for name in BEYOND_ACCURACY)]
    assert both["recall@5"] == found.metrics["recall@5"]


def test_what_is_asked_for_twice_is_computed_once() -> None:
    _, test, score = random_graph()
    metric: Any = Hits(3)
    for asked in (["recall", Recall], [Recall, "recall", "recall"]):
        assert list(evaluate(exactly(score), test, 3, asked).metrics) == ["recall@3"]
    asked = [metric, metric, "coverage", "coverage"]
    found = evaluate(exactly(score), test, 3, asked)
    assert list(found.metrics) == ["hits@3", "coverage@3"]


class Gini(RankingMetric):
    pass


class Mean(RankingMetric):
    def _compute(self, data: LinkPredMetricData) -> Tensor:
        return data.pred_rel_mat.float().mean()


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ([LinkPredF1(5)], r"derived from RankingMetric \(got LinkPredF1\(k=5\)\)"),
        ([LinkPredF1], "derived from RankingMetric"),
        ([RankingMetric], "derived from RankingMetric"),
        ([5], r"derived from RankingMetric \(got 5\)"),
        ([Recall(5, weighted=True)], r"weighted \(Recall\(k=5, weighted=True\)\)"),
        ([Recall(31)], r"between 1 and the number of items 30 \(got 31\)"),
        ([Hits(5), Hits(5, 2)], "two metrics would be called 'hits@5'"),
        ([Hits(5), Hits], "two metrics would be called 'hits@5'"),
        (["recall", Recall(5)], "two metrics would be called 'recall@5'"),
        ([type("Recall", (Hits,), {})], "called 'recall' in .* rename the class"),
        ([Gini], "Gini would be called 'gini'"),
        ([Mean], r"_compute of Mean must return .* \[\d+\] \(got \[\]\)"),
    ],
)
def test_metrics_that_are_none_or_not_told_apart(metrics: Any, message: str) -> None:
    _, test, score = random_graph()
    with pytest.raises(ValueError, match=message):
        evaluate(exactly(score), test, k=5, metrics=metrics)


def test_every_class_has_the_name_that_it_would_be_given() -> None:
    for name, cls in ranking_classes.items():
        other: Any = type(f"My{cls.__name__}", (cls,), {})
        _, test, score = random_graph()
        found = evaluate(exactly(score), test, 5, [cls, other]).metrics
        assert list(found) == [f"{name}@5", f"my_{name}@5"]


def test_a_registered_metric_goes_by_its_name(monkeypatch) -> None:
    monkeypatch.setitem(ranking_classes, "rprec", RPrec)
    _, test, score = random_graph()
    found = evaluate(exactly(score), test, 5, ["rprec", RPrec]).metrics
    assert list(found) == ["rprec@5"]


def test_a_result_prints_no_values_per_user() -> None:
    data = FakeMultimodalDataset(num_users=20, num_items=15)[0]
    train, val, _ = RandomUserSplit(seed=0)(data)
    found = evaluate(BPRMF.from_data(train), val, k=5)
    assert "tensor" not in repr(found)
    assert "recall@5" in repr(found)


class HitShare(RankingMetric):
    def _compute(self, data: LinkPredMetricData) -> Tensor:
        hits = data.pred_rel_mat.sum(dim=1)
        return hits / hits


def test_a_metric_that_is_none_of_some_users() -> None:
    _, test, score = random_graph()
    with pytest.raises(ValueError, match=r"hit_share@2 is NaN for \d+ of \d+ users"):
        evaluate(exactly(score), test, k=2, metrics=[HitShare])
    assert evaluate(exactly(score), test, k=2, metrics=["cold_recall"]).metrics
