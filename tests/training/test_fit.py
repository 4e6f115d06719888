import copy
import csv
import inspect
import math

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.nn.models import (
    BPRMF,
    FREEDOM,
    MICRO,
    SEA,
    VBPR,
    LightGCN,
    Popularity,
    WithSeparateLearning,
)
from sea_pyg.training import TrainingConfig, TrainingState, fit, load_tensors
from sea_pyg.training import training_state as state_module


def _model(cls, data, seed=0):
    torch.manual_seed(seed)
    return cls.from_data(data)


def _same_weights(one, two):
    two = two.state_dict()
    return all(torch.equal(v, two[k]) for k, v in one.state_dict().items())


def test_no_test_graph_reaches_training(splits):
    """Neither by an argument, nor inside of the graphs that are given."""
    assert {"test", "splits", "data"}.isdisjoint(inspect.signature(fit).parameters)
    train, val, test = splits
    # Poisoned labels outside of (train, val) change nothing.
    seen = []

    class Watched(BPRMF):
        def encode(self, data):
            seen.append(data)
            return super().encode(data)

    fit(_model(Watched, train), train, val, TrainingConfig(max_epochs=2))
    hidden = {
        tuple(pair)
        for pair in test["user", "rates", "item"].edge_label_index.t().tolist()
    }
    assert seen
    for data in seen:
        assert isinstance(data, HeteroData)
        store = data["user", "rates", "item"]
        for name in ("edge_index", "edge_label_index"):
            if name in store:
                pairs = {tuple(pair) for pair in store[name].t().tolist()}
                assert pairs.isdisjoint(hidden)


def test_same_seed_same_bits_other_seed_other_bits(splits):
    train, val, _ = splits
    models = []
    for seed in (0, 0, 1):
        models.append(_model(LightGCN, train))
        fit(models[-1], train, val, TrainingConfig(max_epochs=2, seed=seed))
    assert _same_weights(models[0], models[1])
    assert not _same_weights(models[0], models[2])


def test_resumed_run_is_the_uninterrupted_run(splits, tmp_path):
    train, val, _ = splits
    options = {"lr": 0.01, "batch_size": 64, "inner_steps": 2}
    whole = _model(SEA, train)
    config = TrainingConfig(max_epochs=4, **options)
    expected = fit(whole, train, val, config, tmp_path / "whole")
    parted = _model(SEA, train)
    half = TrainingConfig(max_epochs=2, **options)
    fit(parted, train, val, half, tmp_path / "parted")
    # A new process has a new model and other random states.
    again = _model(SEA, train, seed=99)
    found = fit(again, train, val, config, tmp_path / "parted", resume=True)
    assert found.history == expected.history
    assert found.best_epoch == expected.best_epoch
    assert _same_weights(whole, again)
    texts = [(tmp_path / d / "history.csv").read_text() for d in ("whole", "parted")]
    assert texts[0] == texts[1]


def test_history_file_is_rebuilt_from_the_checkpoint(splits, tmp_path):
    train, val, _ = splits
    config = TrainingConfig(max_epochs=2)
    result = fit(_model(BPRMF, train), train, val, config, tmp_path)
    good = (tmp_path / "history.csv").read_text()
    (tmp_path / "history.csv").write_text(good + "3,0.1,half a li")
    fit(_model(BPRMF, train), train, val, config, tmp_path, resume=True)
    assert (tmp_path / "history.csv").read_text() == good
    rows = list(csv.DictReader(good.splitlines()))
    for row, kept in zip(rows, result.history, strict=True):
        assert {k: float(v) for k, v in row.items()} == kept  # all digits


def test_early_stopping_counts_evaluations_and_keeps_the_best(splits, tmp_path):
    """A model that unlearns: the first epoch is the best one."""
    train, val, _ = splits

    class Unlearning(BPRMF):
        def loss(self, data, batch, state=None):
            return {"bpr": -super().loss(data, batch, state)["bpr"]}

    torch.manual_seed(0)
    model = Unlearning.from_data(train)
    fit(model, train, val, TrainingConfig(max_epochs=1, lr=0.05), tmp_path / "a")
    first = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(0)
    model = Unlearning.from_data(train)
    config = TrainingConfig(max_epochs=50, lr=0.05, patience=3)
    result = fit(model, train, val, config, tmp_path / "b")
    recalls = [row["val/recall@20"] for row in result.history]
    best = recalls.index(max(recalls))
    assert result.best_epoch == best + 1
    assert result.epochs == best + 1 + 3
    if best == 0:
        assert all(torch.equal(v, first[k]) for k, v in model.state_dict().items())
    weights, _ = load_tensors(tmp_path / "b" / "checkpoints" / "best.safetensors")
    assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
    # A stopped run stays stopped.
    again = fit(model, train, val, config, tmp_path / "b", resume=True)
    assert again.epochs == result.epochs


def test_early_stopping_does_not_round():
    state = TrainingState()
    assert state.update(0.12345678, 1, patience=2)
    assert state.update(0.12345678 + 1e-12, 2, patience=2)
    assert not state.update(0.12345678 + 1e-12, 3, patience=2)  # equal is not better
    assert not state.stopped
    assert not state.update(0.0, 4, patience=2)
    assert state.stopped
    assert state.best_epoch == 2
    assert state_module.TrainingState(**state.to_dict()) == state


def test_eval_every(splits):
    train, val, _ = splits
    config = TrainingConfig(max_epochs=5, eval_every=2)
    result = fit(_model(BPRMF, train), train, val, config)
    evaluated = [row["epoch"] for row in result.history if "val/recall@20" in row]
    assert evaluated == [2, 4]
    assert result.best_epoch in evaluated
    with pytest.raises(ValueError, match="no epoch would be evaluated: max_epochs=1"):
        fit(
            _model(BPRMF, train), train, val, TrainingConfig(max_epochs=1, eval_every=2)
        )


@pytest.mark.parametrize("with_checkpoint", [False, True])
def test_nan_stops_with_step_part_and_checkpoint(splits, tmp_path, with_checkpoint):
    train, val, _ = splits
    bad_step = 7 if with_checkpoint else 2

    class Breaking(BPRMF):
        steps = 0

        def loss(self, data, batch, state=None):
            parts = super().loss(data, batch, state)
            self.steps += 1
            parts["extra"] = parts["bpr"] * (math.nan if self.steps == bad_step else 1)
            return parts

    model = _model(Breaking, train)
    config = TrainingConfig(batch_size=64)  # four steps an epoch
    assert len(range(0, train["user", "rates", "item"].num_edges, 64)) == 4
    with pytest.raises(
        ValueError, match=f"'extra' became nan in step {bad_step} "
    ) as e:
        fit(model, train, val, config, tmp_path)
    if with_checkpoint:
        assert f"{tmp_path}/checkpoints/last.safetensors" in str(e.value)
        assert "of epoch 1" in str(e.value)
        load_tensors(tmp_path / "checkpoints" / "last.safetensors")
    else:
        assert "no checkpoint" in str(e.value)
    # The weights were not touched by the bad step.
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


@pytest.mark.parametrize("base", [SEA, WithSeparateLearning])
def test_nan_in_an_estimator_of_a_subclass_is_named(splits, base):
    train, val, _ = splits

    class Breaking(base):
        def estimator_loss(self, data, state=None):
            return super().estimator_loss(data, state) * math.inf

    with pytest.raises(ValueError, match="'estimator' became inf in step 1 "):
        fit(_model(Breaking, train), train, val, TrainingConfig(inner_steps=1))


def test_epoch_check_finds_the_first_bad_step(splits):
    """What is used where looking at every step would halt a GPU."""
    from sea_pyg.training import RecommenderModule
    from sea_pyg.training.finite_losses import FiniteLosses

    train, _, _ = splits
    module = RecommenderModule(_model(BPRMF, train), train, TrainingConfig())
    good, bad = torch.tensor(1.0), torch.tensor(math.inf)
    module.parts = {"a": [good, good, good, bad], "b": [good, good, bad, bad]}
    guard = FiniteLosses(TrainingState(step=14))
    with pytest.raises(ValueError, match="'b' became inf in step 13 "):
        guard.on_train_epoch_end(None, module)


@pytest.mark.parametrize("damage", ["truncate", "flip", "garbage"])
def test_damaged_checkpoint(splits, tmp_path, damage):
    train, val, _ = splits
    config = TrainingConfig(max_epochs=1)
    fit(_model(BPRMF, train), train, val, config, tmp_path)
    path = tmp_path / "checkpoints" / "last.safetensors"
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        content = content[: len(content) // 2]
    elif damage == "flip":
        content[-10] ^= 1
    else:
        content = bytearray(b"not a checkpoint")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"last\.safetensors' is damaged"):
        fit(_model(BPRMF, train), train, val, config, tmp_path, resume=True)


def test_resume_with_other_options(splits, tmp_path):
    train, val, _ = splits
    fit(_model(BPRMF, train), train, val, TrainingConfig(max_epochs=1), tmp_path)
    other = TrainingConfig(max_epochs=2, lr=0.5)
    with pytest.raises(ValueError, match=r"started with lr=0\.001.*resumed with 0\.5"):
        fit(_model(BPRMF, train), train, val, other, tmp_path, resume=True)


def test_closed_form_needs_no_gradient(splits):
    train, val, _ = splits
    model = Popularity.from_data(train)
    result = fit(model, train, val)
    assert result.history == []
    assert bool((model.count > 0).any())


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lr": 0.0}, r"lr must lie in \(0, inf\) \(got 0\.0\)"),
        ({"lr": math.nan}, r"lr must lie in \(0, inf\) \(got nan\)"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"inner_steps": -1}, "inner_steps must be at least 0"),
        ({"precision": "16"}, "precision must be '32' or 'bf16-mixed'"),
        ({"metric": "recal@20"}, r"metric must be one of recall@10.*got 'recal@20'"),
        ({"eval_k": ()}, "eval_k must hold"),
        ({"eval_k": (10, 0)}, "eval_k must be at least 1"),
        ({"eval_k": (10, 2.5)}, r"eval_k must be an integer \(got 2\.5\)"),
        ({"lr": math.inf}, "lr must lie in"),
        ({"lr": "0.1"}, "lr must lie in"),
        ({"estimator_lr": -1}, r"estimator_lr must lie in \(0, inf\)"),
        ({"weight_decay": -1}, r"weight_decay must lie in \[0, inf\)"),
        ({"weight_decay": math.inf}, "weight_decay must lie in"),
        ({"lr_decay": 0.0}, r"lr_decay must lie in \(0, 1\]"),
        ({"lr_decay": 1.1}, "lr_decay must lie in"),
        ({"max_grad_norm": 0}, r"max_grad_norm must lie in \(0, inf\)"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 2**63}, "seed must be below"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**options)


def test_unknown_option_names_the_closest():
    with pytest.raises(ValueError, match="'batchsize'; did you mean 'batch_size'"):
        TrainingConfig.for_model(SEA, batchsize=3)
    assert TrainingConfig.for_model(MICRO).lr == 5e-4
    assert TrainingConfig.for_model(SEA, lr=0.1).lr == 0.1


def test_bad_device(splits):
    train, val, _ = splits
    for name in ("nope", "meta", "mps"):
        with pytest.raises(ValueError, match="device must be"):
            fit(_model(BPRMF, train), train, val, TrainingConfig(device=name))
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="finds no GPU"):
            fit(_model(BPRMF, train), train, val, TrainingConfig(device="cuda"))


@pytest.mark.parametrize("missing", ["train", "val"])
def test_what_is_no_graph_is_refused(splits, missing):
    train, val, _ = splits
    graphs = {"train": train, "val": val, missing: None}
    with pytest.raises(ValueError, match=rf"{missing} must be a graph .*got None"):
        fit(BPRMF.from_data(train), **graphs)


def test_a_model_in_evaluation_mode_is_trained_like_any(splits):
    train, val, _ = splits
    config = TrainingConfig(max_epochs=1)
    losses = []
    for mode in (True, False):
        model = _model(FREEDOM, train).train(mode)
        losses.append(fit(model, train, val, config).history)
    assert losses[0] == losses[1]


def test_weights_of_another_run_are_not_taken_under_slurm(
    splits, tmp_path, monkeypatch
):
    """Lightning restores ``hpc_ckpt_*.ckpt`` of the working directory there."""
    train, val, _ = splits
    config = TrainingConfig(max_epochs=1)
    expected = fit(_model(BPRMF, train), train, val, config)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hpc_ckpt_1.ckpt").write_bytes(b"of another run")
    for name in ("JOB_ID", "PROCID", "LOCALID", "NODEID"):
        monkeypatch.setenv(f"SLURM_{name}", "0")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    monkeypatch.setenv("SLURM_NODELIST", "localhost")
    found = fit(_model(BPRMF, train), train, val, config)
    assert found.history == expected.history


def test_numbers_of_numpy_are_written(splits, tmp_path):
    train, val, _ = splits
    config = TrainingConfig(
        seed=np.int64(1),
        lr=np.float32(0.01),
        weight_decay=np.int64(0),
        eval_k=np.array([10, 20]),
        max_epochs=1,
    )
    types = {type(value) for value in vars(config).values()}
    assert types == {int, float, str, tuple, type(None)}
    assert {type(k) for k in config.eval_k} == {int}
    fit(_model(BPRMF, train), train, val, config, tmp_path)
    with pytest.raises(ValueError, match="batch_size must be an integer"):
        TrainingConfig(batch_size=2048.5)


def test_features_that_require_a_gradient_are_refused(splits):
    """They would not be trained, or their graph would be gone in the second step."""
    train, val, _ = splits
    raw = train["item"].x_text
    model = _model(VBPR, train)
    for x in (torch.nn.Parameter(raw.clone()), torch.nn.Linear(raw.size(1), 3)(raw)):
        of_train, of_val = copy.copy(train), copy.copy(val)
        of_train["item"].x_text = of_val["item"].x_text = x
        with pytest.raises(ValueError, match=r"x_text .*in train requires a gradient"):
            fit(model, of_train, val, TrainingConfig(max_epochs=1))
        with pytest.raises(ValueError, match=r"x_text .*in val requires a gradient"):
            fit(model, train, of_val, TrainingConfig(max_epochs=1))
        # What reads no features, or others, does not care.
        other = VBPR.from_data(train, ["image"])
        for reader in (other, _model(BPRMF, train)):
            fit(reader, of_train, of_val, TrainingConfig(max_epochs=1))


def test_a_graph_without_labels_selects_nothing():
    data = FakeMultimodalDataset(num_users=40, num_items=30, avg_degree=8)[0]
    with pytest.raises(ValueError, match=r"val has no edge_label_index .*split first"):
        fit(_model(BPRMF, data), data, data, TrainingConfig(max_epochs=1))
