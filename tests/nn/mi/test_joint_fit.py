"""Models q that are fitted side by side learn what each would learn alone."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from sea_pyg.nn import SeparateLearning
from sea_pyg.nn.functional import gaussian_nll
from sea_pyg.nn.mi import (
    CLUB,
    GaussianMLP,
    InfoNCE,
    MutualInformationEstimator,
    joint,
)
from sea_pyg.nn.mi.joint import joint_fit, joint_learning_loss


def pairs(*sizes: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(size, 5, generator=generator, dtype=torch.float64),
            torch.randn(size, 3, generator=generator, dtype=torch.float64),
        )
        for size in sizes
    ]


def clubs(count: int, **kwargs: Any) -> list[CLUB]:
    torch.manual_seed(0)
    return [CLUB(5, 3, hidden_channels=4, **kwargs).double() for _ in range(count)]


def plain(estimator: CLUB, x: Tensor, y: Tensor) -> Tensor:
    """The likelihood by autograd, network by network."""
    q = estimator.conditional
    assert isinstance(q, GaussianMLP)
    return gaussian_nll(y, *q(x))


def gradients(
    loss: Tensor, estimators: list[MutualInformationEstimator]
) -> list[Tensor]:
    parameters = [p for e in dict.fromkeys(estimators) for p in e.parameters()]
    return list(torch.autograd.grad(loss, parameters))


@pytest.mark.parametrize("log_variance", ["wide", "tanh"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_joint_is_the_sum(
    count: int, log_variance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimators, samples = clubs(count, log_variance=log_variance), pairs(*[9] * count)
    calls = []
    fused = joint.fused_nll
    monkeypatch.setattr(
        joint,
        "fused_nll",
        lambda *args, **kw: calls.append(len(args[0])) or fused(*args, **kw),
    )
    loss = joint_learning_loss(estimators, samples)
    assert calls == [count]
    expected = torch.stack(
        [plain(e, x, y) for e, (x, y) in zip(estimators, samples, strict=True)]
    ).sum()
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    found = gradients(2 * loss, estimators)
    wanted = gradients(2 * expected, estimators)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-14)


def test_one_estimator_of_two_pairs() -> None:
    (estimator,) = clubs(1)
    samples = pairs(9, 9)
    loss = joint_learning_loss([estimator, estimator], samples)
    expected = plain(estimator, *samples[0]) + plain(estimator, *samples[1])
    torch.testing.assert_close(loss, expected)
    both = [estimator, estimator]
    for ours, theirs in zip(
        gradients(loss, both), gradients(expected, both), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("case", ["sizes", "hidden", "range", "kind", "gradient"])
def test_others_are_fitted_one_by_one(case: str) -> None:
    """Pairs of other sizes, other models and pairs with gradients are no batch."""
    first, second = clubs(2)
    samples = pairs(9, 7 if case == "sizes" else 9)
    other: MutualInformationEstimator = second
    if case == "hidden":
        other = CLUB(5, 3, hidden_channels=6).double()
    if case == "range":
        other = CLUB(5, 3, hidden_channels=4, log_variance="tanh").double()
    if case == "kind":
        other = InfoNCE(5, 3).double()
    if case == "gradient":
        samples[1][0].requires_grad_()
    loss = joint_learning_loss([first, other], samples)
    expected = first.learning_loss(*samples[0]) + other.learning_loss(*samples[1])
    torch.testing.assert_close(loss, expected)
    if case == "gradient":
        loss.backward()
        assert samples[1][0].grad is not None
    else:
        both = [first, other]
        torch.testing.assert_close(gradients(loss, both), gradients(expected, both))


def test_a_changed_pair_is_not_taken_from_memory() -> None:
    estimators, samples = clubs(2), pairs(9, 9)
    before = joint_learning_loss(estimators, samples)
    samples[1][1].add_(1)
    after = joint_learning_loss(estimators, samples)
    assert before != after
    expected = plain(estimators[0], *samples[0]) + plain(estimators[1], *samples[1])
    torch.testing.assert_close(after, expected)


def test_a_pair_may_be_fitted_with_others_and_alone() -> None:
    estimators, samples = clubs(2), pairs(9, 9)
    both = joint_learning_loss(estimators, samples)
    alone = joint_learning_loss(estimators[:1], samples[:1])
    torch.testing.assert_close(alone, plain(estimators[0], *samples[0]))
    assert both != alone


def test_joint_checks_the_pairs() -> None:
    estimators, samples = clubs(2), pairs(9, 9)
    with pytest.raises(ValueError, match=r"y must be of shape \[N, 3\]"):
        joint_learning_loss(estimators, [samples[0], (samples[1][0], samples[1][0])])


def twins(count: int) -> tuple[list[CLUB], list[CLUB]]:
    return clubs(count), clubs(count)


def adam(estimators: list[CLUB], **kwargs: Any) -> torch.optim.Adam:
    parameters = [p for e in dict.fromkeys(estimators) for p in e.parameters()]
    return torch.optim.Adam(parameters, lr=1e-2, **kwargs)


def step_by_step(
    estimators: list[CLUB],
    samples: list[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    steps: int,
) -> Tensor:
    """The same by autograd, which knows of no layout."""
    loss = torch.zeros(())
    for _ in range(steps):
        losses = [plain(e, x, y) for e, (x, y) in zip(estimators, samples, strict=True)]
        loss = torch.stack(losses).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.detach()


def assert_same(
    first: list[CLUB],
    second: list[CLUB],
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer],
) -> None:
    for ours, theirs in zip(first, second, strict=True):
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-12)
            state, wanted = optimizers[0].state[p], optimizers[1].state[q]
            assert state.keys() == wanted.keys()
            for key, value in state.items():
                torch.testing.assert_close(value, wanted[key], rtol=1e-8, atol=1e-14)
                assert value.shape == wanted[key].shape


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_joint_fit_is_adam_step_by_step(
    count: int, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parameters and moments too, over several calls and between other steps."""
    calls = []
    fit = joint.fit_side_by_side
    monkeypatch.setattr(
        joint, "fit_side_by_side", lambda *args: calls.append(args[-1]) or fit(*args)
    )
    (first, second), samples = twins(count), pairs(*[9] * count)
    optimizers = adam(first, fused=fused), adam(second)
    for steps in (1, 4, 3):
        loss = joint_fit(first, samples, optimizers[0], steps)
        expected = step_by_step(second, samples, optimizers[1], steps)
        torch.testing.assert_close(loss, expected, rtol=1e-10, atol=0)
    assert_same(first, second, optimizers)
    step_by_step(first, samples, optimizers[0], 2)
    step_by_step(second, samples, optimizers[1], 2)
    joint_fit(first, samples, optimizers[0], 2)
    step_by_step(second, samples, optimizers[1], 2)
    assert_same(first, second, optimizers)
    assert calls == [1, 4, 3, 2]


@pytest.mark.parametrize(
    "case", ["shared", "sgd", "decay", "amsgrad", "frozen", "further", "partly"]
)
def test_other_fits_go_step_by_step(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the layout cannot stand for gives the optimizer's own result."""
    monkeypatch.delattr(joint, "fit_side_by_side")
    (first, second), samples = twins(2), pairs(9, 9)
    if case == "shared":
        first, second = [first[0]] * 2, [second[0]] * 2
    optimizers: list[torch.optim.Optimizer] = []
    for estimators in (first, second):
        optimizer: torch.optim.Optimizer = adam(
            estimators,
            weight_decay=0.1 if case == "decay" else 0.0,
            amsgrad=case == "amsgrad",
        )
        if case == "sgd":
            optimizer = torch.optim.SGD(optimizer.param_groups[0]["params"], lr=0.1)
        if case == "frozen":
            next(estimators[0].parameters()).requires_grad_(False)
        if case == "further":
            further = torch.nn.Parameter(torch.ones(1))
            optimizer.add_param_group({"params": [further]})
        if case == "partly":
            step_by_step(estimators[:1], samples[:1], optimizer, 1)
        optimizers.append(optimizer)
    joint_fit(first, samples, optimizers[0], 3)
    step_by_step(second, samples, optimizers[1], 3)
    assert_same(first, second, (optimizers[0], optimizers[1]))


def test_without_steps_there_is_no_loss() -> None:
    (first, second), samples = twins(2), pairs(9, 9)
    optimizers = adam(first), adam(second)
    assert joint_fit(first, samples, optimizers[0], 0) is None
    assert_same(first, second, optimizers)


def test_a_scheduler_of_the_optimizer_is_followed() -> None:
    torch.manual_seed(0)
    separate = SeparateLearning({"a": 6, "b": 8})
    twin = copy.deepcopy(separate)
    features = {"a": torch.randn(9, 6), "b": torch.randn(9, 8)}
    for model, together in ((separate, True), (twin, False)):
        optimizer = torch.optim.Adam(model.estimator_parameters(), lr=0.01)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
        for _ in range(2):
            if together:
                model.fit_estimators(model.maps(features), optimizer, 1)
            else:
                optimizer.zero_grad()
                loss = model.estimator_loss(features)
                assert loss is not None
                loss.backward()
                optimizer.step()
            schedule.step()
    for found, expected in zip(separate.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(found, expected)


def test_hooks_of_the_optimizer_see_every_step() -> None:
    torch.manual_seed(0)
    separate = SeparateLearning({"a": 6, "b": 8})
    optimizer = torch.optim.Adam(separate.estimator_parameters(), lr=0.01)
    seen = []
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    maps = separate.maps({"a": torch.randn(9, 6), "b": torch.randn(9, 8)})
    separate.fit_estimators(maps, optimizer, 3)
    assert seen == ["after"] * 3


@pytest.mark.parametrize("decay", [0.0, 0.1])  # side by side, and one by one
def test_a_fit_leaves_no_gradient(decay: float) -> None:
    estimators = clubs(2)
    parameters = [p for estimator in estimators for p in estimator.parameters()]
    optimizer = torch.optim.Adam(parameters, weight_decay=decay)
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    joint_fit(estimators, pairs(20, 20), optimizer, 2)
    assert all(parameter.grad is None for parameter in parameters)


def test_estimators_that_took_other_numbers_of_steps_are_kept_apart() -> None:
    """Adam's correction of a moment depends on the steps of its own parameter."""
    (first, second), samples = twins(2), pairs(9, 9)
    optimizers = adam(first), adam(second)
    for estimators, optimizer, run in (
        (first, optimizers[0], joint_fit),
        (second, optimizers[1], step_by_step),
    ):
        run(estimators, samples, optimizer, 2)
        for parameter in estimators[0].parameters():
            parameter.requires_grad_(False)
        run(estimators, samples, optimizer, 20)
        for parameter in estimators[0].parameters():
            parameter.requires_grad_(True)
        run(estimators, samples, optimizer, 5)
    assert_same(first, second, optimizers)


def test_hooks_of_a_gradient_see_every_step() -> None:
    """They change it: with a zero in its place nothing is learned."""
    for name in ("register_hook", "register_post_accumulate_grad_hook"):
        (estimators, _), samples, calls = twins(1), pairs(9), []

        def hook(gradient: torch.Tensor, calls: list[int] = calls) -> None:
            calls.append(1)

        weight = estimators[0].conditional.mean[0].weight
        getattr(weight, name)(hook)
        joint_fit(estimators, samples, adam(estimators), 3)
        assert len(calls) == 3
