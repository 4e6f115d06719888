import inspect
import json
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from sea_pyg.datasets import FakeMultimodalDataset
from sea_pyg.nn import models
from sea_pyg.nn.models import BPRMF, SEA, VBPR, ItemKNN, Popularity
from sea_pyg.training import (
    SEARCH_SPACES,
    LogUniform,
    TrainingConfig,
    Trial,
    best_trial,
    count_gradients,
    fit,
    fit_setting,
    search_space,
    tune,
)
from sea_pyg.training.fit_setting import build_setting
from sea_pyg.training.propose import propose
from sea_pyg.transforms import RandomUserSplit

FIXED = {"seed": 0, "max_epochs": 1, "eval_k": (5,), "metric": "recall@5"}
SPACE = {"lr": LogUniform(1e-3, 1e-1), "reg_weight": (0.01, 0.1)}


@pytest.mark.parametrize("name", [*models.classes, "SEA:tuned"])
def test_every_space_holds_the_published_setting(name):
    title, _, preset = name.partition(":")
    model = getattr(models, title)
    assert search_space(model, preset) == SEARCH_SPACES[name]
    values = {k: p.default for k, p in inspect.signature(model).parameters.items()}
    values |= model.preset_arguments(preset, []) if preset else {}
    config = TrainingConfig.for_model(model)
    values |= {field.name: getattr(config, field.name) for field in fields(config)}
    for key, entry in SEARCH_SPACES[name].items():
        if isinstance(entry, LogUniform):
            assert entry.low <= values[key] <= entry.high
        else:
            assert values[key] in entry


def test_presets_without_a_space_have_their_models():
    assert search_space(models.SEA, "fast") == search_space(models.SEA)
    assert search_space(models.SEA, "tuned") != search_space(models.SEA)
    with pytest.raises(ValueError, match="no search space for 'Recommender'"):
        search_space(models.Recommender, "tuned")


def test_a_search_that_was_stopped_finds_the_same(splits, tmp_path, monkeypatch):
    train, val, _ = splits
    whole = tune(BPRMF, train, val, 7, tmp_path / "a", SPACE, FIXED)
    assert len(whole) == 7
    assert whole[0].setting == {}
    assert len({json.dumps(trial.setting) for trial in whole}) == 7
    real, done = fit_setting, []

    def stop(*args, **kwargs):
        done.append(args)
        if len(done) == 6:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setitem(tune.__globals__, "fit_setting", stop)
    with pytest.raises(KeyboardInterrupt):
        tune(BPRMF, train, val, 7, tmp_path / "b", SPACE, FIXED)
    assert tune(BPRMF, train, val, 7, tmp_path / "b", SPACE, FIXED) == whole
    assert len(done) == 8
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    with pytest.raises(ValueError, match="another search"):
        tune(BPRMF, train, val, 7, tmp_path / "b", SPACE, {**FIXED, "seed": 1})


def test_trials_of_another_search_are_refused(splits, tmp_path):
    """Also by what the trials' own settings do not show."""
    train, val, test = splits
    tune(BPRMF, train, val, 1, tmp_path, SPACE, FIXED)
    same = {"model": BPRMF, "space": SPACE, "fixed": {**FIXED, "device": "cpu"}}
    assert len(tune(train=train, val=val, num_trials=1, folder=tmp_path, **same)) == 1
    for name, change in {
        "model": {"model": models.LightGCN},
        "space": {"space": {"lr": LogUniform(1e-3, 1e-1), "reg_weight": (0.01,)}},
        "fixed": {"fixed": {**FIXED, "batch_size": 16}},
        "modalities": {"modalities": ["text"]},
    }.items():
        with pytest.raises(ValueError, match=f"another search: of {name}="):
            tune(train=train, val=val, num_trials=1, folder=tmp_path, **same | change)
    other = RandomUserSplit(seed=1)(FakeMultimodalDataset(40, 30)[0])[:2]
    with pytest.raises(ValueError, match="another search: of data="):
        tune(BPRMF, *other, 1, tmp_path, SPACE, FIXED)


def test_a_folder_is_claimed_when_its_trials_are_known(splits, tmp_path):
    """Trials that an earlier version kept have no ``search.json`` beside them."""
    train, val, _ = splits
    trials = tune(BPRMF, train, val, 2, tmp_path, SPACE, FIXED)
    search = tmp_path / "search.json"
    before = search.read_bytes()
    search.unlink()
    kept = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match="trial-001.json' is of another search"):
        tune(BPRMF, train, val, 2, tmp_path, SPACE, {**FIXED, "seed": 1})
    assert sorted(tmp_path.iterdir()) == kept
    assert tune(BPRMF, train, val, 2, tmp_path, SPACE, FIXED) == trials
    assert search.read_bytes() == before


def test_what_cannot_be_built_claims_no_folder(splits, tmp_path):
    train, val, _ = splits
    for name, value in {"embedding_dim": 0, "batch_size": 0, "widht": 3}.items():
        with pytest.raises((TypeError, ValueError), match=name):
            tune(BPRMF, train, val, 1, tmp_path, SPACE, {**FIXED, name: value})
    assert not list(tmp_path.iterdir())


def test_the_first_five_trials_are_random() -> None:
    """As `docs/evaluation.md` says: no outcome has a part in what is proposed."""
    space = {"lr": LogUniform(1e-4, 1e-2)}
    proposals: list[list[float]] = [[], []]
    for found, sign in zip(proposals, (1, -1), strict=True):
        trials = [Trial(0, {}, 0.0)]
        for number in range(1, 9):
            setting = propose(space, {"lr": 1e-3}, trials, seed="0")
            assert setting is not None
            found.append(setting["lr"])
            trials.append(Trial(number, setting, sign * setting["lr"]))
    first, second = proposals
    assert first[:4] == second[:4]
    assert first[4:] != second[4:]


def test_models_and_data_draw_trials_of_their_own(splits, tmp_path):
    train, val, _ = splits
    data = FakeMultimodalDataset(num_users=40, num_items=30, avg_degree=8)[0]
    other = RandomUserSplit(seed=1)(data)[:2]
    space = {"lr": LogUniform(1e-3, 1e-1)}
    searches = [(BPRMF, (train, val)), (models.LightGCN, (train, val)), (BPRMF, other)]
    found = set()
    for number, (model, graphs) in enumerate(searches):
        trials = tune(model, *graphs, 2, tmp_path / str(number), space, FIXED)
        found.add(trials[1].setting["lr"])
    assert len(found) == 3


def test_small_spaces_are_exhausted(splits, tmp_path):
    train, val, _ = splits
    found = tune(ItemKNN, train, val, 9, tmp_path / "a", {"k": (5, 10, 100)}, {})
    assert sorted(t.setting.get("k", 100) for t in found) == [5, 10, 100]
    space = {"k": (5, 6, 7, 8, 9, 10, 100), "shrink": (0.0, 1.0, 2.0, 4.0)}
    found = tune(ItemKNN, train, val, 99, tmp_path / "c", space, {})
    assert len({(t.setting.get("k"), t.setting.get("shrink")) for t in found}) == 28
    assert len(tune(Popularity, train, val, 9, tmp_path / "b", None, {})) == 1


def test_a_failed_trial_is_kept_and_not_chosen(splits, tmp_path):
    train, val, _ = splits
    found = tune(BPRMF, train, val, 2, tmp_path, {"lr": (1e-3, 1e38)}, FIXED)
    assert found[1].value is None
    assert "became" in found[1].error or "NaN" in found[1].error
    assert str(tmp_path) not in found[1].error
    assert best_trial(found) is found[0]
    with pytest.raises(ValueError, match="no trial succeeded"):
        best_trial(found[1:])


def test_the_first_of_equal_trials_is_chosen():
    trials = [Trial(n, {}, value) for n, value in enumerate([0.0, 0.2, 0.2])]
    assert best_trial(trials).number == 1


def test_no_test_graph_is_reachable(splits):
    for function in (fit, fit_setting, tune):
        assert "test" not in inspect.signature(function).parameters
    train, val, test = splits
    held_out = set(
        map(tuple, test["user", "rates", "item"].edge_label_index.t().tolist())
    )
    for graph in (train, val):
        for store in graph.edge_stores:
            for value in store.values():
                if isinstance(value, torch.Tensor) and value.dim() == 2:
                    assert not held_out & set(map(tuple, value.t().tolist()))


def test_parameters_without_gradient_are_told_apart(splits):
    model = BPRMF(40, 30, embedding_dim=4)
    config = TrainingConfig()
    assert count_gradients(model, splits[0], config) == (280, 280)
    model.idle = torch.nn.Parameter(torch.ones(11))
    before = torch.random.get_rng_state()
    assert count_gradients(model, splits[0], config) == (291, 280)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert count_gradients(Popularity(40, 30), splits[0], config)[1] == 0


@pytest.mark.parametrize("modalities", [None, ["image", "text"]])
@pytest.mark.parametrize("preset", ["tuned", "released"])
def test_a_preset_s_first_trial_is_told_as_what_it_is(
    preset, modalities, tmp_path, monkeypatch
):
    train, val, _ = RandomUserSplit()(FakeMultimodalDataset(40, 30)[0])
    arguments = models.SEA.preset_arguments(preset, ["image", "text"])
    space = {
        name: (value,)
        for name, value in arguments.items()
        if isinstance(value, (bool, int, float, str))
    }
    assert len(space) > 2
    told = []
    monkeypatch.setitem(
        tune.__globals__,
        "propose",
        lambda space, published, *rest: told.append(published),
    )
    options = {"modalities": modalities, "preset": preset, "space": space}
    tune(models.SEA, train, val, 2, tmp_path, fixed=FIXED, **options)
    assert told == [{name: arguments[name] for name in space}]


def test_fixed_settings_are_not_searched(splits, tmp_path):
    train, val, _ = splits
    space = {"lr": LogUniform(1e-4, 1e-1), "reg_weight": LogUniform(1e-4, 1e-1)}
    fixed = {"lr": 0.01, "max_epochs": 1}
    trials = tune(BPRMF, train, val, 3, tmp_path, space=space, fixed=fixed)
    assert [sorted(trial.setting) for trial in trials[1:]] == [["reg_weight"]] * 2


@pytest.mark.filterwarnings("ignore:Choices for a categorical")
def test_a_search_of_tuples_goes_on(splits, tmp_path):
    train, val, _ = splits
    pairs = ((("text", "image"),), (("image", "text"),))
    fixed = {"max_epochs": 1, "inner_steps": 1}
    first, again = (
        tune(SEA, train, val, 2, tmp_path, {"alignment_pairs": pairs}, fixed)
        for _ in range(2)
    )
    assert first == again


def test_trials_are_of_what_the_search_is_of(splits, tmp_path, monkeypatch):
    train, val, _ = RandomUserSplit()(FakeMultimodalDataset(40, 30)[0])
    calls = []

    def stand_in(*args):
        calls.append(args)
        done = SimpleNamespace(best_epoch=3, epochs=8)
        return SimpleNamespace(result=done, value=0.5)

    monkeypatch.setitem(tune.__globals__, "fit_setting", stand_in)
    modalities, fixed = ["image", "text"], {"walk_weight": 3.0}
    options = {"fixed": fixed, "modalities": modalities, "preset": "tuned"}
    trials = tune(SEA, train, val, 2, tmp_path / "a", **options)
    for number, (args, trial) in enumerate(zip(calls, trials, strict=True)):
        work = tmp_path / "a" / f"work-{number:03d}"
        setting = {**fixed, **trial.setting}
        assert args == (SEA, setting, train, val, modalities, "tuned", work, False)
        assert (trial.value, trial.best_epoch, trial.epochs) == (0.5, 3, 8)
    names = search_space(SEA, "tuned").keys() - fixed.keys()
    assert trials[1].setting.keys() == names
    with pytest.raises(ValueError, match="another search: of preset='tuned'"):
        tune(SEA, train, val, 2, tmp_path / "a", **{**options, "preset": "fast"})
    tune(models.VBPR, train, val, 1, tmp_path / "b", SPACE, separate=True)
    assert calls[-1][-1] is True
    with pytest.raises(ValueError, match="another search: of separate=True"):
        tune(models.VBPR, train, val, 1, tmp_path / "b", SPACE)


def test_the_first_trial_has_the_training_of_separate_learning(tmp_path, monkeypatch):
    train, val, _ = RandomUserSplit()(FakeMultimodalDataset(40, 30)[0])
    told = []
    monkeypatch.setitem(
        tune.__globals__,
        "propose",
        lambda space, published, *rest: told.append(published),
    )
    done = SimpleNamespace(best_epoch=0, epochs=0)
    trained = SimpleNamespace(result=done, value=0.5)
    monkeypatch.setitem(tune.__globals__, "fit_setting", lambda *_: trained)
    _, config = build_setting(models.MMSSL, {}, train, separate=True)
    assert config.inner_steps != TrainingConfig.for_model(models.MMSSL).inner_steps
    space = {"inner_steps": (config.inner_steps, 1)}
    tune(models.MMSSL, train, val, 2, tmp_path, space, separate=True)
    assert told == [{"inner_steps": config.inner_steps}]


def test_what_lies_outside_of_the_space_teaches_nothing() -> None:
    before = optuna.logging.get_verbosity()
    space = {"lr": LogUniform(1e-3, 1e-2)}
    found = propose(space, {"lr": 1.0}, [Trial(0, {}, 0.1)], seed="0")
    assert found is not None
    assert 1e-3 <= found["lr"] <= 1e-2
    assert optuna.logging.get_verbosity() == before


def test_wrong_budgets_and_damaged_trials(splits, tmp_path):
    train, val, _ = splits
    with pytest.raises(ValueError, match=r"num_trials must be at least 1 \(got 0\)"):
        tune(BPRMF, train, val, 0, tmp_path, SPACE, FIXED)
    assert not list(tmp_path.iterdir())
    path = tmp_path / "trial-000.json"
    for value in ('"high"', "[1]"):
        path.write_text(f'{{"number": 0, "setting": {{}}, "value": {value}}}')
        with pytest.raises(ValueError, match=r"trial-000\.json"):
            Trial.load(path)


class Handed(VBPR):
    """A model that hands on what it does not know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


def test_the_published_setting_is_known_behind_kwargs(splits, tmp_path) -> None:
    space = {"reg_weight": (0.01, 0.1), "embedding_dim": (32, 64)}
    fixed = {"max_epochs": 1}
    trials = tune(Handed, *splits[:2], 9, tmp_path, space, fixed)
    assert trials[0].setting == {}
    assert len(trials) == 4  # none is tried twice


@pytest.mark.parametrize(
    ("space", "text"),
    [
        ({"reg_wieght": (1.0, 2.0)}, "reg_wieght=1.0 of the search space"),
        ({"reg_weight": ()}, "has no value"),
        ({"reg_weight": LogUniform(1e-2, 1e-3)}, "0 < low <= high"),
        ({"reg_weight": LogUniform(0.0, 1e-3)}, "0 < low <= high"),
        ({"embedding_dim": (8, 0)}, "embedding_dim=0 of the search space"),
        ({"embedding_dim": tuple(np.array([8, 16]))}, "JSON"),
        ({"metric": ("recall@20", "ndcg@20")}, "'metric' cannot be searched"),
        ({"seed": (0, 1)}, "'seed' cannot be searched"),
    ],
)
def test_a_wrong_space_is_told_before_the_first_trial(
    space, text, splits, tmp_path
) -> None:
    folder = tmp_path / "trials"
    with pytest.raises(ValueError, match=text):
        tune(VBPR, *splits[:2], 2, folder, space, {"max_epochs": 1})
    assert not folder.exists()


def test_a_class_of_the_name_of_one_of_ours_has_no_space_of_it() -> None:
    mine = type("VBPR", (VBPR,), {"__module__": "own"})
    with pytest.raises(ValueError, match=r"no search space for 'own\.VBPR'"):
        search_space(mine)
    assert search_space(VBPR) is SEARCH_SPACES["VBPR"]
