"""The committed results hold what the documentation says of them."""

import importlib
import json
import statistics
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_sea_reaches_the_released_code() -> None:
    runs = json.loads((RESULTS / "anchors.json").read_text())
    found = [r for r in runs if (r["data"], r["model"]) == ("lfm2k", "SEA")]
    settings = {json.dumps(run["setting"]) for run in found}
    assert len(settings) == 3
    for setting in settings:
        group = [run for run in found if json.dumps(run["setting"]) == setting]
        assert sorted(run["seed"] for run in group) == [0, 1, 2]
        if setting == "{}":
            assert statistics.mean(run["test"] for run in group) >= 0.4087


def test_the_table_is_that_of_the_runs() -> None:
    table = (RESULTS / "anchors.md").read_text()
    runs = json.loads((RESULTS / "anchors.json").read_text())
    values = [
        run["test"] for run in runs if (run["model"], run["setting"]) == ("SEA", {})
    ]
    mean, spread = statistics.mean(values), statistics.stdev(values)
    assert f"| SEA | 0.4087 | {mean:.4f} ± {spread:.4f} |" in table


@pytest.fixture(scope="module")
def script(on_path: None) -> ModuleType:
    return importlib.import_module("anchors")


@pytest.fixture
def trained(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []

    def train(anchor: Any, setting: Any, seed: int, *others: Any) -> dict[str, Any]:
        found.append((anchor.data, seed))
        scores = {"recall@20": 0.1 + seed, "ndcg@20": 0.2}
        return {"valid": scores, "test": scores, "best_epoch": 1, "seconds": 1.0}

    monkeypatch.setattr(script, "train", train)
    return found


def test_two_commands_keep_each_other_s_runs(
    script: ModuleType, trained: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "new" / "anchors.json"
    one, other = script.Results(path), script.Results(path)
    baby, sports = script.Anchor("baby", "A", 0, 0), script.Anchor("sports", "A", 0, 0)
    for seed in (0, 1):
        one.get(baby, {"lr": 1e-3}, seed, smoke=False)
        other.get(sports, {"lr": 1e-3}, seed, smoke=False)
    assert len(trained) == 4
    runs = json.loads(path.read_text())
    assert [(run["data"], run["seed"]) for run in runs] == trained

    # What both have is there once, and what is there needs no training.
    one.get(sports, {"lr": 1e-3}, 0, smoke=False)
    one.add({**runs[0], "test": 0.0})
    assert json.loads(path.read_text()) == runs
    again = script.Results(path)
    assert again.get(sports, {"lr": 1e-3}, 1, smoke=False) == runs[3]
    assert len(trained) == 4


def test_a_command_waits_for_another_to_write(
    script: ModuleType, trained: list[Any], tmp_path: Path
) -> None:
    path = tmp_path / "anchors.json"
    one, other = script.Results(path), script.Results(path)
    anchor = script.Anchor("baby", "A", 0, 0)
    thread = threading.Thread(target=other.get, args=(anchor, {}, 0, False))
    with one.locked():
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert not path.exists()
    thread.join(10)
    assert len(json.loads(path.read_text())) == 1
