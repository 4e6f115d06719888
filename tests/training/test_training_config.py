"""The published options are the same wherever a model is trained from."""

from dataclasses import asdict

import pytest
import torch

from sea_pyg.cli import main
from sea_pyg.cli.train import train
from sea_pyg.nn.models import BPRMF, MICRO, MMSSL, VBPR, WithSeparateLearning
from sea_pyg.training import (
    LogUniform,
    RunConfig,
    TrainingConfig,
    build_setting,
    fit,
    fit_setting,
    run_cell,
    tune,
)
from sea_pyg.training.propose import propose


def _config_of_fit(monkeypatch, model, train, val) -> TrainingConfig:
    found = []
    monkeypatch.setitem(
        fit.__globals__, "_fit_by_gradient", lambda *args: found.append(args[3])
    )
    fit(model, train, val)
    return found[0]


def _separate(backbone, train) -> WithSeparateLearning:
    torch.manual_seed(0)
    return WithSeparateLearning.from_data(train, backbone=backbone)


@pytest.mark.parametrize("cls", [BPRMF, MICRO, MMSSL])
def test_class_and_instance_agree(splits, cls):
    config = TrainingConfig.for_model(cls)
    assert TrainingConfig.for_model(cls.from_data(splits[0])) == config
    for name, value in cls.training_defaults.items():
        assert getattr(config, name) == value
    assert TrainingConfig.for_model(cls.from_data(splits[0]), lr=0.3).lr == 0.3


@pytest.mark.parametrize("backbone", [MMSSL, VBPR, MICRO])
def test_separate_learning_keeps_the_settings_of_its_backbone(
    splits, tmp_path, monkeypatch, backbone
):
    """From ``fit``, the grid and the command line."""
    train, val, _ = splits
    model = _separate(backbone, train)
    expected = TrainingConfig.for_model(model)
    # The estimators' steps are the wrapper's to choose.
    for name, value in backbone.training_defaults.items():
        if name != "inner_steps":
            assert getattr(expected, name) == value
    _, config = build_setting(backbone, {}, train, separate=True)
    assert config == expected
    short = {"max_epochs": 1}
    cell = run_cell(backbone, short, splits, tmp_path / "seed-0.json", separate=True)
    options = {**asdict(expected), **short}
    assert cell["training"] == {**options, "eval_k": list(expected.eval_k)}

    more = ["--set", "inner_steps=1", "--max-epochs", "1"]
    arguments = ["train", "fake", "--model", backbone.__name__, "--separate", *more]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 0
    found = asdict(RunConfig.load(tmp_path / "run").training)
    assert found == {**options, "inner_steps": 1}

    assert _config_of_fit(monkeypatch, model, train, val) == expected


def test_settings_reach_separate_learning(splits):
    setting = {"separate.sample_size": 9, "separate.alpha": 0.5, "embedding_dim": 4}
    model, _ = build_setting(VBPR, setting, splits[0], separate=True)
    assert isinstance(model, WithSeparateLearning)
    assert (model.separate.sample_size, model.separate.alpha) == (9, 0.5)
    assert model.backbone.hparams()["embedding_dim"] == 4
    with pytest.raises(ValueError, match=r"separate\.sample_size is of a model with"):
        build_setting(VBPR, setting, splits[0])


def test_a_fitted_setting_tells_how_it_was_trained(splits):
    train, val, _ = splits
    setting = {"max_epochs": 1, "lr": 0.02, "embedding_dim": 8}
    fitted = fit_setting(BPRMF, setting, train, val)
    assert fitted.model.hparams()["embedding_dim"] == 8
    assert fitted.config == TrainingConfig.for_model(BPRMF, max_epochs=1, lr=0.02)
    assert fitted.value == fitted.result.best


def test_the_command_line_takes_the_wrapper_s_own_defaults(tmp_path, monkeypatch):
    chosen = []

    def remember(model, data, val, config, *more):
        chosen.append((model, config))
        raise ValueError("enough")

    monkeypatch.setitem(train.__globals__, "fit", remember)
    for name in ("mmssl", "vbpr"):
        folder = str(tmp_path / name)
        arguments = ["train", "fake", "--model", name, "--separate", "--out", folder]
        assert main(arguments) == 2
        model, config = chosen[-1]
        assert isinstance(model, WithSeparateLearning)
        assert config == TrainingConfig.for_model(model)


def test_a_search_starts_from_the_wrapper_s_defaults(splits, tmp_path, monkeypatch):
    train, val, _ = splits
    expected = TrainingConfig.for_model(_separate(MMSSL, train))
    seen = []

    def remember(space, published, *more):
        seen.append(published)
        return propose(space, published, *more)

    monkeypatch.setitem(tune.__globals__, "propose", remember)
    space = {"inner_steps": (1, 50), "estimator_lr": LogUniform(1e-4, 1e-2)}
    fixed = {"max_epochs": 1, "batch_size": 4096}
    tune(MMSSL, train, val, 2, tmp_path, space, fixed, separate=True)
    assert seen[0] == {name: getattr(expected, name) for name in space}
