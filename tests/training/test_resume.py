"""A resumed run is the uninterrupted one, whatever a model draws and keeps."""

from dataclasses import replace

import pytest
import torch

from sea_pyg.nn import models
from sea_pyg.nn.models import WithSeparateLearning
from sea_pyg.training import TrainingConfig, fit, load_tensors

NAMES = [name for name in models.classes if getattr(models, name).trainable]
NAMES += ["FREEDOM+separate", "MMSSL+separate"]
CONFIG = TrainingConfig(max_epochs=3, lr=0.01, batch_size=64, inner_steps=2)


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
