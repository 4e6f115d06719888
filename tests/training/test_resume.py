"""A resumed run is the uninterrupted one, whatever a model draws and keeps."""

import importlib
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest
import torch

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.loader import InteractionLoader, NegativeSampler
from sea_pyg.nn import models
from sea_pyg.nn.models import WithSeparateLearning
from sea_pyg.training import (
    TrainingConfig,
    environment,
    fit,
    load_tensors,
    save_tensors,
)
from sea_pyg.training.atomic import exclusive
from sea_pyg.training.run_notes import model_note
from tests.programs import docstring_program

NAMES = [name for name in models.classes if getattr(models, name).trainable]
NAMES += ["FREEDOM+separate", "MMSSL+separate"]
CONFIG = TrainingConfig(
    max_epochs=3, lr=0.01, lr_decay=0.7, batch_size=64, inner_steps=2
)


def _model(name, data, seed):
    name, _, separate = name.partition("+")
    torch.manual_seed(seed)
    if separate:
        return WithSeparateLearning.from_data(data, backbone=name)
    return getattr(models, name).from_data(data)


def _interrupt(model, train, val, folder, step):
    """Train until a step, and stop in the midst of it."""
    real, calls = model.loss, []

    def loss(*args):
        calls.append(args)
        if len(calls) == step:
            raise KeyboardInterrupt
        return real(*args)

    model.loss = loss
    with pytest.raises(KeyboardInterrupt):
        fit(model, train, val, CONFIG, folder)
    del model.loss
    assert len(calls) == step


def _assert_same(result, folder, expected, whole):
    assert result.history == expected.history
    assert (result.best_epoch, result.best) == (expected.best_epoch, expected.best)
    text = (whole / "history.csv").read_bytes()
    assert (folder / "history.csv").read_bytes() == text
    for file in ("last", "best"):
        path = f"checkpoints/{file}.safetensors"
        (found, _), (kept, _) = load_tensors(folder / path), load_tensors(whole / path)
        assert list(found) == list(kept)
        for name, value in kept.items():
            assert torch.equal(found[name], value), name


@pytest.mark.parametrize("name", NAMES)
def test_resumed_run_has_the_bits_of_the_uninterrupted_one(splits, tmp_path, name):
    train, val, _ = splits
    steps = -(-train["user", "rates", "item"].num_edges // CONFIG.batch_size)
    assert steps >= 3
    whole = tmp_path / "whole"
    expected = fit(_model(name, train, 0), train, val, CONFIG, whole)
    assert expected.epochs == 3
    assert len({row["loss/total"] for row in expected.history}) == 3

    # After the first epoch, in the midst of the second.
    stopped = _model(name, train, 0)
    _interrupt(stopped, train, val, tmp_path / "new", steps + 2)
    # As a new process does: other weights and other random states at first.
    again = _model(name, train, 99)
    torch.manual_seed(1234)
    result = fit(again, train, val, CONFIG, tmp_path / "new", resume=True)
    _assert_same(result, tmp_path / "new", expected, whole)

    # The model that was stopped goes on as well.
    model = _model(name, train, 0)
    _interrupt(model, train, val, tmp_path / "same", 2 * steps + 2)
    result = fit(model, train, val, CONFIG, tmp_path / "same", resume=True)
    _assert_same(result, tmp_path / "same", expected, whole)
    for one, two in zip(
        model.state_dict().items(), again.state_dict().items(), strict=True
    ):
        assert one[0] == two[0]
        assert torch.equal(one[1], two[1]), one[0]


def test_another_device_is_no_other_run(splits, tmp_path):
    train, val, _ = splits
    short = replace(CONFIG, max_epochs=1, device="auto")
    fit(_model("BPRMF", train, 0), train, val, short, tmp_path)
    config = replace(CONFIG, max_epochs=2, device="cpu")
    result = fit(_model("BPRMF", train, 0), train, val, config, tmp_path, resume=True)
    assert result.epochs == 2


def test_a_resumed_run_evaluates_the_same_epochs(splits, tmp_path):
    train, val, _ = splits
    config = replace(CONFIG, max_epochs=7, eval_every=3, patience=20)
    expected = fit(_model("BPRMF", train, 0), train, val, config, tmp_path / "whole")
    for stop in (3, 4, 5):
        folder = tmp_path / f"stop-{stop}"
        first = replace(config, max_epochs=stop)
        fit(_model("BPRMF", train, 0), train, val, first, folder)
        again = _model("BPRMF", train, 99)
        result = fit(again, train, val, config, folder, resume=True)
        evaluated = [r["epoch"] for r in result.history if "val/recall@20" in r]
        assert evaluated == [3, 6]
        _assert_same(result, folder, expected, tmp_path / "whole")


def test_a_run_is_not_resumed_with_fewer_epochs(splits, tmp_path):
    train, val, _ = splits
    fit(_model("BPRMF", train, 0), train, val, CONFIG, tmp_path)
    short = replace(CONFIG, max_epochs=2)
    with pytest.raises(ValueError, match="3 epochs already .*max_epochs=2"):
        fit(_model("BPRMF", train, 0), train, val, short, tmp_path, resume=True)


@pytest.mark.parametrize("arguments", [{"reg_weight": 0.5}, {"embedding_dim": 8}])
def test_a_checkpoint_of_another_model_is_refused(splits, tmp_path, arguments):
    train, val, _ = splits
    fit(_model("BPRMF", train, 0), train, val, CONFIG, tmp_path)
    other = models.BPRMF.from_data(train, **arguments)
    with pytest.raises(ValueError, match="cannot be resumed with"):
        fit(other, train, val, CONFIG, tmp_path, resume=True)
    with pytest.raises(ValueError, match="'name': 'BPRMF'.*'name': 'LightGCN'"):
        fit(_model("LightGCN", train, 0), train, val, CONFIG, tmp_path, resume=True)


def test_an_earlier_version_had_the_defaults_of_the_options_that_it_lacked(
    splits, tmp_path
):
    train, val, _ = splits
    config = replace(CONFIG, lr_decay=1.0, max_epochs=1)
    fit(_model("BPRMF", train, 0), train, val, config, tmp_path)
    path = tmp_path / "checkpoints" / "last.safetensors"
    tensors, plain = load_tensors(path)
    for name in ("lr_decay", "model", "data"):
        del plain["config"][name]
    save_tensors(path, tensors, plain)
    other = replace(config, lr_decay=0.9)
    with pytest.raises(ValueError, match="lr_decay=1.0 and cannot be resumed"):
        fit(_model("BPRMF", train, 0), train, val, other, tmp_path, resume=True)
    longer = replace(config, max_epochs=2)
    result = fit(_model("BPRMF", train, 0), train, val, longer, tmp_path, resume=True)
    assert result.epochs == 2


def test_other_features_are_refused(splits, tmp_path):
    train, val, _ = splits
    fit(_model("VBPR+separate", train, 0), train, val, CONFIG, tmp_path)
    other, other_val = train.clone(), val.clone()
    other["item"].x_text = other_val["item"].x_text = train["item"].x_text + 1
    longer = replace(CONFIG, max_epochs=4)
    model = _model("VBPR+separate", train, 0)
    with pytest.raises(ValueError, match="was trained on other x_text than"):
        fit(model, other, other_val, longer, tmp_path, resume=True)
    message = "x_text of train and val differ"
    with (
        pytest.warns(UserWarning, match=message),
        pytest.raises(ValueError, match="was trained on other validation x_text than"),
    ):
        fit(model, train, other_val, longer, tmp_path, resume=True)
    other["item"].x_text = train["item"].x_text
    other["item"].unread = torch.ones(train["item"].num_nodes, 2)
    assert fit(model, other, val, longer, tmp_path, resume=True).epochs == 4


def test_other_interactions_of_unmarked_graphs_are_refused(tmp_path):
    data = FakeMultimodalDataset(num_users=30, num_items=25)[0]
    store = data["user", "rates", "item"]
    edges = store.edge_index
    train, val = data.clone(), data.clone()
    kept = torch.arange(edges.size(1)) % 5 != 0
    for graph in (train, val):
        graph["user", "rates", "item"].edge_index = edges[:, kept]
    train["user", "rates", "item"].edge_label_index = edges[:, kept]
    val["user", "rates", "item"].edge_label_index = edges[:, ~kept]
    fit(_model("BPRMF", train, 0), train, val, CONFIG, tmp_path)
    fewer = val.clone()
    fewer["user", "rates", "item"].edge_label_index = edges[:, ~kept][:, 1:]
    with pytest.raises(ValueError, match="other validation interactions than"):
        fit(_model("BPRMF", train, 0), train, fewer, CONFIG, tmp_path, resume=True)
    fewer = train.clone()
    fewer["user", "rates", "item"].edge_index = edges[:, kept][:, 1:]
    del fewer["user", "rates", "item"].edge_label_index
    with pytest.raises(ValueError, match="other interactions than"):
        fit(_model("BPRMF", train, 0), fewer, val, CONFIG, tmp_path, resume=True)


def test_tensors_among_the_arguments_are_told_apart():
    class Weighted(models.BPRMF):
        def __init__(self, num_users, num_items, weight):
            super().__init__(num_users, num_items)

    notes = [model_note(Weighted(3, 4, torch.tensor(w))) for w in ([1.0], [2.0], [1.0])]
    assert notes[0] == notes[2] != notes[1]


def test_two_processes_do_not_share_a_run(splits, tmp_path):
    train, val, _ = splits
    with (
        exclusive(tmp_path / "checkpoints"),
        pytest.raises(ValueError, match="another process is writing to"),
    ):
        fit(_model("BPRMF", train, 0), train, val, CONFIG, tmp_path)
    assert fit(_model("BPRMF", train, 0), train, val, CONFIG, tmp_path).epochs == 3


@pytest.mark.parametrize("older", [False, True])
def test_best_weights_that_were_not_written_are_those_of_the_last(
    splits, tmp_path, older
):
    """A process that dies, or a full disk, between the two checkpoints."""
    train, val, _ = splits
    whole, folder = tmp_path / "whole", tmp_path / "torn"
    config = replace(CONFIG, max_epochs=1)  # of which the last is the best
    for run_dir in (whole, folder):
        fit(_model("BPRMF", train, 0), train, val, config, run_dir)
    best = folder / "checkpoints" / "best.safetensors"
    if older:
        weights = {k: v + 1 for k, v in load_tensors(best)[0].items()}
        save_tensors(best, weights, {"epoch": 0})
    else:
        best.unlink()
    model = _model("BPRMF", train, 5)
    fit(model, train, val, config, folder, resume=True)
    expected = load_tensors(whole / "checkpoints" / "best.safetensors")
    for name, value in model.state_dict().items():
        assert torch.equal(value, expected[0][name])
    assert (
        best.read_bytes() == (whole / "checkpoints" / "best.safetensors").read_bytes()
    )


def test_best_weights_that_are_lost_are_told(splits, tmp_path):
    train, val, _ = splits
    config = replace(CONFIG, lr=1.0, max_epochs=6)
    result = fit(_model("BPRMF", train, 0), train, val, config, tmp_path)
    assert result.best_epoch < result.epochs
    (tmp_path / "checkpoints" / "best.safetensors").unlink()
    with pytest.raises(ValueError, match=f"weights of epoch {result.best_epoch}"):
        fit(_model("BPRMF", train, 0), train, val, config, tmp_path, resume=True)


def test_a_run_tells_the_versions_that_trained_it(splits, tmp_path, monkeypatch):
    train, val, _ = splits
    found = []
    for epochs, digest in ((1, "first"), (2, "second"), (3, "second"), (3, "third")):
        monkeypatch.setitem(
            fit.__globals__, "code_digest", lambda digest=digest: digest
        )
        config = replace(CONFIG, max_epochs=epochs)
        model = _model("BPRMF", train, 0)
        result = fit(model, train, val, config, tmp_path, resume=True)
        found.append(list(result.code))
    monkeypatch.undo()
    both = ["first", "second"]
    assert found == [["first"], both, both, both]  # the last did not train
    result = fit(_model("BPRMF", train, 0), train, val, CONFIG)
    assert result.code == [environment()["code"]]


@pytest.mark.parametrize("torn", [False, True])
def test_best_weights_of_a_run_before_are_not_taken(splits, tmp_path, torn):
    """A new run in an old folder dies between its first two checkpoints."""
    train, val, _ = splits
    config = replace(CONFIG, max_epochs=1)
    fit(_model("BPRMF", train, 7), train, val, config, tmp_path)
    best = tmp_path / "checkpoints" / "best.safetensors"
    (tmp_path / "checkpoints" / "last.safetensors").unlink()
    real = save_tensors

    def save(path, *rest):
        if torn and path == best:
            raise KeyboardInterrupt
        real(path, *rest)

    module = importlib.import_module("sea_pyg.training.run_checkpoint")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "save_tensors", save)
        with pytest.raises(KeyboardInterrupt) if torn else nullcontext():
            fit(_model("BPRMF", train, 0), train, val, config, tmp_path)
    resumed = _model("BPRMF", train, 3)
    fit(resumed, train, val, config, tmp_path, resume=True)
    expected = _model("BPRMF", train, 0)
    fit(expected, train, val, config)
    for name, value in expected.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)


def test_patience_goes_on_counting_after_a_resumption(splits, tmp_path):
    train, val, _ = splits
    config = TrainingConfig(patience=3, lr=1e-12, batch_size=64)
    for epochs in (1, 2, 3, 9):
        again = replace(config, max_epochs=epochs)
        model = _model("BPRMF", train, 0)
        result = fit(model, train, val, again, tmp_path, resume=epochs > 1)
    assert (result.epochs, result.best_epoch) == (4, 1)


class Fixed:
    """Draws one item for all."""

    def sample(self, user, generator=None):
        return torch.full_like(user, 3)


class Shifted:
    """Draws the items above a number at random."""

    def __init__(self, low):
        self.low = low

    def sample(self, user, generator=None):
        return torch.randint(self.low, 30, user.shape, generator=generator)

    def __repr__(self):
        return f"Shifted({self.low})"


def test_a_sampler_reaches_the_model(splits):
    train, val, _ = splits
    for sampler, drawn in ((Fixed(), {3}), (Shifted(28), {28, 29}), (None, None)):
        model = _model("BPRMF", train, 0)
        real, found = model.loss, []

        def loss(data, batch, state=None, real=real, found=found):
            found.append(batch.negative)
            return real(data, batch, state)

        model.loss = loss
        fit(model, train, val, replace(CONFIG, max_epochs=1), sampler=sampler)
        items = set(torch.cat(found).tolist())
        assert items == drawn if drawn else len(items) > 10


def test_what_is_solved_for_takes_no_sampler(splits):
    train, val, _ = splits
    with pytest.raises(ValueError, match="Popularity is solved for .*leave sampler"):
        fit(_model("Popularity", train, 0), train, val, CONFIG, sampler=Fixed())


def test_a_run_with_a_sampler_is_resumed_exactly(splits, tmp_path):
    train, val, _ = splits
    whole, folder = tmp_path / "whole", tmp_path / "two"
    model = _model("BPRMF", train, 0)
    expected = fit(model, train, val, CONFIG, whole, sampler=Shifted(5))
    first = replace(CONFIG, max_epochs=1)
    fit(_model("BPRMF", train, 0), train, val, first, folder, sampler=Shifted(5))
    again = _model("BPRMF", train, 99)
    result = fit(again, train, val, CONFIG, folder, resume=True, sampler=Shifted(5))
    _assert_same(result, folder, expected, whole)


def test_a_run_with_another_sampler_is_refused(splits, tmp_path):
    train, val, _ = splits
    for name, before, others in (
        ("none", None, [Fixed(), Shifted(5)]),
        ("fixed", Fixed(), [None, Shifted(5)]),
        ("shifted", Shifted(5), [None, Shifted(6)]),
    ):
        folder = tmp_path / name
        fit(_model("BPRMF", train, 0), train, val, CONFIG, folder, sampler=before)
        for other in others:
            model = _model("BPRMF", train, 0)
            with pytest.raises(ValueError, match="started with sampler=.*cannot be"):
                fit(model, train, val, CONFIG, folder, resume=True, sampler=other)


def test_the_samplers_example_runs(splits):
    train, val, _ = splits
    model = _model("BPRMF", train, 0)
    short = partial(fit, config=replace(CONFIG, max_epochs=1))
    scope = {"torch": torch, "InteractionLoader": InteractionLoader, "fit": short}
    exec(
        docstring_program(NegativeSampler),
        {**scope, "train": train, "val": val, "model": model},
    )
    assert model.trained_on


def test_a_run_is_not_written_over(splits, tmp_path):
    train, val, _ = splits
    fit(_model("BPRMF", train, 0), train, val, CONFIG, tmp_path)
    before = (tmp_path / "checkpoints" / "last.safetensors").read_bytes()
    with pytest.raises(ValueError, match="holds a run of 3 epochs.*resume=True"):
        fit(_model("BPRMF", train, 0), train, val, CONFIG, tmp_path)
    assert (tmp_path / "checkpoints" / "last.safetensors").read_bytes() == before


def test_masks_and_nan_are_compared_between_train_and_val(splits):
    train, val, _ = splits
    config = replace(CONFIG, max_epochs=1)
    mask = torch.ones(train["item"].num_nodes, dtype=torch.bool)
    mask[0] = False
    nan = train["item"].x_text.clone()
    nan[0] = torch.nan
    same = [data.clone() for data in (train, val)]
    for data in same:
        data["item"].x_text, data["item"].mask_text = nan.clone(), mask.clone()
    fit(_model("VBPR", same[0], 0), *same, config)  # pytest makes warnings errors
    del same[1]["item"].mask_text
    same[1]["item"].x_text = train["item"].x_text
    with pytest.warns(UserWarning, match="x_text, mask_text of train and val differ"):
        fit(_model("VBPR", same[0], 0), *same, config)
