"""The trainer does exactly what a loop written by hand does."""

import random

import numpy as np
import pytest
import torch

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.evaluation import evaluate
from sea_pyg.loader import InteractionLoader
from sea_pyg.nn.models import BPRMF, SEA, ItemKNN
from sea_pyg.training import TrainingConfig, fit
from sea_pyg.transforms import RandomUserSplit


def _seed(seed, epoch):
    words = np.random.SeedSequence([seed, epoch, 1]).generate_state(3)
    torch.manual_seed(int(words[0]))


def _by_hand(model, train, val, config):
    """Return the loss parts of every epoch, its metric, and the weights then."""
    data = model.prepare(train)
    main = torch.optim.Adam(
        model.main_parameters(), lr=config.lr, weight_decay=config.weight_decay
    )
    inner = None
    if model.estimator_parameters():
        inner = torch.optim.Adam(model.estimator_parameters(), lr=config.lr)
    loader = InteractionLoader(train, config.batch_size, seed=config.seed)
    epochs = []
    for epoch in range(config.max_epochs):
        main.param_groups[0]["lr"] = config.lr * config.lr_decay**epoch
        _seed(config.seed, epoch)
        loader.set_epoch(epoch)
        rows = []
        for batch in loader:
            state = model.representations(data)
            if inner is not None:
                for _ in range(config.inner_steps):
                    inner.zero_grad()
                    model.estimator_loss(data, state).backward()
                    inner.step()
            parts = model.loss(data, batch, state)
            main.zero_grad()
            sum(parts.values()).backward()
            if config.max_grad_norm is not None:
                gradients = [p.grad for p in model.main_parameters()]
                norm = torch.cat([x.flatten() for x in gradients]).norm()
                assert norm > config.max_grad_norm
                for gradient in gradients:
                    gradient.mul_(config.max_grad_norm / norm)
            main.step()
            rows.append({name: float(value.detach()) for name, value in parts.items()})
        mean = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
        metric = evaluate(model, model.prepare(val), k=(10, 20)).metrics["recall@20"]
        weights = {k: v.clone() for k, v in model.state_dict().items()}
        epochs.append((mean, metric, weights))
    return epochs


@pytest.mark.parametrize(
    "options", [{}, {"lr_decay": 0.5, "max_grad_norm": 1e-3}], ids=["plain", "decay"]
)
@pytest.mark.parametrize("cls", [BPRMF, SEA])
def test_exact_steps(splits, cls, options):
    train, val, _ = splits
    config = TrainingConfig(
        lr=0.01,
        batch_size=64,
        inner_steps=3,
        max_epochs=3,
        seed=5,
        weight_decay=0.1,
        **options,
    )
    torch.manual_seed(1)
    by_hand = cls.from_data(train)
    torch.manual_seed(1)
    model = cls.from_data(train)
    expected = _by_hand(by_hand, train, val, config)
    result = fit(model, train, val, config)

    assert [row["epoch"] for row in result.history] == [1, 2, 3]
    for row, (mean, metric, _) in zip(result.history, expected, strict=True):
        for name, value in mean.items():
            assert row[f"loss/{name}"] == pytest.approx(value, rel=1e-4)
        assert row["loss/total"] == pytest.approx(sum(mean.values()), rel=1e-4)
        assert row["val/recall@20"] == pytest.approx(metric, abs=1e-9)
    metrics = [metric for _, metric, _ in expected]
    assert result.best_epoch == 1 + int(np.argmax(metrics))
    best = expected[result.best_epoch - 1][2]
    for name, value in model.state_dict().items():
        assert torch.allclose(value, best[name], rtol=1e-4, atol=1e-6), name


def test_estimators_and_main_parameters_have_their_own_optimizer(splits):
    """Without inner steps the estimators stay as they were, and the rest moves."""
    train, val, _ = splits
    model = SEA.from_data(train)
    before = {k: v.clone() for k, v in model.named_parameters()}
    fit(model, train, val, TrainingConfig(inner_steps=0, max_epochs=1, lr=0.01))
    estimator = {id(p) for p in model.estimator_parameters()}
    assert estimator
    for name, parameter in model.named_parameters():
        moved = not torch.equal(parameter, before[name])
        assert moved != (id(parameter) in estimator), name
        assert parameter.requires_grad


def test_estimator_learning_rate(splits):
    """Its own rate reaches the estimators: almost none, almost no movement."""
    train, val, _ = splits
    model = SEA.from_data(train)
    before = [p.detach().clone() for p in model.estimator_parameters()]
    config = TrainingConfig(
        inner_steps=2, max_epochs=1, lr=0.01, estimator_lr=1e-9, batch_size=64
    )
    fit(model, train, val, config)
    moved = [
        float((p - q).detach().abs().max())
        for p, q in zip(model.estimator_parameters(), before, strict=True)
    ]
    assert max(moved) < 1e-6


def test_global_random_states_are_left_alone(splits):
    train, val, _ = splits
    model = BPRMF.from_data(train)
    numpy = np.random.get_state()[1].copy()  # noqa: NPY002
    states = torch.get_rng_state(), random.getstate(), numpy
    fit(model, train, val, TrainingConfig(max_epochs=1))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])  # noqa: NPY002
    assert not torch.are_deterministic_algorithms_enabled()


def test_bf16_mixed_trains_and_evaluates_in_float32(splits):
    train, val, _ = splits
    torch.manual_seed(0)
    model = SEA.from_data(train)
    config = TrainingConfig(
        precision="bf16-mixed", max_epochs=2, inner_steps=2, lr=0.01, batch_size=64
    )
    result = fit(model, train, val, config)
    assert all(p.dtype == torch.float32 for p in model.parameters())
    found = evaluate(model, model.prepare(val), k=(10, 20)).metrics["recall@20"]
    assert found == pytest.approx(result.best, abs=1e-9)
    torch.manual_seed(0)
    exact = SEA.from_data(train)
    config = TrainingConfig(max_epochs=2, inner_steps=2, lr=0.01, batch_size=64)
    other = fit(exact, train, val, config)
    one, two = result.history[0]["loss/bpr"], other.history[0]["loss/bpr"]
    assert one != two
    assert one == pytest.approx(two, rel=0.05)


def test_what_a_user_froze_stays_frozen(splits):
    train, val, _ = splits
    model = SEA.from_data(train)
    frozen = model.estimator_parameters()[0].requires_grad_(False)
    before = frozen.clone()
    fit(model, train, val, TrainingConfig(inner_steps=2, max_epochs=1, batch_size=64))
    assert not frozen.requires_grad
    assert torch.equal(frozen, before)


@pytest.mark.parametrize("name", ["estimator", "total"])
def test_names_of_what_is_logged_beside_the_parts_are_taken(name):
    class Named(BPRMF):
        def loss(self, data, batch, state=None):
            return {name: sum(super().loss(data, batch, state).values())}

    train, val, _ = RandomUserSplit()(FakeMultimodalDataset(40, 30)[0])
    with pytest.raises(ValueError, match=f"of Named is called '{name}'"):
        fit(Named.from_data(train), train, val, TrainingConfig(max_epochs=1))


def test_rankings_longer_than_the_catalogue_are_refused_at_once(tmp_path):
    train, val, _ = RandomUserSplit()(FakeMultimodalDataset(40, 15)[0])
    with pytest.raises(ValueError, match="rankings of 20 of 15 items.*recall@1"):
        fit(BPRMF.from_data(train), train, val, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    # What is solved for needs none.
    assert fit(ItemKNN.from_data(train), train, val).epochs == 0


def test_what_a_model_draws_depends_on_seed_and_epoch(splits):
    train, val, _ = splits
    drawn = []

    class Noisy(BPRMF):
        def loss(self, data, batch, state=None):
            drawn.append(torch.rand(()).item())
            return super().loss(data, batch)

    for seed in (0, 1):
        config = TrainingConfig(max_epochs=2, batch_size=10**6, seed=seed)
        fit(Noisy.from_data(train), train, val, config)
    assert len(set(drawn)) == len(drawn) == 4


def test_validation_is_in_full_precision(splits):
    train, val, _ = splits
    seen = set()

    class Watching(BPRMF):
        def encode(self, data):
            seen.add((self.training, torch.is_autocast_enabled("cpu")))
            return super().encode(data)

    config = TrainingConfig(precision="bf16-mixed", max_epochs=1, device="cpu")
    fit(Watching.from_data(train), train, val, config)
    assert seen == {(True, True), (False, False)}
