import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sea_pyg.evaluation import EvaluationResult, evaluate
from sea_pyg.nn.mi import CLUB, GaussianMLP, L1Out
from sea_pyg.nn.models import BPRMF, VBPR, Popularity, resolve
from sea_pyg.report import load_cell, published
from sea_pyg.training import fit_setting, load_tensors, run_cell, tune

SETTING = {"max_epochs": 3, "embedding_dim": 4, "lr": 0.01, "eval_k": (5, 20)}
ABOUT = {"data": "toy", "split": "own", "method": "BPRMF"}


@pytest.fixture(scope="module")
def cell(splits, tmp_path_factory) -> tuple[dict[str, Any], Any]:
    path = tmp_path_factory.mktemp("cells") / "BPRMF" / "seed-0.json"
    return run_cell(
        BPRMF, SETTING, splits, path, {"data": "toy", "split": "own", "method": "BPRMF"}
    ), path


def test_a_cell_tells_what_training_came_to(cell, splits) -> None:
    plain, path = cell
    train, val, test = splits
    model, _, result, best = fit_setting(BPRMF, SETTING, train, val)
    assert (plain["best_epoch"], plain["epochs"]) == (result.best_epoch, 3)
    assert [row["epoch"] for row in plain["history"]] == [1, 2, 3]
    assert (plain["data"], plain["seed"], plain["deterministic"]) == ("toy", 0, False)
    assert plain["parameters"] == plain["parameters_with_gradient"] == 70 * 4
    assert plain["training"]["lr"] == 0.01
    assert plain["arguments"]["embedding_dim"] == 4
    assert plain["valid"]["recall@20"] == best
    assert plain["valid"] == evaluate(model, val, (5, 20)).metrics
    found = evaluate(model, test, (5, 20), beyond_accuracy=True)
    assert plain["test"] == found.to_dict()["metrics"]
    assert plain["test_users"] == found.num_users
    values = EvaluationResult.load(path.with_name(plain["per_user"]))
    assert values.to_json() == found.to_json()
    assert json.loads(path.read_text()) == plain


def test_time_is_that_of_an_epoch_and_nothing_else_is_left(cell) -> None:
    _, path = cell
    time = json.loads(path.with_suffix(".time.json").read_text())
    assert time["seconds_per_epoch"] == pytest.approx(time["seconds"] / 3, abs=2e-3)
    names = {"seed-0.json", "seed-0.time.json", "seed-0.safetensors"}
    assert {file.name for file in path.parent.iterdir()} == names


def test_a_finished_cell_may_be_read_on_another_device(cell, splits) -> None:
    plain, path = cell
    work = path.with_suffix(".work")
    work.mkdir()  # of a process that was killed when all was written
    assert run_cell(BPRMF, {**SETTING, "device": "cpu"}, splits, path) == plain
    assert not work.exists()


def test_published_values_are_as_good_as_any(cell, splits) -> None:
    plain, path = cell
    values = path.with_suffix(".safetensors")
    result, raw = EvaluationResult.load(values), values.read_bytes()
    result.save(published(values))
    values.unlink()
    assert run_cell(BPRMF, SETTING, splits, path) == plain
    assert not values.exists()
    assert load_cell(path).run().result.to_json() == result.to_json()
    published(values).unlink()
    assert run_cell(BPRMF, SETTING, splits, path, ABOUT) == plain  # trained again
    assert values.read_bytes() == raw


@pytest.mark.parametrize("model", [BPRMF, Popularity])
def test_weights_are_kept_where_they_are_asked_for(model, splits, tmp_path) -> None:
    setting = SETTING if model is BPRMF else {"eval_k": (5, 20)}
    path = tmp_path / "seed-0.json"
    plain = run_cell(model, setting, splits, path, keep_model=True)
    assert plain["deterministic"] == (model is Popularity)
    built = model(40, 30, **plain["arguments"])
    weights, _ = load_tensors(tmp_path / "seed-0.model.safetensors")
    built.load_state_dict(weights)
    assert (
        evaluate(built, splits[2], 20).metrics["recall@20"]
        == (plain["test"]["recall@20"])
    )


def test_what_a_cell_cannot_keep_is_told_before_training(splits, tmp_path) -> None:
    path = tmp_path / "cells" / "seed-0.json"
    for value in (BPRMF, float("nan")):
        with pytest.raises(ValueError, match=r"about\['own'\]"):
            run_cell(BPRMF, SETTING, splits, path, {**ABOUT, "own": value})
    assert not path.parent.exists()


def test_a_class_as_a_setting_stands_in_the_cell_by_its_name(splits, tmp_path) -> None:
    class Bound(CLUB):
        pass

    setting = {**SETTING, "max_epochs": 1, "separate.distance": Bound}
    path = tmp_path / "seed-0.json"
    plain = run_cell(VBPR, setting, splits, path, ABOUT, separate=True)
    assert plain["arguments"]["separate"]["distance"].endswith("Bound")
    again = run_cell(VBPR, setting, splits, path, ABOUT, separate=True)
    assert again == plain
    setting["separate.distance"] = L1Out
    with pytest.raises(ValueError, match="distance="):
        run_cell(VBPR, setting, splits, path, ABOUT, separate=True)


class Scaled(VBPR):
    """A model that hands on what it does not know."""

    def __init__(self, *args: Any, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scale = scale


def made_by(number: int) -> Callable[[int, int], torch.nn.Module]:
    return lambda x, y: GaussianMLP(x, y, hidden_channels=number)


def other(x: int, y: int) -> torch.nn.Module:
    return CLUB(x, y)


def bound(number: int) -> Callable[[int, int], torch.nn.Module]:
    return lambda x, y: CLUB(x, y, hidden_channels=number)


FIRST, SECOND = bound(4), bound(8)
ONE, TWO = (lambda x, y: CLUB(x, y)), (lambda x, y: L1Out(x, y))
SEPARATE = {"max_epochs": 1, "separate.distance_channels": 4}


@pytest.mark.parametrize(
    ("model", "one", "two"),
    [
        (BPRMF, {"embedding_dim": np.int64(4)}, {"embedding_dim": np.int64(8)}),
        (BPRMF, {"reg_weight": np.float32(0)}, {"reg_weight": np.float32(1)}),
        (Scaled, {}, {"reg_weight": 50.0}),
        (Scaled, {"embedding_dim": 8}, {}),
        (Scaled, {}, {"scale": 2.0}),
        (
            VBPR,
            {"separate.distance": functools.partial(CLUB, hidden_channels=4)},
            {"separate.distance": functools.partial(CLUB, hidden_channels=8)},
        ),
        (VBPR, {"separate.distance": FIRST}, {"separate.distance": SECOND}),
        (VBPR, {"separate.distance": FIRST}, {"separate.distance": other}),
        (VBPR, {"separate.distance": ONE}, {"separate.distance": TWO}),
        (
            VBPR,
            {"separate.distance_kwargs": {"conditional": made_by(4)}},
            {"separate.distance_kwargs": {"conditional": made_by(8)}},
        ),
    ],
)
def test_cells_of_other_settings_are_told_apart(
    model: type, one: dict, two: dict, splits, tmp_path
) -> None:
    path, separate = tmp_path / "seed-0.json", model is VBPR
    common = SEPARATE if separate else {"max_epochs": 1}
    first = run_cell(model, common | one, splits, path, separate=separate)
    assert run_cell(model, common | one, splits, path, separate=separate) == first
    with pytest.raises(ValueError, match="was made with"):
        run_cell(model, common | two, splits, path, separate=separate)


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [("arguments", "reg_weight", 0.5), ("training", "lr_decay", 0.9)],
)
def test_what_a_later_version_has_may_be_missing(
    where: str, name: str, value: float, splits, tmp_path
) -> None:
    path = tmp_path / "seed-0.json"
    plain = run_cell(BPRMF, SETTING, splits, path)
    del plain[where][name]
    path.write_text(json.dumps(plain))
    assert run_cell(BPRMF, SETTING, splits, path) == plain
    with pytest.raises(ValueError, match=f"{name}=None"):
        run_cell(BPRMF, {**SETTING, name: value}, splits, path)


def test_a_distance_is_the_same_by_name_and_by_class(splits, tmp_path) -> None:
    path = tmp_path / "seed-0.json"
    setting = {"max_epochs": 1, "separate.distance": "club"}
    plain = run_cell(VBPR, setting, splits, path, separate=True)
    setting["separate.distance"] = CLUB
    assert run_cell(VBPR, setting, splits, path, separate=True) == plain


def test_models_of_one_name_and_their_code_are_told_apart(
    splits, tmp_path, monkeypatch
) -> None:
    text = (
        "from sea_pyg.nn.models import BPRMF as Base\n\n\nclass BPRMF(Base):\n    {}\n"
    )
    for name in ("own_cell_one", "own_cell_two"):
        (tmp_path / f"{name}.py").write_text(text.format("pass"))
    monkeypatch.syspath_prepend(tmp_path)
    one, two = (resolve(f"own_cell_{name}.BPRMF") for name in ("one", "two"))
    path = tmp_path / "cells" / "seed-0.json"
    plain = run_cell(one, SETTING, splits, path)
    assert set(plain["own_code"]) == {"own_cell_one"}
    assert run_cell(one, SETTING, splits, path) == plain
    for model in (BPRMF, two):
        with pytest.raises(ValueError, match="own_cell_one"):
            run_cell(model, SETTING, splits, path)
    (tmp_path / "own_cell_one.py").write_text(text.format("number = 1"))
    with pytest.raises(ValueError, match="own_code"):
        run_cell(one, SETTING, splits, path)


def test_what_nothing_tells_apart_is_refused_before_training(splits, tmp_path) -> None:
    setting = {**SETTING, "activation": torch.nn.ReLU()}

    class Activated(BPRMF):
        def __init__(self, *args: Any, activation: Any = None, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    path = tmp_path / "cells" / "seed-0.json"
    with pytest.raises(ValueError, match=r"ReLU\(\)"):
        run_cell(Activated, setting, splits, path)
    assert not path.exists()


def test_searches_and_runs_of_models_of_one_name_are_told_apart(
    splits, tmp_path, monkeypatch
) -> None:
    text = "import sea_pyg.nn.models as m\n\n\nclass BPRMF(m.BPRMF):\n    {}\n"
    for name in ("own_search_one", "own_search_two"):
        (tmp_path / f"{name}.py").write_text(text.format("pass"))
    monkeypatch.syspath_prepend(tmp_path)
    one, two = (resolve(f"own_search_{name}.BPRMF") for name in ("one", "two"))
    train, val, _ = splits
    space, fixed, trials = (
        {"reg_weight": (0.1,)},
        {"max_epochs": 1},
        tmp_path / "trials",
    )
    tune(one, train, val, 1, trials, space, fixed)
    for model in (BPRMF, two):
        with pytest.raises(ValueError, match="of another search: of model="):
            tune(model, train, val, 1, trials, space, fixed)
    (tmp_path / "own_search_one.py").write_text(text.format("number = 1"))
    with pytest.raises(ValueError, match="of another search: of own_code="):
        tune(one, train, val, 1, trials, space, fixed)
    run = tmp_path / "run"
    fit_setting(one, fixed, train, val, run_dir=run)
    with pytest.raises(ValueError, match="was started with model="):
        fit_setting(two, fixed, train, val, run_dir=run)
