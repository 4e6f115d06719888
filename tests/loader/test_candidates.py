"""What the shared candidates of a softmax are, and the correction for it."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from sea_pyg import loader, nn, utils
from sea_pyg.loader import candidate_log_probability, shared_candidates
from sea_pyg.nn.functional import sampled_softmax
from sea_pyg.nn.loss import SampledSoftmaxLoss
from sea_pyg.nn.models import SEA
from sea_pyg.typing import RATES, Triplets
from sea_pyg.utils import EdgeMembership
from tests.nn.models.base import example_batch, example_data
from tests.programs import docstring_program


def interactions() -> Tensor:
    """Return an edge of a user of its own for each item's every interaction."""
    item = torch.arange(12).repeat_interleave(torch.arange(12).square())
    return torch.stack([torch.arange(item.numel()), item])


def draw(edge_index: Tensor, size: int, generator: torch.Generator) -> Triplets:
    """Draw interactions, and negatives among the items that have any."""
    edge = torch.randint(edge_index.size(1), (size,), generator=generator)
    negative = 1 + torch.randint(11, (size,), generator=generator)
    return Triplets(*edge_index[:, edge], negative)


@pytest.mark.parametrize("limit", [2, 5])
def test_candidates_come_as_often_as_is_said(limit: int) -> None:
    edge_index, generator = interactions(), torch.Generator().manual_seed(0)
    seen = EdgeMembership(edge_index, edge_index.size(1), 12)
    count, rounds = torch.zeros(12), 4000
    for _ in range(rounds):
        item, _ = shared_candidates(draw(edge_index, 9, generator), seen, limit)
        count[item] += 1
    expected = candidate_log_probability(edge_index, 12, limit).exp()
    more = candidate_log_probability(edge_index, 40, limit).exp()
    assert torch.equal(more[:12], expected)  # further items are not drawn
    assert count[0] == 0
    assert expected[0] == expected[1:].min()  # without interactions
    count, expected = count[1:], expected[1:]
    assert expected.max() > 3 * expected.min()
    # Five standard errors.
    error = 5 * (expected * (1 - expected) / rounds).sqrt()
    assert ((count / rounds - expected).abs() < error).all()


def test_what_the_softmax_learns_is_the_choice_over_that_probability() -> None:
    edge_index, generator = interactions(), torch.Generator().manual_seed(0)
    seen = EdgeMembership(edge_index, edge_index.size(1), 12)
    learned = torch.zeros(12, 1, requires_grad=True)  # one score per item, for all
    optimizer = torch.optim.Adam([learned], lr=0.02)
    mean, rounds = torch.zeros(12), 3000
    for step in range(rounds):
        batch = draw(edge_index, 64, generator)
        item, excluded = shared_candidates(batch, seen, 6)
        one = torch.ones(64, 1)
        loss = sampled_softmax(one, learned[batch.positive], learned[item], 1, excluded)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= rounds // 2:
            mean += learned.detach()[:, 0] / (rounds - rounds // 2)
    rated = torch.bincount(edge_index[1], minlength=12)[1:]
    choice = (rated / rated.sum()).log()
    corrected = mean[1:] + candidate_log_probability(edge_index, 12, 6)[1:]
    off = (corrected - choice).std()
    assert off < 0.1 * choice.std()
    assert off < 0.25 * (mean[1:] - choice).std()


def test_the_correction_is_of_the_score_alone() -> None:
    data = example_data()
    kwargs = {"ranking_loss": "softmax", "ranking_candidates": 9}
    torch.manual_seed(0)
    plain = SEA.from_data(data, ranking_temperature=0.3, **kwargs)
    model = SEA.from_data(
        data, ranking_temperature=0.3, sampling_correction=0.5, **kwargs
    )
    model.load_state_dict(plain.state_dict())
    users = torch.arange(4)
    edge_index = data[RATES].edge_index
    expected = 0.5 * 0.3 * candidate_log_probability(edge_index, model.num_items, 9)
    difference = model.score(data, users) - plain.score(data, users)
    torch.testing.assert_close(difference, expected.expand_as(difference))
    degree = torch.bincount(edge_index[1], minlength=model.num_items)
    assert expected[degree.argmax()] == expected.max()
    batch = example_batch(data)
    for ours, theirs in zip(
        model.loss(data, batch).values(), plain.loss(data, batch).values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert plain.scores_by_embeddings
    assert not model.scores_by_embeddings


@pytest.mark.parametrize(
    "option, message",
    [
        ({"sampling_correction": -0.1}, "must lie in .*-0.1"),
        ({"sampling_correction": float("nan")}, "must lie in .*nan"),
        ({"sampling_correction": 0.5, "ranking_candidates": 9}, "'softmax' .*'bpr'"),
        ({"sampling_correction": 0.5, "ranking_loss": "softmax"}, "candidates .*None"),
    ],
)
def test_bad_corrections_are_refused(option: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SEA(3, 12, {"text": 4}, **option)


def test_each_limit_has_probabilities_of_its_own() -> None:
    edge_index = interactions()
    few, many = (candidate_log_probability(edge_index, 12, n) for n in (2, 5))
    assert (few[2:] < many[2:]).all()


def test_the_losss_example_runs() -> None:
    data = example_data()
    model = SEA.from_data(data)
    scope: dict[str, Any] = {"train": data, "model": model, "RATES": RATES}
    scope |= {"num_users": model.num_users, "num_items": model.num_items}
    for package in (loader, nn.loss, utils):
        scope |= {name: getattr(package, name) for name in package.__all__}
    exec(docstring_program(SampledSoftmaxLoss), scope)
    assert scope["excluded"].size(1) > 0
    assert 0 < float(scope["loss"].detach()) < math.inf
