import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from sea_pyg.evaluation import (
    EvaluationResult,
    Run,
    compare,
    label_methods,
    seed_test,
    summarize,
)

NUM_USERS = 300


def result(value: Tensor, fingerprint: str = "a", **others: Tensor) -> EvaluationResult:
    per_user = {"recall@20": value.float(), **others}
    return EvaluationResult(
        metrics={name: float(v.nanmean()) for name, v in per_user.items()},
        per_user=per_user,
        user_index=torch.arange(value.numel()),
        num_labels=torch.ones(value.numel(), dtype=torch.long),
        num_items=100,
        exclude="train",
        fingerprint=fingerprint,
    )


class Simulator:
    """Draws runs of methods; seeds shift a run as a whole and user by user."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.base = torch.rand(NUM_USERS, generator=self.generator)

    def run(self, method: str, seed: int, effect: float = 0.0) -> Run:
        shift = 0.02 * torch.randn(1, generator=self.generator)
        noise = 0.1 * torch.randn(NUM_USERS, generator=self.generator)
        return Run(method, seed, result(self.base + effect + shift + noise))

    def runs(self, method: str, seeds: int, effect: float = 0.0) -> list[Run]:
        return [self.run(method, seed, effect) for seed in range(seeds)]


def test_two_seeds_of_one_method_are_not_tested() -> None:
    comparison = compare(Simulator().runs("sea", 2), num_resamples=10)
    (row,) = comparison.rows
    assert row.verdict == "reference"
    assert row.num_runs == 2
    assert row.p_value is None
    assert not row.significant
    assert "one method" in comparison.notes[0]


def test_what_is_not_tested_is_described() -> None:
    simulator = Simulator()
    runs = [*simulator.runs("a", 2), simulator.run("b", 0)]
    first, second = summarize(runs)
    wanted = compare(runs, reference="a").rows
    for row, tested in zip((first, second), wanted, strict=True):
        assert (row.mean, row.interval) == (tested.mean, tested.interval)
        assert row.seed_std == tested.seed_std
        assert (row.scope, row.p_value, row.verdict) == ("untested", None, "not tested")
    (alone,) = summarize([runs[0]])
    assert alone.ci_low < alone.mean < alone.ci_high
    with pytest.raises(ValueError, match="no per-user values of 'recal@20'"):
        summarize(runs, ("recal@20",))


def test_equal_methods_are_rarely_said_to_differ() -> None:
    claims = 0
    for pair in range(200):
        simulator = Simulator(pair)
        runs = [*simulator.runs("a", 3), *simulator.runs("b", 3)]
        row = compare(runs, num_permutations=200, num_resamples=10).rows[1]
        assert row.scope == "methods"
        claims += row.significant
    assert claims / 200 <= 0.06


def test_a_real_difference_is_found() -> None:
    simulator = Simulator()
    runs = [
        *simulator.runs("weak", 4),
        *simulator.runs("worse", 4, -0.2),
        *simulator.runs("strong", 4, 0.2),
    ]
    weak, strong, worse = compare(runs).rows
    assert [weak.method, strong.method, worse.method] == ["weak", "strong", "worse"]
    assert [strong.verdict, worse.verdict] == ["better", "worse"]
    assert strong.difference == pytest.approx(strong.mean - weak.mean)
    assert strong.ci_low < strong.mean < strong.ci_high
    means = torch.tensor([r.result.metrics["recall@20"] for r in runs[8:]])
    assert strong.mean == pytest.approx(float(means.mean()), abs=1e-6)
    assert strong.seed_std == pytest.approx(float(means.std()), abs=1e-6)


def test_one_seed_each_speaks_of_these_runs_only() -> None:
    simulator = Simulator()
    comparison = compare([simulator.run("a", 0), simulator.run("b", 0, 0.3)])
    row = comparison.rows[1]
    assert (row.scope, row.verdict) == ("runs", "these trained models differ")
    assert row.p_holm < 0.05
    assert row.differs
    assert not row.significant
    assert comparison.to_dict()["rows"][1]["significant"] is False
    assert row.p_value == row.p_users
    assert row.seed_std is None
    assert "train further seeds" in comparison.notes[0]
    # One side's seeds do not make up for the other's.
    runs = [*simulator.runs("a", 2), *simulator.runs("b", 3)]
    assert compare(runs).rows[1].scope == "runs"


def test_a_deterministic_method_needs_one_run() -> None:
    simulator = Simulator()
    fixed = simulator.run("popularity", 0)._replace(deterministic=True)
    row = compare([fixed, *simulator.runs("sea", 3, 0.3)]).rows[1]
    assert (row.scope, row.verdict) == ("methods", "better")


def test_both_tests_have_to_agree() -> None:
    # Three users of five gained, each as much: little to permute, much of a mean.
    value = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])
    low, high = (
        Run(method, 0, result(v), deterministic=True)
        for method, v in (("low", 0 * value), ("high", value))
    )
    row = compare([low, high]).rows[1]
    of_seeds = seed_test(value.view(1, -1), 0 * value.view(1, -1), (True, True))
    assert (row.scope, row.p_users) == ("methods", 0.25)
    assert of_seeds.p_value < row.p_value == row.p_users


def test_the_level_is_that_of_claims_and_intervals() -> None:
    simulator = Simulator()
    runs = [*simulator.runs("a", 3), *simulator.runs("b", 3, 0.2)]
    usual = compare(runs)
    p_value = usual.rows[1].p_holm
    assert p_value < 0.05
    strict = compare(runs, level=p_value / 2)
    assert [c.rows[1].verdict for c in (usual, strict)] == [
        "better",
        "no difference shown",
    ]
    (row,) = summarize(runs[:3], level=p_value / 2)
    for wide in (strict.rows[0], row):
        assert wide.ci_low < usual.rows[0].ci_low
        assert wide.ci_high > usual.rows[0].ci_high
    assert "95% over users" in usual.table()[0]
    assert "interval over users" in strict.table()[0]


def test_numbers_of_permutations_and_resamples() -> None:
    simulator = Simulator()
    runs = [simulator.run("a", 0), simulator.run("b", 0, 1.0)]
    row = compare(runs, num_permutations=99, num_resamples=1).rows[1]
    assert row.p_users == pytest.approx(1 / 100)
    assert row.ci_low == row.ci_high


def test_one_user_says_nothing_of_methods() -> None:
    runs = [
        Run(method, seed, result(torch.rand(1)))
        for method in ("a", "b")
        for seed in range(3)
    ]
    assert compare(runs).rows[1].scope == "runs"


def test_a_metric_that_is_named_twice_is_tested_once() -> None:
    simulator = Simulator()
    runs = [simulator.run("a", 0), simulator.run("b", 0)]
    assert len(compare(runs, ("recall@20", "recall@20")).rows) == 2
    assert len(summarize(runs, ("recall@20", "recall@20"))) == 2


def test_one_metric_may_stand_alone() -> None:
    simulator = Simulator()
    runs = [simulator.run("a", 0), simulator.run("b", 0)]
    assert compare(runs, "recall@20") == compare(runs, ("recall@20",))
    assert summarize(runs, "recall@20") == summarize(runs)


def test_copies_among_the_runs_of_a_method_are_named() -> None:
    first, second, third = (
        Run("a", seed, result(torch.rand(9), **{"cold_recall@20": torch.rand(9)}))
        for seed in range(3)
    )
    for run in (first, second, third):
        run.result.per_user["cold_recall@20"][4] = torch.nan
    names = ("recall@20", "cold_recall@20")
    copy = third._replace(result=first.result)

    def named(*runs: Run) -> list[str]:
        notes = compare(runs, names, num_resamples=10).notes
        return [note for note in notes if "same value for every user" in note]

    (note,) = named(first, second, copy)
    assert note.startswith("The runs of a with seeds 0 and 2 have")
    # One metric may agree by chance, and some methods have no other model.
    per_user = {**third.result.per_user, "recall@20": first.result.per_user[names[0]]}
    assert not named(
        first, third._replace(result=replace(third.result, per_user=per_user))
    )
    fixed = [run._replace(deterministic=True) for run in (first, copy)]
    assert not named(*fixed)


def test_all_tests_of_a_call_are_corrected_together() -> None:
    simulator = Simulator()
    runs = []
    for method, effect in (("a", 0.0), ("b", 0.1), ("c", 0.2)):
        for seed in range(3):
            run = simulator.run(method, seed, effect)
            value = run.result.per_user["recall@20"]
            other = {"ndcg@20": value**2}
            runs.append(run._replace(result=result(value, **other)))
    comparison = compare(runs, metrics=("recall@20", "ndcg@20"))
    assert [row.metric for row in comparison.rows] == ["recall@20"] * 3 + [
        "ndcg@20"
    ] * 3
    tested = [row for row in comparison.rows if row.p_value is not None]
    assert len(tested) == 4
    smallest = min(tested, key=lambda row: row.p_value)
    assert 4 * smallest.p_value < 1
    assert smallest.p_holm == pytest.approx(4 * smallest.p_value)
    json.dumps(comparison.to_dict(), allow_nan=False)
    header, cells = comparison.table()
    assert all(len(line) == len(header) for line in cells)


def test_the_reference_can_be_named() -> None:
    simulator = Simulator()
    runs = [simulator.run(name, 0) for name in ("a", "b", "c")]
    assert compare(runs).reference == "a"
    rows = compare(runs, reference="b").rows
    assert rows[0].method == "b"
    assert {row.method for row in rows[1:]} == {"a", "c"}


def test_users_that_do_not_count_are_dropped() -> None:
    first, second = Simulator().runs("a", 1) + Simulator(1).runs("b", 1)
    nan = torch.full((NUM_USERS,), torch.nan)
    cold = torch.rand(NUM_USERS)
    holes = cold.clone()
    holes[::2] = torch.nan
    runs = [
        first._replace(result=result(cold, **{"cold_recall@20": cold})),
        second._replace(result=result(cold, **{"cold_recall@20": holes})),
    ]
    rows = compare(runs, metrics=("cold_recall@20",)).rows
    assert rows[0].mean == pytest.approx(float(cold[1::2].mean()))
    assert rows[1].difference == 0
    runs[0] = first._replace(result=result(cold, **{"cold_recall@20": nan}))
    with pytest.raises(ValueError, match="no user counts"):
        compare(runs, metrics=("cold_recall@20",))


def test_bad_input() -> None:
    simulator = Simulator()
    first, second = simulator.run("sea", 0), simulator.run("sea", 1)
    with pytest.raises(ValueError, match="at least two runs"):
        compare([first])
    with pytest.raises(ValueError, match="named more than once"):
        compare([first, first])
    with pytest.raises(ValueError, match=r"no per-user values of 'recal@20'"):
        compare([first, second], metrics=("recal@20",))
    with pytest.raises(ValueError, match="'see'; did you mean 'sea'"):
        compare([first, second], reference="see")
    for level in (0, 1):
        with pytest.raises(ValueError, match="level"):
            compare([first, second], level=level)
    with pytest.raises(ValueError, match="at least one metric"):
        compare([first, second], metrics=())
    other = second._replace(result=result(torch.rand(NUM_USERS), fingerprint="b"))
    with pytest.raises(ValueError, match="other users, labels or excluded items"):
        compare([first, other])
    users = second.result.user_index + 1
    other = second._replace(result=replace(second.result, user_index=users))
    with pytest.raises(ValueError, match="other users, labels or excluded items"):
        compare([first, other])


def test_methods_are_named_by_what_differs() -> None:
    settings = [
        {"model": "SEA", "arguments": {"alpha": 0.1, "beta": 1}},
        {"model": "SEA", "arguments": {"alpha": 0.2, "beta": 1}},
        {"model": "LightGCN", "arguments": {"num_layers": 2}},
        {"model": "SEA", "arguments": {"alpha": 0.1, "beta": 1}},
    ]
    assert label_methods(settings, "model") == [
        "SEA arguments.alpha=0.1",
        "SEA arguments.alpha=0.2",
        "LightGCN",
        "SEA arguments.alpha=0.1",
    ]
    with pytest.raises(ValueError, match="every run needs a 'model'"):
        label_methods([{"name": "SEA"}], "model")


@pytest.mark.parametrize(
    "other",
    [
        {"exclude": "none"},
        {"num_items": 99},
        {"num_labels": torch.full((NUM_USERS,), 7)},
    ],
)
def test_another_protocol_without_a_fingerprint_is_refused(
    other: dict[str, Any],
) -> None:
    first, second = (
        run._replace(result=replace(run.result, fingerprint=""))
        for run in (Simulator().run("a", 0), Simulator(1).run("b", 0))
    )
    notes = compare([first, second], num_resamples=10).notes
    assert any("have no fingerprint" in note for note in notes)
    changed = second._replace(result=replace(second.result, **other))
    with pytest.raises(ValueError, match="other users, labels or excluded items"):
        compare([first, changed])


def test_cold_items_are_the_same_in_all_runs() -> None:
    value = torch.rand(NUM_USERS, generator=torch.Generator().manual_seed(0))
    fewer = value.where(torch.arange(NUM_USERS) > 9, torch.nan)
    runs = [
        Run(name, 0, replace(result(value, **{"cold_recall@20": cold}), cold_degree=n))
        for name, cold, n in (("a", value, 5), ("b", fewer, 5), ("c", value, None))
    ]
    found = compare(runs, ["cold_recall@20"], num_resamples=10)
    (note,) = [n for n in found.notes if "some runs only" in n]
    assert note.startswith("10 users count under cold_recall@20")
    assert found.rows[0].mean == pytest.approx(float(value[10:].mean()), abs=1e-6)
    runs[1] = runs[1]._replace(result=replace(runs[1].result, cold_degree=9))
    assert compare(runs, num_resamples=10).rows  # of another metric
    with pytest.raises(ValueError, match="fewer than 5 and 9 training edges"):
        compare(runs, ["cold_recall@20"])


def test_intervals_can_be_left_out() -> None:
    runs = Simulator().runs("a", 1) + Simulator(1).runs("b", 1)
    rows = compare(runs, num_resamples=0).rows
    assert [(row.ci_low, row.ci_high) for row in rows] == [(None, None)] * 2
    assert rows[1].p_users == compare(runs, num_resamples=10).rows[1].p_users
    with pytest.raises(ValueError, match="num_resamples must be at least 1"):
        compare(runs, num_resamples=-1)
