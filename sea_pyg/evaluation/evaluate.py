"""Full-ranking evaluation of a recommender."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from sea_pyg.evaluation.measure import Metric, make_measures
from sea_pyg.evaluation.pairs import check_reachable, excluded_pairs, labelled_pairs
from sea_pyg.evaluation.result import EvaluationResult
from sea_pyg.evaluation.scorer import Scorer
from sea_pyg.nn.models.ranking import evaluation_mode, rank_items
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.typing import RATES, EdgeType, Embeddings
from sea_pyg.utils import (
    EdgeMembership,
    device_of,
    first_of_another,
    get_split_id,
    memoize,
    on_device,
)
from sea_pyg.utils.interactions import check_interactions

DEFAULT_METRICS = ("recall", "ndcg", "precision", "map", "mrr", "hit_ratio")
"""Accuracy metrics that :func:`evaluate` computes by default."""

Exclude = Literal["train", "train+val", "none"]


@torch.no_grad()
def evaluate(
    model: Recommender | Embeddings,
    data: HeteroData,
    k: int | Sequence[int] = (10, 20),
    metrics: Metric | Sequence[Metric] = DEFAULT_METRICS,
    exclude: Exclude = "train",
    val: HeteroData | None = None,
    batch_size: int | None = None,
    edge_type: EdgeType | None = None,
    beyond_accuracy: bool = False,
    cold_degree: int = 5,
) -> EvaluationResult:
    r"""Rank the whole catalogue for every user and compare with what they chose.

    The protocol is MMRec's: all items are ranked but those that the user has seen, and
    the metrics are means over the users who have labels. Users without training edges
    are left out. The model is encoded once, in evaluation mode; memory is one chunk of
    scores.

    Args:
        model: A recommender, or embeddings whose dot product is the score.
        data: A graph with the training edges as ``edge_index`` and the positives as
            ``edge_label_index``; where ``edge_label`` exists, as after
            ``RandomLinkSplit``, only labels above zero count.
        k: Length or lengths of the rankings. (default: :obj:`(10, 20)`)
        metrics: Names from ``recall``, ``ndcg``, ``precision``, ``map``, ``mrr``,
            ``hit_ratio``, ``coverage``, ``gini``, ``novelty`` and ``cold_recall``, or
            classes derived from :class:`~sea_pyg.metrics.RankingMetric`, each at every
            ``k``; or such a metric, ``RPrec(5)``, at its own ``k`` alone. A class
            ``RPrec`` is called ``r_prec`` in the result. (default: the first six)
        exclude: What is never ranked for a user: the items of their training edges, of
            training and of the labels of ``val``, or nothing. (default: :obj:`"train"`)
        val: The validation graph; needed for ``exclude='train+val'`` only.
        batch_size: Users scored at a time; 64 MB of scores by default.
        edge_type: The user-item edge type; the model's by default.
        beyond_accuracy: Add coverage, Gini index, novelty and cold-item recall.
            (default: :obj:`False`)
        cold_degree: ``cold_recall`` counts labels whose item has fewer training edges.
            (default: :obj:`5`)

    Raises:
        ValueError: If ``k`` is not between 1 and the number of items, a metric is
            unknown or weighted, two would have one name, there are no labels or
            none of a user with training edges, all of them are left out of the ranking,
            a node number is out of range or not int64, or the model is none, of another
            size than the graph, or trained on other interactions than those of the
            graph's split.

    .. note::
        MMRec evaluates with the embeddings of the last training batch; here the model
        is encoded anew.
    """
    given: object = model
    if not isinstance(given, Recommender | Embeddings):
        raise ValueError(
            f"model must be a Recommender or Embeddings (got {type(given).__name__}); "
            "of another model pass Embeddings(user, item)"
        )
    edge_type = edge_type or (
        model.edge_type if isinstance(model, Recommender) else RATES
    )
    device = model.user.device if isinstance(model, Embeddings) else device_of(model)
    data, val = on_device(data, device), None if val is None else on_device(val, device)
    sizes = check_interactions(data, edge_type)
    num_users, num_items = sizes
    measures = make_measures(metrics, beyond_accuracy, k, num_items)
    _check_model(model, sizes)
    _check_split(model, data, val, edge_type)

    edge_index = data[edge_type].edge_index
    train = memoize(  # shared with Recommender.seen_items
        edge_index, ("seen", *sizes), lambda: EdgeMembership(edge_index, *sizes)
    )
    labels = labelled_pairs(data, edge_type, sizes)
    seen = excluded_pairs(data, exclude, val, edge_type, sizes, train)
    if seen is not None:
        check_reachable(labels, seen, edge_type)
    has_label = labels.degree > 0
    has_edge = train.degree > 0
    user_index = (has_label & has_edge).nonzero().view(-1)
    if user_index.numel() == 0:
        raise ValueError(
            f"no user of {edge_type!r} has both a label and a training edge, so there "
            "is nothing to evaluate; check edge_index and edge_label_index"
        )
    item_degree = torch.bincount(train.item, minlength=num_items)
    scorer = Scorer(measures, labels, item_degree, num_users, cold_degree)
    longest = max(measure.k for measure in measures)
    with evaluation_mode(model):
        ranked = rank_items(
            model, data, user_index, longest, seen, num_items, batch_size
        )
        for users, item_index, _ in ranked:
            scorer.update(users, item_index)
    values, per_user = scorer.compute()
    return EvaluationResult(
        metrics=values,
        per_user=per_user,
        user_index=user_index.cpu(),
        num_labels=labels.degree[user_index].cpu(),
        num_items=num_items,
        exclude=exclude,
        num_users_without_labels=int((~has_label).sum()),
        num_users_without_edges=int((has_label & ~has_edge).sum()),
        fingerprint=_fingerprint(user_index, labels, seen),
        cold_degree=cold_degree,
    )


def _check_model(model: Recommender | Embeddings, sizes: tuple[int, int]) -> None:
    if isinstance(model, Recommender):
        found = (model.num_users, model.num_items)
    else:
        found = (model.user.size(0), model.item.size(0))
    if found != sizes:
        raise ValueError(
            f"the graph has {sizes[0]} users and {sizes[1]} items, but the model "
            f"{found[0]} and {found[1]}; evaluate on the graph it was built for"
        )


def _check_split(
    model: Recommender | Embeddings,
    data: HeteroData,
    val: HeteroData | None,
    edge_type: EdgeType,
) -> None:
    split_id = get_split_id(data[edge_type])
    if split_id is None:
        return
    known = model.known_interactions() if isinstance(model, Recommender) else []
    trained_on = first_of_another(known, split_id)
    if trained_on is not None:
        raise ValueError(
            f"the model was trained on other interactions ({trained_on}) than "
            f"those of the evaluated graph's split ({split_id}), so it may know "
            "what is to be found; evaluate on a graph of the split that it was "
            "trained on, or train it on the first graph of this one"
        )
    other = split_id
    if val is not None and edge_type in val.edge_types:
        other = get_split_id(val[edge_type]) or split_id
    if other != split_id:
        raise ValueError(
            f"the evaluated graph and val are of two splits ({split_id} and {other}); "
            "pass graphs that one split returned together"
        )


def _fingerprint(
    user_index: Tensor, labels: EdgeMembership, seen: EdgeMembership | None
) -> str:
    digest = hashlib.sha256()
    parts = [user_index, labels.key]
    if seen is not None:
        parts.append(seen.key)
    for part in parts:
        digest.update(f"{part.numel()};".encode())
        digest.update(part.cpu().numpy().astype("<i8").tobytes())
    return digest.hexdigest()
